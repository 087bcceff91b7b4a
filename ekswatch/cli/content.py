"""Where detections and recorded events lie: in the installed package, or in a checkout."""

from pathlib import Path

PACKAGE = Path(__file__).parent.parent


def detections_folder() -> Path:
    """The folder of Sigma files that this installation ships."""
    return _content("detections")


def scenarios_folder() -> Path:
    """The folder of recorded attack scenarios, `<name>.jsonl.gz` each, with `labels.json`."""
    return _content("events/scenarios")


def _content(name: str) -> Path:
    packaged = PACKAGE / "content" / name
    return packaged if packaged.exists() else PACKAGE.parent / name
