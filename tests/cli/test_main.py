"""The `ekswatch` command as a user meets it: output, exit codes, errors."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ekswatch.cli.exits import Exit
from ekswatch.cli.main import app
from ekswatch.findings.asff_model import check
from tests import places

EVENTS = Path(__file__).parents[2] / "events"
ATTACK = EVENTS / "scenarios" / "crb_cluster_admin_user.jsonl.gz"
QUIET = EVENTS / "scenarios" / "lookalike_new_team.jsonl.gz"
DAMAGED = EVENTS / "damaged.jsonl"
BASELINES = "detections wait for a baseline"
"""What a scan of a short log says."""


def scan(*arguments: object, stdin: bytes = b"") -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `ekswatch scan`."""
    runner = CliRunner(env={"COLUMNS": "160"})
    result = runner.invoke(app, ["scan", *map(str, arguments)], input=stdin)
    return result.exit_code, result.stdout, result.stderr


def found(text: str) -> set[str]:
    return {json.loads(line)["detection"] for line in text.splitlines()}


def test_findings_are_one_json_object_per_line() -> None:
    """A pipeline reads findings line by line."""
    code, out, err = scan(ATTACK, "--format", "jsonl")

    assert code == Exit.OK
    assert "cluster-admin-binding-created" in found(out)
    assert err.count("\n") == err.count(BASELINES) == 1


def test_the_same_file_gives_the_same_findings() -> None:
    """A second run on any day changes nothing."""
    assert scan(ATTACK, "--format", "json") == scan(ATTACK, "--format", "json")


@pytest.mark.parametrize(
    ("bar", "code"), [("critical", Exit.FINDINGS), ("high", Exit.FINDINGS), (None, Exit.OK)]
)
def test_the_bar_decides_the_exit_code(bar: str | None, code: Exit) -> None:
    """Findings alone do not fail a pipeline; those at or above its bar do."""
    assert scan(ATTACK, *(("--fail-on", bar) if bar else ()))[0] == code


def test_below_the_bar_is_no_failure() -> None:
    """Quiet files pass at any bar that they stay below."""
    assert scan(QUIET, "--fail-on", "medium")[0] == Exit.OK


def test_unreadable_records_are_named_and_the_rest_is_judged() -> None:
    """A damaged line costs itself only, and the exit code says that something is missing."""
    code, out, err = scan(DAMAGED, "--format", "jsonl")

    assert code == Exit.INCOMPLETE
    assert found(out) == {"privileged-workload-created"}
    assert "damaged.jsonl:3: not JSON" in err
    assert json.loads(out.splitlines()[0])["partial"]


def test_findings_above_the_bar_come_before_incompleteness() -> None:
    """What was found is worth more to a pipeline than what could not be read."""
    assert scan(DAMAGED, "--fail-on", "high")[0] == Exit.FINDINGS


def test_the_table_says_who_did_what() -> None:
    """The table names severity, detection, actor and object in words."""
    _, out, _ = scan(ATTACK)

    assert "CRITICAL" in out
    assert "platform-ops/eve" in out
    assert "create clusterrolebindings ops-admin" in out


def test_a_narrow_terminal_keeps_what_matters() -> None:
    """At 80 characters the table leaves out columns rather than emptying them."""
    narrow = CliRunner(env={"COLUMNS": "80"}).invoke(app, ["scan", str(ATTACK)]).stdout

    assert all(name in narrow for name in ("Severity", "Who", "What", "Count"))
    assert max(map(len, narrow.splitlines())) <= 80


def test_asff_is_what_security_hub_accepts() -> None:
    """Every record keeps AWS's documented limits."""
    _, out, _ = scan(ATTACK, "--format", "asff", "--account", "111122223333")

    records = json.loads(out)
    assert records
    for record in records:
        check(record)


def test_standard_input_is_read() -> None:
    """`-` reads what is piped in, plain or gzip."""
    piped = scan("-", "--format", "jsonl", stdin=gzip.decompress(ATTACK.read_bytes()))

    assert found(piped[1]) == found(scan(ATTACK, "--format", "jsonl")[1])


