"""`ekswatch rules test`: examples are found, judged, and explained where they fail."""

import gzip
import json
import shutil
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from ekswatch.cli.examples import (
    Example,
    Judge,
    Outcome,
    UnreadableExample,
    events_folder,
    find_examples,
    read_events,
    strays,
)
from ekswatch.cli.exits import Exit
from ekswatch.cli.main import app
from ekswatch.cli.scaffold import Kind, write
from ekswatch.cli.specimens import ASKED, Request
from ekswatch.cli.starts import STARTS
from ekswatch.rules.compiler.compile import compile_ruleset
from ekswatch.rules.ruleset import Check, Ruleset
from tests import places
from tests.rules import build

CONTAINER = STARTS["container"]
FILTER = """
title: Jane may
id: 6d4f0c0e-4e0b-4b43-9a0a-2b4a3c1a7f10
logsource: {product: kubernetes, service: audit}
filter:
  rules: [my-stream]
  jane: {user.extra.sessionName: jane}
  condition: not jane
ekswatch: {reason: She is on call, owner: platform}
"""


def rules(*arguments: object) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `ekswatch rules`."""
    result = CliRunner().invoke(app, ["rules", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A folder with one detection of each kind, on containers."""
    folder = tmp_path / "mine"
    for kind in Kind:
        name = f"my-{kind}"
        write(folder, name, kind=kind, view="container", tactic="", today=date(2026, 11, 20))
    return folder


def put(path: Path, *events: dict[str, Any]) -> Path:
    """A file of events, one per line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    return path


def outcome(folder: Path, slug: str, name: str, events: Iterable[dict[str, Any]]) -> Outcome:
    """The outcome of one more example of a detection."""
    path = put(folder / "events" / slug / name, *events)
    kind = "match" if name.startswith("match_") else "ignore"
    return Judge(compile_ruleset(folder)).outcome(Example(slug, kind, path))


def series(request: Request, *minutes: float) -> list[dict[str, Any]]:
    return [request.event(minute) for minute in minutes]


# Where examples lie


def test_examples_lie_inside_a_folder_of_ones_own(tmp_path: Path) -> None:
    """A folder of any name has them inside, whether they are there yet or not."""
    assert events_folder(tmp_path / "my-rules") == tmp_path / "my-rules" / "events"


def test_examples_lie_beside_a_folder_called_detections(tmp_path: Path) -> None:
    """As in this repository, unless there is a folder of events inside."""
    folder = tmp_path / "detections"

    assert events_folder(folder) == tmp_path / "events"

    (folder / "events").mkdir(parents=True)
    assert events_folder(folder) == folder / "events"


def test_examples_are_found_by_their_names(tmp_path: Path) -> None:
    """Kind and detection come from the path; hidden files and recordings are no examples."""
    for name in (
        *("pod-exec/match_b.jsonl", "pod-exec/ignore_a.json", "pod-exec/match_c.jsonl.gz"),
        *("pod-exec/.match_d.json", "pod-exec/notes.md", "benign.jsonl", "scenarios/exec.jsonl"),
        "pod-exec/match_d.txt",
    ):
        put(tmp_path / name)

    assert [(one.name, one.kind) for one in find_examples(tmp_path)] == [
        ("pod-exec/ignore_a", "ignore"),
        ("pod-exec/match_b", "match"),
        ("pod-exec/match_c", "match"),
    ]


def test_files_that_only_look_like_examples_are_named(tmp_path: Path) -> None:
    """A misspelt name, and an example of nobody, would else stay silent for ever."""
    for name in ("pod-exec/mtach_a.json", "pod-exce/match_b.json", "scenarios/exec.jsonl"):
        put(tmp_path / name)

    assert [(path.name, reason) for path, reason in strays(tmp_path, ["pod-exec"])] == [
        ("match_b.json", "there is no detection 'pod-exce'"),
        ("mtach_a.json", "an example is named match_* or ignore_* and ends in .json or .jsonl"),
    ]


def test_no_folder_of_events_is_no_examples(tmp_path: Path) -> None:
    """Nothing is there, and nothing is wrong."""
    assert find_examples(tmp_path / "none") == strays(tmp_path / "none", ["pod-exec"]) == ()


# What is in them


def test_an_example_is_read_in_every_shape(tmp_path: Path) -> None:
    """Lines, one pretty object, an array, gzip: as a person has it."""
    event = CONTAINER.match.event()
    line = put(tmp_path / "a.jsonl", event)
    pretty, array, packed = (tmp_path / name for name in ("b.json", "c.json", "d.jsonl.gz"))
    pretty.write_text(json.dumps(event, indent=2))
    array.write_text(json.dumps([event]))
    packed.write_bytes(gzip.compress(line.read_bytes()))

    ids = [[one.auditID for one in read_events(path)] for path in (line, pretty, array, packed)]
    assert ids == [[event["auditID"]]] * 4


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "there are no audit events in it"),
        ("hello\n", "a.jsonl:1: not JSON"),
        ('{"kind":"Event"', "a.jsonl"),
        ('{"kind":"Event","verb":"get","user":{"username":"jane"},"requestObject":{"a', "whole"),
        ('{"stream":"authenticator","level":"info"}', "a.jsonl"),
    ],
)
def test_an_example_that_is_not_whole_is_refused(content: str, said: str, tmp_path: Path) -> None:
    """What is damaged, cut, empty or of another kind shows nothing, and the file is named."""
    path = tmp_path / "a.jsonl"
    path.write_text(content)

    with pytest.raises(UnreadableExample, match=r"a\.jsonl") as refused:
        read_events(path)

    assert said in str(refused.value)


def test_an_example_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    """The reason is the system's."""
    with pytest.raises(UnreadableExample, match="No such file"):
        read_events(tmp_path / "none.json")


