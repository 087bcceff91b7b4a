"""Where detections and recorded events lie: in the installed package, or in a checkout."""

from pathlib import Path

PACKAGE = Path(__file__).parent.parent


def detections_folder() -> Path:
    """The folder of Sigma files that this installation ships."""
    return _content("detections")


def recordings() -> list[Path]:
    """The recorded attack scenarios, by name, and a file of lines as they should not be."""
    events = _content("events")
    return [*sorted((events / "scenarios").glob("*.jsonl.gz")), events / "damaged.jsonl"]


def _content(name: str) -> Path:
    packaged = PACKAGE / "content" / name
    return packaged if packaged.exists() else PACKAGE.parent / name
