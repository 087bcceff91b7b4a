"""The table of settings in the documentation, made from the fields."""

from pathlib import Path

import pytest

from infra.config import Config
from infra.docs import BEGIN, END, PAGE, main, settings_table, with_table

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A page with an old table."""
    path = tmp_path / PAGE
    path.write_text(f"before\n{BEGIN}\n| old |\n\n{END}after\n")
    return path


def test_there_is_a_row_per_setting() -> None:
    """Its key, its default as it would be written, and what it means."""
    rows = [line.split(" | ") for line in settings_table().splitlines()[2:]]
    defaults = {key.strip("| `"): default for key, default, _ in rows}

    assert list(defaults) == list(Config.model_fields)
    assert defaults["clusters"] == "required"
    assert (defaults["sns"], defaults["email"]) == ("true", "none")
    assert (defaults["tags"], defaults["kms_key"]) == ("none", "none")
    assert (defaults["memory_mb"], defaults["schedule_minute"]) == ("`512`", "`0`")
    assert (defaults["filter"], defaults["stack_name"]) == ("`term`", "`ekswatch`")
    assert all(len(row) == 3 and row[2].rstrip("|").strip() for row in rows)


def test_a_stale_page_is_told_and_mended(page: Path, capsys: Capture) -> None:
    """A check changes nothing; writing keeps what stands around the table."""
    folder, before = str(page.parent), page.read_text()

    assert (main(["--check", folder]), page.read_text()) == (1, before)
    assert capsys.readouterr().err == f"stale, run make docs: {PAGE}\n"
    assert main([folder]) == main(["--check", folder]) == 0
    assert page.read_text() == f"before\n{BEGIN}\n{settings_table()}\n{END}after\n"


@pytest.mark.parametrize("text", ["", BEGIN, END, f"{END}{BEGIN}"])
def test_a_page_without_its_marks_is_an_error(text: str) -> None:
    """It would be written over, or never."""
    with pytest.raises(ValueError, match="lacks the line"):
        with_table(text)