# How they are judged


def test_a_match_that_is_missed_says_what_it_lacks(mine: Path) -> None:
    """The nearest event is shown with the test that failed."""
    found = outcome(mine, "my-stream", "match_x.json", series(CONTAINER.ignore, 0))

    assert found.problem == "no finding: the condition does not hold"
    assert "1 test away" in found.hints[0]
    assert "container.capabilities" in found.hints[1]
    assert "NET_BIND_SERVICE" in found.hints[1]


def test_a_match_that_a_filter_hides_says_so(mine: Path) -> None:
    """Its name is the first thing to look at."""
    (mine / "filters").mkdir()
    (mine / "filters" / "jane.yml").write_text(FILTER)

    found = outcome(mine, "my-stream", "match_x.json", series(CONTAINER.match, 0))

    assert found.problem == "no finding: suppressed by the filter jane"


def test_a_match_of_another_detection_says_so(mine: Path) -> None:
    """An event in the wrong folder is told apart from one that nothing finds."""
    write(mine, "other", kind=Kind.STREAM, view="pod", tactic="", today=date(2026, 11, 20))

    found = outcome(mine, "other", "match_x.json", series(CONTAINER.match, 0))

    assert found.problem == "no finding: the condition does not hold; it does for my-stream"


def test_an_ignored_event_that_is_found_says_as_what(mine: Path) -> None:
    """Severity and message of the finding stand in the problem."""
    found = outcome(mine, "my-stream", "ignore_x.json", series(CONTAINER.match, 0))

    assert found.problem.startswith("MEDIUM arn:aws:sts::")
    assert found.problem.endswith("the capability SYS_ADMIN")


@pytest.mark.parametrize(
    ("minutes", "enough"),
    [
        ((0, 1, 2, 3, 10), True),
        ((0, 1, 2, 3, 10.1), False),
        ((0, 1, 2, 3), False),
        ((0, 600, 601, 602, 603, 604), True),
    ],
)
def test_a_count_goes_by_event_time(minutes: tuple[float, ...], enough: bool, mine: Path) -> None:
    """Five requests within ten minutes are enough, wherever they lie in the series."""
    found = outcome(mine, "my-window", "match_x.jsonl", series(CONTAINER.match, *minutes))

    assert found.passed is enough


