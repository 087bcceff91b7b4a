"""What the Lambda archive is made of. No test here asks a package index."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ekswatch.rules.ruleset import load
from infra import bundling
from infra.target import Target
from tests import places
from tests.infra.conftest import ROOT
from tests.infra.template import Resources

BUILD_TIME_LIBRARIES = ("aws_cdk", "moto", "pydantic", "rich", "sigma", "typer", "yaml")
"""What the archive has no room for. boto3 is not among them: it comes with the runtime."""

IMPORT_HANDLERS = f"""
import sys
for name in {BUILD_TIME_LIBRARIES!r}:
    sys.modules[name] = None
import lambdas.hourly, lambdas.stream
print(lambdas.stream.__file__)
"""

MINE = """\
title: Own namespace deleted
id: 0d4b7c8e-9f51-4f8c-8a4e-6f2f3f1f8a10
name: mine
description: The namespace of the payments team was deleted.
logsource: {product: kubernetes, service: audit}
detection:
  deleted: {objectRef.resource: namespaces, objectRef.name: payments, verb: delete}
  condition: deleted
level: high
ekswatch: {message: '{actor.name} deleted {object.ref}'}
"""


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our own part of the archive."""
    out = tmp_path_factory.mktemp("archive")
    bundling.copy_code(out)
    return out


def test_the_archive_holds_the_handlers_and_not_the_tools(code: Path) -> None:
    """Command line, local account, rule compiler and this machine's bytecode stay at home."""
    assert (code / "lambdas" / "stream.py").is_file()
    assert (code / "ekswatch" / "audit" / "event.py").is_file()
    for tool in ("ekswatch/cli", "ekswatch/local", "ekswatch/rules/compiler/compile.py"):
        assert (ROOT / tool).exists()
        assert not (code / tool).exists()
    assert {path.suffix for path in code.rglob("*") if path.is_file()} == {".py"}


def test_what_is_imported_later_is_in_the_archive_too(code: Path) -> None:
    """The stream function loads these only when there is something to send."""
    source = (code / "lambdas" / "stream.py").read_text()

    assert "    from lambdas.delivery import" in source
    assert (code / "lambdas" / "delivery.py").is_file()


def test_the_template_calls_what_the_archive_was_made_for(resources: Resources) -> None:
    """A third handler would need its imports in the archive as well."""
    called = {
        function["Handler"].rpartition(".")[0]
        for function in resources.of("AWS::Lambda::Function").values()
    }

    assert called == set(bundling.HANDLERS)


