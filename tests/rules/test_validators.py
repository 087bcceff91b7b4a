"""The shipped detections pass pySigma's own validators, as `sigma check` runs them."""

from pathlib import Path

import pytest
from sigma.collection import SigmaCollection
from sigma.validation import SigmaValidator
from sigma.validators.core import validators

ROOT = Path(__file__).parents[2]
DETECTIONS = ROOT / "detections"
CONFIG = DETECTIONS / ".sigma-check.yml"
FILES = sorted(file for file in DETECTIONS.glob("*/*.yml") if file.parent.name != "lists")


def validator() -> SigmaValidator:
    return SigmaValidator.from_yaml(CONFIG.read_text(), validators)


def collection(*files: Path) -> SigmaCollection:
    return SigmaCollection.load_ruleset(list(files), collect_errors=True)


@pytest.fixture(scope="module")
def readable(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Path]:
    """The shipped files as pySigma can read them: it takes no placeholder for a network."""
    folder = tmp_path_factory.mktemp("detections")
    copies = {file: folder / file.parent.name / file.name for file in FILES}
    for file, copy in copies.items():
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(file.read_text().replace("|expand|cidr:", "|expand:"))
    return copies


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_shipped_file_is_plain_sigma(file: Path, readable: dict[Path, Path]) -> None:
    """pySigma reads every document without an error."""
    assert collection(readable[file]).errors == []


def test_the_validators_find_nothing(readable: dict[Path, Path]) -> None:
    """Nothing is left to say about all shipped documents together."""
    issues = validator().validate_rules(iter(collection(*readable.values()).rules))

    assert len(FILES) > 30
    assert [str(issue) for issue in issues] == []


def test_the_validators_are_at_work(tmp_path: Path) -> None:
    """A tag that is there twice and a wildcard that is none are still found."""
    bad = tmp_path / "something_suspicious.yml"
    bad.write_text(
        "title: Anything\n"
        "id: 4f2b2a9e-63a4-4b0e-8f6c-0f2b9d0e7c11\n"
        "tags: [attack.execution, attack.execution]\n"
        "logsource: {product: kubernetes, service: audit}\n"
        "detection: {s: {userAgent: '*curl*'}, condition: s}\n"
    )

    issues = validator().validate_rules(iter(collection(bad).rules))

    assert {type(issue).__name__ for issue in issues} == {
        "DuplicateTagIssue",
        "WildcardsInsteadOfContainsModifierIssue",
    }
