"""The generated pages say everything that the detections say of themselves."""

import json
import shutil
from functools import cache
from pathlib import Path

from ekswatch.audit.vocabulary import FIELDS
from ekswatch.cli.docs import PEERS, main, pages, shipped, stale
from ekswatch.cli.quality import Quality
from ekswatch.rules.ruleset import Ruleset

DOCS = Path(__file__).parents[2] / "docs"


@cache
def measured() -> tuple[Ruleset, Quality]:
    return shipped()


def wanted_pages() -> dict[str, str]:
    return pages(*measured(), json.loads((DOCS / PEERS).read_text()))


def test_every_detection_filter_and_field_is_documented() -> None:
    """Nothing is missing from the pages."""
    wanted, (ruleset, _) = wanted_pages(), measured()

    assert all(f"### {one.slug}\n" in wanted["detections.md"] for one in ruleset.detections)
    assert all(f"`{one.name}`" in wanted["detections.md"] for one in ruleset.filters)
    assert all(f"`{name}`" in wanted["vocabulary.md"] for name in FIELDS)


def test_a_page_that_was_changed_by_hand_is_stale(tmp_path: Path) -> None:
    """The check names the page and fails."""
    shutil.copy(DOCS / PEERS, tmp_path)
    assert main([str(tmp_path)], measured) == 0
    assert main(["--check", str(tmp_path)], measured) == 0

    (tmp_path / "vocabulary.md").write_text("other")

    assert stale(tmp_path, wanted_pages()) == ["vocabulary.md"]
    assert main(["--check", str(tmp_path)], measured) == 1


def test_every_row_has_its_peers() -> None:
    """What is told of peers is told of detections that exist."""
    peers = json.loads((DOCS / PEERS).read_text())
    slugs = {detection.slug for detection in measured()[0].detections}

    assert peers.keys() <= slugs
    assert len(peers) == 121