def test_handlers_import_without_what_is_left_out(code: Path, tmp_path: Path) -> None:
    """Both handlers start from the archive's copy, with no build-time library in reach."""
    environment = os.environ | {
        "PYTHONPATH": str(code),
        "AWS_DEFAULT_REGION": "us-east-1",
        "EKSWATCH_SIGNALS_LOG_GROUP": "signals",
        "EKSWATCH_TABLE_NAME": "state",
    }

    result = subprocess.run(  # noqa: S603  # this interpreter
        [sys.executable, "-P", "-c", IMPORT_HANDLERS],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (result.returncode, result.stderr) == (0, "")
    assert Path(result.stdout.strip()) == code / "lambdas" / "stream.py"


def test_every_library_is_pinned_with_its_hash() -> None:
    """pip is told to refuse anything else, and the lock gives it nothing else."""
    lock = (ROOT / "requirements" / "lambda.txt").read_text()
    entries = re.sub(r"\\\n\s*", " ", lock).strip().splitlines()

    assert entries
    assert [
        entry for entry in entries if not re.match(r"[\w.-]+==\S+.* --hash=sha256:", entry)
    ] == []


def test_the_lock_names_no_package_index() -> None:
    """The lock works with whatever index pip is configured for."""
    for lock in (ROOT / "requirements").glob("*.txt"):
        assert not re.search(r"https?://|--(extra-)?index-url|--find-links|file:", lock.read_text())


def test_pip_asks_for_the_platform_of_the_functions(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Wheels for CPython 3.14 on arm64 only, each checked against its hash, none built here."""
    asked: list[str] = []
    monkeypatch.setattr(bundling, "_run", lambda *arguments: asked.extend(arguments))

    bundling.install_libraries(tmp_path, Target.AWS)

    assert {"--require-hashes", "--only-binary=:all:", "--no-deps"} <= set(asked)
    assert {"--python-version=3.14", "--platform=manylinux_2_28_aarch64"} <= set(asked)


def test_the_operators_tuning_is_compiled_in(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The folder of the context reaches the rule compiler as an absolute path."""
    asked: list[str] = []
    monkeypatch.setattr(bundling, "_run", lambda *arguments: asked.extend(arguments))
    monkeypatch.chdir(tmp_path)

    (tmp_path / "ruleset.json").touch()
    bundling.compile_ruleset(tmp_path / "ruleset.json", Path("mine"))

    assert asked[-2:] == [str(ROOT / "detections"), str(tmp_path / "mine")]


def test_a_wrong_detection_ends_the_build_with_its_name(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """What is wrong with the operator's folder is told, without a traceback."""
    (tmp_path / "ekswatch.yml").write_text("disabled: {detections: [no-such-detection]}")

    with pytest.raises(subprocess.CalledProcessError):
        bundling.compile_ruleset(tmp_path / "ruleset.json", tmp_path)

    told = capfd.readouterr().err
    assert "no-such-detection" in told
    assert "Traceback" not in told


def test_a_live_list_that_no_detection_uses_ends_the_build(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """It would be read every quarter of an hour, and decide nothing."""
    lists = ("tor_exits=s3://intel/tor.txt", "tor_exit=ssm:/intel/tor")

    with pytest.raises(bundling.RulesRefused):
        bundling.compile_ruleset(tmp_path / "ruleset.json", None, lists)
    told = capfd.readouterr().err
    bundling.compile_ruleset(tmp_path / "ruleset.json", None, lists[:1])

    assert told == (
        "live_lists: no detection uses a list 'tor_exit' that can be live, did you mean"
        " tor_exits?\n"
    )


def test_the_operators_databases_are_in_the_archive(tmp_path: Path) -> None:
    """Beside the rules, which name them by their content and not by their place."""
    tuning, out = tmp_path / "tuning", tmp_path / "out"
    out.mkdir()
    file = places.write_asn(tuning / "ASN.mmdb")
    (tuning / "ekswatch.yml").write_text("geo: {asn: ASN.mmdb}")

    bundling.compile_ruleset(out / "ruleset.json", tuning)

    (copy,) = (out / "geo").iterdir()
    manifest = json.loads((out / "ruleset.json").read_bytes())["body"]["manifest"]
    assert [database["file"] for database in manifest["databases"]] == [f"geo/{copy.name}"]
    assert copy.read_bytes() == file.read_bytes()
    assert str(tmp_path) not in (out / "ruleset.json").read_text()


def test_databases_are_the_same_bytes_wherever_they_lay(tmp_path: Path) -> None:
    """The archive's hash, which decides whether functions are deployed again, stays."""
    made = []
    for name, at in (("a", 1_700_000_000), ("b", 1_800_000_000)):
        tuning, out = tmp_path / name / "tuning", tmp_path / name / "out"
        out.mkdir(parents=True)
        file = places.write_asn(tuning / name / "ASN.mmdb")
        os.utime(file, (at, at))
        (tuning / "ekswatch.yml").write_text(f"geo: {{asn: {name}/ASN.mmdb}}")
        bundling.compile_ruleset(out / "ruleset.json", tuning)
        bundling.make_readable(out)
        files = [path for path in sorted(out.rglob("*")) if path.is_file()]
        made.append(
            [(path.relative_to(out), path.read_bytes(), path.stat().st_mode) for path in files]
        )

    assert len(made[0]) == 2
    assert made[0] == made[1]


def test_the_operators_detections_are_deployed(tmp_path: Path) -> None:
    """Beside those that ship, in the same file of rules."""
    (tmp_path / "detections").mkdir()
    (tmp_path / "detections" / "mine.yml").write_text(MINE)

    bundling.compile_ruleset(tmp_path / "ruleset.json", tmp_path)
    bundling.compile_ruleset(tmp_path / "shipped.json", None)

    rules, shipped = (
        {detection.slug for detection in load((tmp_path / file).read_bytes()).detections}
        for file in ("ruleset.json", "shipped.json")
    )
    assert rules == shipped | {"mine"}


def test_a_wrong_database_ends_the_build(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """With the key, the file and the reason."""
    places.write_country(tmp_path / "City.mmdb")
    (tmp_path / "ekswatch.yml").write_text("geo: {asn: City.mmdb}")

    with pytest.raises(bundling.RulesRefused):
        bundling.compile_ruleset(tmp_path / "ruleset.json", tmp_path)

    told = capfd.readouterr().err
    assert f"geo.asn: {tmp_path / 'City.mmdb'} is of the type 'GeoLite2-City'" in told
    assert "Traceback" not in told


def test_every_error_is_told_and_nothing_is_built(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What would load is not deployed alone, and no wheel is fetched before that is known."""
    monkeypatch.setattr(bundling, "install_libraries", lambda *_: pytest.fail("too early"))
    tuning, out = tmp_path / "tuning", tmp_path / "out"
    out.mkdir()
    for name in ("filters/first.yml", "filters/second.yml", "lists/no_such_list.yml"):
        (tuning / name).parent.mkdir(parents=True, exist_ok=True)
        (tuning / name).write_text("a: [\n")

    with pytest.raises(bundling.RulesRefused) as raised:
        bundling.build(out, tuning)

    told = capfd.readouterr().err
    files = ("filters/first", "filters/second", "lists/no_such_list")
    assert all(f"{file}.yml:2: not valid YAML" in told for file in files)
    assert "named on standard error; nothing is deployed" in str(raised.value)
    assert list(out.iterdir()) == []


def test_an_archive_without_rules_is_never_built(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A rule compiler that ends well and writes nothing is an error, not a quiet analyzer."""
    monkeypatch.setattr(bundling, "_run", lambda *_: None)

    with pytest.raises(FileNotFoundError, match=r"without writing .*ruleset\.json"):
        bundling.compile_ruleset(tmp_path / "ruleset.json", None)


def test_what_children_print_stays_off_standard_output(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Standard output carries the protocol between CDK and its app."""
    bundling._run("-c", "print('hello')")

    assert capfd.readouterr() == ("", "hello\n")


def test_a_failing_child_fails_the_bundle() -> None:
    """A missing wheel or a wrong detection must end the deployment."""
    with pytest.raises(subprocess.CalledProcessError):
        bundling._run("-c", "raise SystemExit(3)")
