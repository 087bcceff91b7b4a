"""What the written pages name exists."""

import re
from pathlib import Path

import pytest

from infra.config import Config
from infra.docs import with_table
from lambdas.telemetry import MEASURES, METRICS

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    """A relative link names a file or folder of the repository."""
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text())
    local = [target for target in targets if "://" not in target]

    assert [target for target in local if not (page.parent / target).exists()] == []


def test_every_promise_names_tests_that_exist() -> None:
    """A promise without its test is none."""
    named = re.findall(r"`(tests/[\w/]+\.py)`", (ROOT / "docs" / "promises.md").read_text())

    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_metric_is_documented() -> None:
    """Whoever watches the functions finds each metric explained."""
    page = (ROOT / "docs" / "deploying.md").read_text()

    assert [name for name, _ in (*METRICS, *MEASURES) if f"`{name}`" not in page] == []


def test_every_setting_is_documented() -> None:
    """Each setting stands in the table, which `make docs` writes."""
    page = (ROOT / "docs" / "deploying.md").read_text()

    assert len(Config.model_fields) > 9
    assert [key for key in Config.model_fields if f"| `{key}` |" not in page] == []
    assert with_table(page) == page


@pytest.mark.parametrize("target", ["demo", "test", "setup"])
def test_make_has_what_the_readme_says(target: str) -> None:
    """The commands of the README are targets of the Makefile."""
    assert f"make {target}" in (ROOT / "README.md").read_text()
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