def test_a_folder_is_read_without_its_hidden_files(tmp_path: Path) -> None:
    """Every file below a folder is scanned, those of editors and git are not."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "audit.jsonl.gz").write_bytes(ATTACK.read_bytes())
    (tmp_path / ".hidden").write_text("not an audit log")

    code, out, _ = scan(tmp_path, "--format", "jsonl")

    assert (code, "cluster-admin-binding-created" in found(out)) == (Exit.OK, True)


def test_a_missing_file_is_wrong_use(tmp_path: Path) -> None:
    """The message names the path."""
    code, _, err = scan(tmp_path / "none.jsonl")

    assert code == Exit.USAGE
    assert "none.jsonl: there is no such file or folder" in err


def test_severities_below_the_chosen_one_are_left_out() -> None:
    """`--min-severity` thins the output."""
    _, out, _ = scan(EVENTS / "scenarios", "--format", "jsonl", "--min-severity", "high")

    severities = {json.loads(line)["severity"] for line in out.splitlines()}
    assert severities == {"HIGH", "CRITICAL"}


def test_errors_in_detections_stop_the_scan(tmp_path: Path) -> None:
    """A folder of detections with errors judges nothing, and every error is named."""
    folder = tmp_path / "detections" / "discovery"
    folder.mkdir(parents=True)
    (folder / "broken.yml").write_text("title: [")

    code, out, err = scan(ATTACK, "--detections", tmp_path / "detections")

    assert (code, out) == (Exit.RULES, "")
    assert "broken.yml" in err


def test_seed_mode_does_without_default_exclusions() -> None:
    """The seed rows report what the default filters would explain away."""
    controllers = EVENTS / "scenarios" / "lookalike_controllers_restart.jsonl.gz"

    def reads(*options: str) -> int:
        _, out, _ = scan(controllers, "--format", "jsonl", *options)
        return out.count('"detection":"secret-read-unusual-user-agent"')

    assert reads("--seed-mode") >= reads()


def test_tuning_switches_a_detection_off(tmp_path: Path) -> None:
    """An operator's folder changes what is found, without touching a detection."""
    switch = "disabled: {detections: [cluster-admin-binding-created]}\n"
    (tmp_path / "ekswatch.yml").write_text(switch)

    _, out, _ = scan(ATTACK, "--format", "jsonl", "--tuning", tmp_path)

    assert "cluster-admin-binding-created" not in found(out)


def test_a_database_of_the_tuning_folder_tells_where_callers_are(tmp_path: Path) -> None:
    """Findings have the country and network owner of their address."""
    places.write_country(tmp_path / "geo" / "City.mmdb")
    places.write_asn(tmp_path / "geo" / "ASN.mmdb")
    settings = "geo: {country: geo/City.mmdb, asn: geo/ASN.mmdb}\n"
    (tmp_path / "ekswatch.yml").write_text(settings)
    outside = EVENTS / "secret-read-unlisted-caller" / "match_script_from_outside.json"

    _, out, _ = scan(outside, "--format", "jsonl", "--tuning", tmp_path)

    sources = {one["detection"]: one["source"] for one in map(json.loads, out.splitlines())}
    told = sources["secret-read-unlisted-caller"]
    assert (told["address"], told["country"], told["asn"]) == ("198.51.100.77", "BR", "AS64511")


def test_a_wrong_database_stops_the_scan(tmp_path: Path) -> None:
    """One line names the settings, the key and the reason; nothing is judged without places."""
    (tmp_path / "ekswatch.yml").write_text("seed_mode: false\ngeo: {asn: ASN.mmdb}\n")

    code, out, err = scan(ATTACK, "--tuning", tmp_path)

    assert (code, out) == (Exit.RULES, "")
    told = f"{tmp_path}/ekswatch.yml:2: geo.asn: there is no file {tmp_path}/ASN.mmdb"
    assert [line.partition(";")[0] for line in err.splitlines()] == [told]


def test_a_database_that_is_damaged_inside_is_told(tmp_path: Path) -> None:
    """The scan goes on without the place of the address whose record is spoilt."""
    places.damage(places.write_asn(tmp_path / "ASN.mmdb"), b"Sample Hosting")
    (tmp_path / "ekswatch.yml").write_text("geo: {asn: ASN.mmdb}\n")
    outside = EVENTS / "secret-read-unlisted-caller" / "match_script_from_outside.json"

    _, out, err = scan(outside, "--format", "jsonl", "--tuning", tmp_path)

    assert "secret-read-unlisted-caller" in found(out)
    assert "geo failed on 1 events: BadDatabase" in err


