"""The generated pages say everything that the detections say of themselves."""

from pathlib import Path

from ekswatch.audit.vocabulary import FIELDS
from ekswatch.cli.content import detections_folder
from ekswatch.cli.docs import main, pages, stale
from ekswatch.rules.compile import compile_ruleset

RULESET = compile_ruleset(detections_folder())


def test_every_detection_filter_and_field_is_documented() -> None:
    """Nothing is missing from the pages."""
    wanted = pages(RULESET)

    assert all(f"### {one.slug}\n" in wanted["detections.md"] for one in RULESET.detections)
    assert all(f"`{one.name}`" in wanted["detections.md"] for one in RULESET.filters)
    assert all(f"`{name}`" in wanted["vocabulary.md"] for name in FIELDS)


def test_a_page_that_was_changed_by_hand_is_stale(tmp_path: Path) -> None:
    """The check names the page and fails."""
    assert main([str(tmp_path)]) == 0
    assert main(["--check", str(tmp_path)]) == 0

    (tmp_path / "vocabulary.md").write_text("other")

    assert stale(tmp_path, pages(RULESET)) == ["vocabulary.md"]
    assert main(["--check", str(tmp_path)]) == 1