def test_a_count_that_is_not_reached_says_how_far_it_came(mine: Path) -> None:
    """The signals are counted by document."""
    found = outcome(mine, "my-window", "match_x.jsonl", series(CONTAINER.match, 0, 1, 2))

    told = "what it counts matches (my-window-request 3x), the correlation does not hold"
    assert found.problem == f"no finding: {told}"


@pytest.mark.parametrize(("asked", "done", "found"), [(0, 9, True), (9, 0, False), (0, 11, False)])
def test_a_sequence_goes_by_order_and_time(
    asked: float, done: float, found: bool, mine: Path
) -> None:
    """The steps must follow each other, within the time."""
    events = [ASKED.event(asked), CONTAINER.match.event(done)]

    assert outcome(mine, "my-sequence", "match_x.jsonl", events).passed is found


def test_examples_do_not_count_together(mine: Path) -> None:
    """Each series stands alone: two halves of a burst are no burst."""
    judge = Judge(compile_ruleset(mine))
    path = put(mine / "half.jsonl", *series(CONTAINER.match, 0, 1, 2))
    half = Example("my-window", "ignore", path)

    assert judge.outcome(half).passed
    assert judge.outcome(half).passed


def test_a_detection_that_fails_on_an_event_fails_the_example(mine: Path) -> None:
    """A crash must not look quiet; the next example is judged by itself."""
    whole = compile_ruleset(mine)
    judge = Judge(_broken(whole, "my-stream"))
    match = Example("my-stream", "ignore", put(mine / "x.json", *series(CONTAINER.match, 0)))

    assert "my-stream failed on " in judge.outcome(match).problem
    empty = Example("my-stream", "ignore", put(mine / "y.json"))
    assert "failed" not in judge.outcome(empty).problem


def _broken(ruleset: Ruleset, name: str) -> Ruleset:
    """The ruleset with a rule that raises on every event."""
    check = Check("responseStatus.code", "lt", ("not a number",))
    changed = tuple(
        msgspec.structs.replace(rule, condition=check) if rule.name == name else rule
        for rule in ruleset.rules
    )
    return msgspec.structs.replace(ruleset, rules=changed)


# The command


def test_all_examples_that_ship_pass() -> None:
    """Each is told by name, and the exit code is 0."""
    code, out, err = rules("test")

    lines = out.splitlines()
    assert code == Exit.OK
    assert "pass  pod-exec/match_shell_over_spdy" in lines
    assert all(line.startswith("pass  ") for line in lines)
    assert err.endswith(", 0 failed\n")


def test_a_failing_example_fails_the_command(mine: Path) -> None:
    """The others are told all the same."""
    put(mine / "events" / "my-stream" / "match_x.json", CONTAINER.ignore.event())

    code, out, err = rules("test", "--detections", mine)

    assert code == Exit.FINDINGS
    assert "FAIL  my-stream/match_x\n      no finding: " in out
    assert "pass  my-window/match_enough_in_ten_minutes" in out
    assert err == "11 examples of 3 detections, 1 failed\n"


def test_only_the_named_detections_are_tested(mine: Path) -> None:
    """What fails elsewhere does not matter then."""
    put(mine / "events" / "my-stream" / "match_x.json", CONTAINER.ignore.event())
    put(mine / "events" / "nobody" / "match_x.json", CONTAINER.ignore.event())

    code, out, _ = rules("test", "my-window", "--detections", mine)

    assert code == Exit.OK
    assert {line.split("/")[0] for line in out.splitlines()} == {"pass  my-window"}


def test_an_unknown_slug_is_wrong_use(mine: Path) -> None:
    """The message names the nearest one."""
    code, out, err = rules("test", "my-windows", "--detections", mine)

    assert (code, out) == (Exit.USAGE, "")
    assert "did you mean 'my-window'?" in err


def test_an_example_of_no_detection_fails(mine: Path) -> None:
    """It was written for something, and that is gone or misspelt."""
    put(mine / "events" / "my-steam" / "match_x.json", CONTAINER.match.event())

    code, out, _ = rules("test", "--detections", mine)

    assert code == Exit.FINDINGS
    assert "there is no detection 'my-steam'" in out


