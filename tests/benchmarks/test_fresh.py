"""Fresh processes: on what the archive holds, with every event read, and no SDK loaded."""

import json
from pathlib import Path

import pytest

from benchmarks.corpora import payloads, recorded
from benchmarks.fresh import LoadedTooMuchError, run, unpacked
from benchmarks.rulesets import shipped
from ekswatch.rules.ruleset import dump


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is deployed, for this platform."""
    return unpacked(tmp_path_factory.mktemp("deployed") / "code", compiled=False)


@pytest.fixture
def artefact(tmp_path: Path) -> Path:
    file = tmp_path / "ruleset.json"
    file.write_bytes(dump(shipped()))
    return file


@pytest.fixture
def payload(tmp_path: Path) -> Path:
    file = tmp_path / "payload.json"
    file.write_text(json.dumps(payloads(recorded()[:50], 50)[0]))
    return file


def test_the_copy_holds_handlers_and_libraries_without_bytecode(code: Path) -> None:
    """As the archive: no command line, no local account, nothing compiled."""
    assert (code / "lambdas" / "stream.py").is_file()
    assert (code / "msgspec" / "__init__.py").is_file()
    assert (code / "aws_lambda_powertools").is_dir()
    assert not (code / "ekswatch" / "cli").exists()
    assert [*code.rglob("*.pyc")] == []


def test_a_fresh_process_judges_every_event(code: Path, artefact: Path, payload: Path) -> None:
    """What is measured is the whole way, from the first import to the last match."""
    result = run(code, artefact, payload)

    assert (result["events"], result["lost"]) == (50, 0)
    assert result["import_ms"] + result["load_ms"] + result["build_ms"] == pytest.approx(
        result["init_ms"]
    )
    assert result["peak_mib"] > 5


def test_a_process_that_loads_the_sdk_is_an_error(
    code: Path, artefact: Path, payload: Path
) -> None:
    """A library that is not needed yet would be paid for at every cold start."""
    (code / "boto3.py").write_text("")
    handler = code / "lambdas" / "stream.py"
    before = handler.read_text()
    handler.write_text(before.replace("import os\n", "import os\nimport boto3\n", 1))

    try:
        with pytest.raises(LoadedTooMuchError, match="boto3"):
            run(code, artefact, payload)
    finally:
        handler.write_text(before)


def test_a_process_that_fails_tells_why(code: Path, artefact: Path, tmp_path: Path) -> None:
    """Its standard error is in the exception."""
    with pytest.raises(RuntimeError, match="FileNotFoundError"):
        run(code, artefact, tmp_path / "none.json")