def test_an_empty_file_is_nothing_and_no_error(tmp_path: Path) -> None:
    """Nothing in, nothing out."""
    empty = tmp_path / "empty.jsonl"
    empty.touch()

    assert scan(empty, "--format", "json")[:2] == (Exit.OK, "[]\n")


def test_a_terminal_is_never_driven_by_an_event(tmp_path: Path) -> None:
    """Control codes in a user name come out spelled."""
    line = gzip.decompress(ATTACK.read_bytes()).decode().replace("platform-ops/eve", "\\u001b[2Jx")
    file = tmp_path / "evil.jsonl"
    file.write_text(line)

    _, out, err = scan(file)

    assert "[2Jx" in out
    assert "\x1b" not in out + err


def test_help_states_the_exit_codes() -> None:
    """`--help` documents what a pipeline relies on."""
    text = CliRunner().invoke(app, ["scan", "--help"]).stdout

    assert all(str(int(code)) in text for code in Exit)


def run(command: str) -> subprocess.CompletedProcess[str]:
    """A shell command in which `$SCAN` is `ekswatch scan`, as a process of its own."""
    environment = os.environ | {"SCAN": f"{sys.executable} -m ekswatch.cli.main scan"}
    return subprocess.run(  # noqa: S603  # this interpreter, by a shell for its pipes
        ["/bin/bash", "-c", f"set -o pipefail; {command}"],
        env=environment,
        cwd=EVENTS.parent,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("format_", ["table", "json", "jsonl", "asff"])
def test_a_reader_that_leaves_early_is_no_error(format_: str) -> None:
    """`| head` ends the output; the exit code is that of the scan."""
    done = run(f"$SCAN events/scenarios/*.jsonl.gz --format {format_} | head -c 1")

    assert done.returncode == Exit.OK
    assert done.stderr.count("\n") == done.stderr.count(BASELINES) == 1


def test_a_full_disk_is_said() -> None:
    """Findings that could not be written are an error in words."""
    done = run("$SCAN events/scenarios --format jsonl >/dev/full")

    assert done.returncode == Exit.USAGE
    assert done.stderr == "standard output: No space left on device\n"


def test_a_closed_standard_input_is_wrong_use() -> None:
    """There is nothing to read, and no traceback."""
    done = run("$SCAN - <&-")

    assert done.returncode == Exit.USAGE
    assert "Traceback" not in done.stderr


def test_a_file_that_cannot_be_read_costs_only_itself(tmp_path: Path) -> None:
    """It is named with the reason, the others are judged, and the exit code says so."""
    (tmp_path / "audit.jsonl.gz").write_bytes(ATTACK.read_bytes())
    broken = Path("/proc/self/mem")  # opens, and then fails to be read

    code, out, err = scan(broken, tmp_path, "--format", "jsonl")

    assert code == Exit.INCOMPLETE
    assert "cluster-admin-binding-created" in found(out)
    assert f"{broken}: Input/output error" in err


def test_pipes_and_dead_links_in_a_folder_are_passed_over(tmp_path: Path) -> None:
    """A pipe would wait for ever."""
    (tmp_path / "audit.jsonl.gz").write_bytes(ATTACK.read_bytes())
    (tmp_path / "dead").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")

    assert scan(tmp_path)[0] == Exit.OK


def test_millions_of_unreadable_lines_are_counted_not_kept(tmp_path: Path) -> None:
    """The first are named, the others are a number."""
    other = tmp_path / "other.log"
    other.write_text("hello\n" * 5_000)

    code, out, err = scan(other)

    assert code == Exit.INCOMPLETE
    assert "Unreadable 5000" in out
    assert err.count("not JSON") == 20
    assert "... and 4,980 more" in err


def test_a_log_that_went_silent_is_told_when_asked() -> None:
    """An excerpt has gaps that mean nothing; who gives the whole log says so."""
    series = EVENTS / "audit-stream-silent" / "match_seventeen_minutes.jsonl"

    _, excerpt, _ = scan(series, "--format", "jsonl")
    _, whole, _ = scan(series, "--format", "jsonl", "--gaps", "--cluster", "prod")

    assert "audit-stream-silent" not in found(excerpt)
    (silent,) = (one for one in map(json.loads, whole.splitlines()) if "silent" in one["detection"])
    assert silent["message"] == "The audit log of prod went quiet after 2026-11-20T09:01:00.000Z"