def test_an_unreadable_example_fails(mine: Path) -> None:
    """File, line and reason are told."""
    (mine / "events" / "my-stream" / "ignore_x.json").write_text("hello")

    code, out, _ = rules("test", "--detections", mine)

    assert code == Exit.FINDINGS
    assert "ignore_x.json:1: not JSON" in out


def test_detections_without_examples_are_named(mine: Path) -> None:
    """They pass, as nothing failed; lint asks for examples."""
    shutil.rmtree(mine / "events" / "my-stream")

    code, out, _ = rules("test", "--detections", mine)

    assert code == Exit.OK
    assert "none  my-stream has no examples" in out


def test_examples_of_what_is_switched_off_are_left_out(mine: Path, tmp_path: Path) -> None:
    """They are nobody's mistake."""
    tuning = tmp_path / "tuning"
    tuning.mkdir()
    (tuning / "ekswatch.yml").write_text("disabled: {detections: [my-stream]}\n")

    code, out, _ = rules("test", "--detections", mine, "--tuning", tuning)

    assert code == Exit.OK
    assert "my-stream" not in out
    named = rules("test", "my-stream", "--detections", mine, "--tuning", tuning)
    assert named[2].startswith("my-stream is switched off by the tuning folder\n0 examples")


def test_examples_are_judged_with_the_databases_of_the_tuning_folder(tmp_path: Path) -> None:
    """An example of a detection by country passes with one, and fails without."""
    abroad = {"abroad": {"source.country": "BR"}, "condition": "abroad"}
    build.detection(tmp_path / "own", build.document("from-abroad", abroad))
    event = CONTAINER.match.event() | {"sourceIPs": ["198.51.100.7"]}
    put(tmp_path / "own" / "events" / "from-abroad" / "match_abroad.json", event)
    places.write_country(tmp_path / "tuning" / "Country.mmdb")
    build.write(tmp_path / "tuning" / "ekswatch.yml", {"geo": {"country": "Country.mmdb"}})
    options = ("from-abroad", "--detections", tmp_path / "own")

    assert rules("test", *options)[2].startswith("1 example of 1 detection, 1 failed")
    assert rules("test", *options, "--tuning", tmp_path / "tuning")[2].startswith(
        "1 example of 1 detection, 0 failed"
    )


def test_examples_may_lie_elsewhere(mine: Path, tmp_path: Path) -> None:
    """`--events` names the folder; one that is not there, or is a file, is wrong use."""
    shutil.move(mine / "events", tmp_path / "elsewhere")

    options = ("--detections", mine, "--events")
    assert rules("test", *options, tmp_path / "elsewhere")[2].startswith("10 examples of 3 ")
    for path in (tmp_path / "none", tmp_path / "elsewhere" / "my-stream" / "match_example.json"):
        code, _, err = rules("test", *options, path)
        assert (code, err) == (Exit.USAGE, f"{path}: there is no such folder\n")


def test_outcomes_as_json(mine: Path) -> None:
    """A program finds every part under its documented key."""
    put(mine / "events" / "my-stream" / "match_x.json", CONTAINER.ignore.event())
    put(mine / "events" / "nobody" / "match_x.json", CONTAINER.ignore.event())
    shutil.rmtree(mine / "events" / "my-window")

    _, out, _ = rules("test", "--detections", mine, "--format", "json")

    told = json.loads(out)
    failed = [one for one in told["examples"] if not one["passed"]]
    assert list(told) == ["schema_version", "examples", "misplaced", "without_examples"]
    assert [one["detection"] for one in failed] == ["my-stream"]
    assert list(failed[0]) == ["detection", "kind", "file", "passed", "problem", "hints"]
    assert told["without_examples"] == ["my-window"]
    assert [one["problem"] for one in told["misplaced"]] == ["there is no detection 'nobody'"]


def test_a_terminal_is_never_driven_by_an_example(mine: Path) -> None:
    """Control codes in an event come out spelled."""
    event = CONTAINER.match.event()
    event["user"]["username"] = "\x1b[2Jx"
    put(mine / "events" / "my-stream" / "ignore_x.json", event)

    _, out, _ = rules("test", "--detections", mine)

    assert "[2Jx" in out
    assert "\x1b" not in out
