"""`ekswatch explain` as a user meets it: what it says, how it ends."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ekswatch.audit.event import AuditEvent
from ekswatch.audit.intake import read_file
from ekswatch.cli.content import detections_folder
from ekswatch.cli.exits import Exit
from ekswatch.cli.explain import lines
from ekswatch.cli.main import app
from ekswatch.rules.compiler.compile import compile_ruleset
from ekswatch.rules.explain import Explainer, explain
from tests import places
from tests.rules import build

EVENTS = Path(__file__).parents[2] / "events"
IMPOSTOR = EVENTS / "workload-in-system-namespace" / "match_pod_with_component_name.json"
DENIED = EVENTS / "scenarios" / "sa_many_forbidden.jsonl.gz"
NINE = EVENTS / "forbidden-request-burst" / "ignore_nine_namespaces.jsonl"
DAMAGED = EVENTS / "damaged.jsonl"


def run(*arguments: object, stdin: bytes = b"") -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `ekswatch explain`."""
    result = CliRunner().invoke(app, ["explain", *map(str, arguments)], input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr


def flat(text: str) -> str:
    """Text without the outline's guides and line ends."""
    return " ".join(re.sub("[│├└─]", " ", text).split())


def records(file: Path) -> list[dict[str, Any]]:
    raw = file.read_bytes()
    text = gzip.decompress(raw) if file.suffix == ".gz" else raw
    return [json.loads(line) for line in text.splitlines()]


def written(folder: Path, *events: AuditEvent | dict[str, Any]) -> Path:
    file = folder / "audit.jsonl"
    file.write_text("".join(json.dumps(event) + "\n" for event in events))
    return file


def request(**fields: Any) -> dict[str, Any]:
    return {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "auditID": "a-1",
        "stage": "ResponseComplete",
        "verb": "get",
        "user": {"username": "jane"},
        "requestReceivedTimestamp": "2026-11-20T10:00:00.000000Z",
        **fields,
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Detections: one that fires on `get`, one that misses it by a test."""
    detections = tmp_path / "detections"
    build.values(detections, "verbs", ["get", "head"])
    read = {"read": {"verb|expand": "%verbs%"}, "condition": "read"}
    build.detection(detections, build.document("verb-read", read))
    listed = {"listed": {"verb": "list"}, "condition": "listed"}
    build.detection(detections, build.document("verb-listed", listed))
    return detections


# One event


def test_a_finding_is_explained_test_by_test() -> None:
    """Field, comparison, list and member, value, and what set the severity are all there."""
    code, out, err = run(IMPOSTOR, "--detection", "workload-in-system-namespace")

    assert (code, err) == (Exit.OK, "")
    text = flat(out)
    assert "a finding, severity HIGH" in text
    assert "in list %system_namespaces% (3 values), met by 'kube-system'; it is 'kube" in text
    assert "container 1 of 1 'app': finding" in text
    assert "Severity HIGH: by the entry for imitates" in text


def test_a_database_of_the_tuning_folder_is_asked(tmp_path: Path, folder: Path) -> None:
    """The test of a country shows where the address lies."""
    abroad = {"abroad": {"source.country|exists": True}, "condition": "abroad"}
    build.detection(folder, build.document("from-abroad", abroad))
    places.write_country(tmp_path / "tuning" / "Country.mmdb")
    build.write(tmp_path / "tuning" / "ekswatch.yml", {"geo": {"country": "Country.mmdb"}})
    file = written(tmp_path, request(sourceIPs=["198.51.100.7"]))
    options = ("--detections", folder, "--tuning", tmp_path / "tuning")

    code, out, err = run(file, "--detection", "from-abroad", *options)

    assert (code, err) == (Exit.OK, "")
    assert "it is 'BR'" in flat(out)


def test_a_database_that_is_damaged_inside_is_an_error(tmp_path: Path, folder: Path) -> None:
    """It opens, so that only the address whose record is spoilt shows it."""
    database = places.write_country(tmp_path / "tuning" / "City.mmdb")
    places.damage(database, b"Recife")
    build.write(tmp_path / "tuning" / "ekswatch.yml", {"geo": {"country": "City.mmdb"}})
    file = written(tmp_path, request(sourceIPs=["198.51.100.7"]))

    code, out, err = run(file, "--detections", folder, "--tuning", tmp_path / "tuning")

    assert (code, out) == (Exit.RULES, "")
    assert flat(err).startswith(f"geo: {database}: ")


def test_ticks_and_crosses_stand_before_what_held_and_what_did_not() -> None:
    """The outline is read at a glance."""
    _, out, _ = run(IMPOSTOR, "--detection", "workload-in-system-namespace")

    assert "✓ outcome: 'ok'; it is 'ok'" in out
    assert "✗ controller_child: true; it is false" in out
    assert "✓ not child" in out


def test_a_pipe_gets_lines_of_a_hundred_characters_without_colour() -> None:
    """What is piped into a file or a ticket stays readable there."""
    _, out, _ = run(IMPOSTOR, "--detection", "workload-in-system-namespace")

    assert max(map(len, out.splitlines())) <= 100
    assert "\x1b" not in out


def test_without_a_detection_the_nearest_misses_are_shown(tmp_path: Path, folder: Path) -> None:
    """Who wonders why nothing else fired sees what came closest, and what it lacks."""
    code, out, _ = run(written(tmp_path, request()), "--detections", folder)

    text = flat(out)
    assert code == Exit.OK
    assert "verb-read: a finding, severity MEDIUM" in text
    assert "verb-listed: 1 test away ✗ verb: 'list'; it is 'get' (in listed)" in text


@pytest.mark.parametrize(("top", "shown"), [(5, 5), (6, 6)])
def test_as_many_misses_as_are_asked_for(top: int, shown: int) -> None:
    """The others are counted, not listed."""
    _, out, _ = run(IMPOSTOR, "--top", top)

    assert f"Nearest misses, {shown} of" in out
    assert len(re.findall(r"\d tests? away$", out, re.MULTILINE)) == shown


def test_what_does_not_fire_says_first_what_is_missing(tmp_path: Path, folder: Path) -> None:
    """The answer stands above the tree that shows it."""
    file = written(tmp_path, request())
    _, out, _ = run(file, "--detections", folder, "--detection", "verb-listed")

    text = flat(out)
    assert "does not fire, 1 test away" in text
    assert text.index("It would fire if") < text.index("Rule verb-listed")


def test_a_suppressed_match_names_filter_reason_and_owner(tmp_path: Path, folder: Path) -> None:
    """The operator learns whom to ask, and that an expired filter would have hidden it, too."""
    section = {"rules": ["verb-read"], "jane": {"user.username": "jane"}, "condition": "not jane"}
    for name, more in {"holds": {}, "old": {"expires": "2026-11-19"}}.items():
        keys = {"reason": "a drill", "owner": "blue team", **more}
        made = build.exclusion(name, section, ekswatch=keys)
        build.write(folder / "filters" / f"{name}.yml", made)

    file = written(tmp_path, request())
    _, out, _ = run(file, "--detections", folder, "--detection", "verb-read")

    text = flat(out)
    assert "suppressed by the filter holds" in text
    assert "a drill (owner blue team)" in text
    assert "Filter old would have suppressed it, but it expired on 2026-11-19" in text


def test_all_stages_of_a_request_are_explained(tmp_path: Path, folder: Path) -> None:
    """The first stage is never judged, and that is said; a later one is."""
    file = written(tmp_path, request(stage="RequestReceived"), request(), request(auditID="b"))
    arguments = (file, "--detections", folder, "--detection", "verb-read", "--event", "a-1")
    _, out, _ = run(*arguments)

    assert flat(out).count("Rule verb-read") == 2
    assert "Not judged: the stage RequestReceived is left out" in flat(out)
    assert "a finding, severity MEDIUM" in flat(out)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_a_line_is_counted_from_one(tmp_path: Path, folder: Path, packed: bool) -> None:
    """Editors and `scan` count lines the same way."""
    file = written(tmp_path, request(auditID="a"), request(auditID="b"), request(auditID="c"))
    if packed:
        file.write_bytes(gzip.compress(file.read_bytes()))

    _, out, _ = run(file, "--detections", folder, "--line", 2)

    assert "audit ID b" in flat(out)


def test_long_values_are_cut_and_terminals_are_safe(tmp_path: Path, folder: Path) -> None:
    """What a caller chose fills no screen and moves no cursor."""
    file = written(tmp_path, request(verb="get\x1b[2J" + "x" * 1_000))

    _, out, _ = run(file, "--detections", folder, "--detection", "verb-listed")

    assert "\x1b" not in out
    assert "…" in out
    assert "x" * 200 not in flat(out).replace(" ", "")


@pytest.mark.parametrize(("rows", "more"), [(10, False), (11, True)])
def test_many_rows_are_cut_and_the_best_is_kept(tmp_path: Path, rows: int, more: bool) -> None:
    """A pod of many containers is shown by those that fired, and by its first ones."""
    privileged = {"sel": {"container.privileged": True}, "condition": "sel"}
    build.detection(tmp_path / "d", build.document("rule", privileged, view="container"))
    containers = [
        {"name": f"c{n}", "image": "a", "securityContext": {"privileged": n == rows - 1}}
        for n in range(rows)
    ]
    pod = request(
        verb="create",
        objectRef={"resource": "pods", "apiVersion": "v1"},
        requestObject={"kind": "Pod", "spec": {"containers": containers}},
    )
    arguments = ("--detections", tmp_path / "d", "--detection", "rule")

    _, out, _ = run(written(tmp_path, pod), *arguments)

    assert f"container {rows} of {rows} 'c{rows - 1}': finding" in flat(out)
    assert ("and 1 more" in out) == more
    assert flat(out).count("as container 1") == rows - 2 - more


@pytest.mark.parametrize(("groups", "more"), [(2, False), (3, True)])
def test_many_groups_are_cut(tmp_path: Path, folder: Path, groups: int, more: bool) -> None:
    """Of many groups the nearest are shown, and the number of the others."""
    counts = {"type": "event_count", "rules": ["base"], "timespan": "1h", "condition": {"gte": 5}}
    grouped = {**counts, "group-by": ["user.username"]}
    base = build.document("base", {"sel": {"verb": "get"}, "condition": "sel"})
    build.detection(folder, build.correlation("burst", grouped), base)
    callers = [n for n in range(groups) for _ in range(n + 1)]
    events = [request(auditID=f"a{i}", user={"username": f"u{n}"}) for i, n in enumerate(callers)]
    arguments = ("--detections", folder, "--detection", "burst", "--top", 2)

    _, out, _ = run(written(tmp_path, *events), *arguments)

    first, second = re.findall(r"✗ (\d), (\d) away: user.username 'u(\d)'", flat(out))
    assert first == (str(groups), str(5 - groups), str(groups - 1))
    assert second == (str(groups - 1), str(6 - groups), str(groups - 2))
    assert ("└── and 1 more" in out) == more


def test_secrets_are_hidden(tmp_path: Path, folder: Path) -> None:
    """A ticket with an explanation in it leaks no token."""
    token = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ.payload"
    file = written(tmp_path, request(verb=token))

    for format_ in ("text", "json"):
        _, out, _ = run(
            file, "--detections", folder, "--detection", "verb-listed", "--format", format_
        )
        assert "[redacted]" in out
        assert "eyJhbG" not in out


def test_json_is_the_same_tree() -> None:
    """Programs get every test with its values, and a version to rely on."""
    slug = "workload-in-system-namespace"
    code, out, _ = run(IMPOSTOR, "--detection", slug, "--format", "json")

    told = json.loads(out)
    (one,) = told["explanations"]
    (row,) = one["rules"][0]["rows"]
    created = row["condition"]["parts"][0]
    assert (code, told["schema_version"], len(told["rules_hash"])) == (Exit.OK, 1, 64)
    assert (one["detection"], one["outcome"], row["severity"]) == (slug, "finding", "HIGH")
    assert (created["name"], created["held"]) == ("created", True)
    assert created["part"]["parts"][2]["lists"] == ["system_namespaces"]


def test_lines_are_for_other_commands(folder: Path) -> None:
    """Whoever tests a detection can print an explanation without a terminal."""
    said = lines(explain(build.compiled(folder), build.event(verb="watch"), "verb-listed"))

    assert said[0].startswith("✗ verb-listed")
    assert "✗ verb: 'list'; it is 'watch' (in listed)" in flat(" ".join(said))


def test_examples_of_every_detection_are_drawn_within_the_width() -> None:
    """Whatever events and detections hold, lines stay within a hundred characters."""
    ruleset = compile_ruleset(detections_folder())
    explainer = Explainer(ruleset)
    files = sorted(EVENTS.glob("*/match_*"))[::2] + sorted(EVENTS.glob("*/ignore_*"))[::4]

    drawn = [
        line
        for file in files
        for batch in read_file(file)
        for line in lines(explainer.explain(batch.events[0], file.parent.name))
    ]

    assert len(drawn) > len(files)
    assert [line for line in drawn if len(line) > 100] == []


def test_standard_input_is_read() -> None:
    """`-` explains what is piped in, although several questions are asked of it."""
    slug = "forbidden-request-burst"
    piped = run("-", "--detection", slug, stdin=DENIED.read_bytes())

    assert piped == run(DENIED, "--detection", slug)


# Many events, correlations


def test_a_detection_over_a_file_counts_and_shows_the_nearest(tmp_path: Path, folder: Path) -> None:
    """Without an event, one sees what became of all of them; equal misses are one."""
    events = [request(auditID=f"a{n}", verb=verb) for n, verb in enumerate(["get", "watch"] * 3)]
    file = written(tmp_path, *events)

    code, out, _ = run(file, "--detections", folder, "--detection", "verb-read")

    assert code == Exit.OK
    assert "6 events: 3 finding, 3 no match" in flat(out)
    assert "(and 2 more like it): 1 test away" in flat(out)


def test_a_correlation_shows_how_near_its_best_group_came() -> None:
    """Nine of ten namespaces: one more and it would have fired."""
    code, out, _ = run(NINE, "--detection", "forbidden-request-burst")

    assert code == Exit.OK
    assert "✗ 9, 1 away: actor.name " in flat(out)
    assert "at least 10 distinct request.target within 10m" in flat(out)


def test_a_correlation_that_holds_has_a_tick() -> None:
    """What the window held is told with the number that was asked for."""
    _, out, _ = run(DENIED, "--detection", "forbidden-request-burst", "--format", "json")

    told = json.loads(out)
    held = [one for one in told["correlations"] if one["holds"]]
    assert {(one["correlation"], one["observed"], one["count"]) for one in held} == {
        ("forbidden-request-burst", 18, 10),
        ("forbidden-request-burst-some-refused", 18, 5),
    }
    assert all(one["group"]["actor.name"].endswith(":orders-worker") for one in held)


def test_signals_that_a_filter_kept_out_are_named(tmp_path: Path, folder: Path) -> None:
    """A burst that is silent because of a suppression says so."""
    counts = {"type": "event_count", "rules": ["base"], "timespan": "1h", "condition": {"gte": 2}}
    grouped = {**counts, "group-by": ["actor.name"]}
    base = build.document("base", {"sel": {"verb": "get"}, "condition": "sel"})
    build.detection(folder, build.correlation("burst", grouped), base)
    section = {"rules": ["base"], "jane": {"user.username": "jane"}, "condition": "not jane"}
    build.write(folder / "filters" / "jane.yml", build.exclusion("jane", section))
    file = written(tmp_path, request(auditID="a"), request(auditID="b"))

    _, out, _ = run(file, "--detections", folder, "--detection", "burst")

    assert "No signals of base: every match was suppressed" in flat(out)
    assert "Not counted: 2 matches that the filter jane suppressed" in flat(out)


def test_an_event_of_a_burst_shows_its_own_group() -> None:
    """One request of eighteen says what it counted for, over the whole file."""
    audit_id = next(
        each["auditID"] for each in records(DENIED) if "orders" in each["user"]["username"]
    )
    _, out, _ = run(DENIED, "--event", audit_id, "--detection", "forbidden-request-burst")

    assert "Counted by forbidden-request-burst (at least 10" in flat(out)
    assert "✓ 18: actor.name 'system:serviceaccount:orders:orders-worker'" in flat(out)


# Findings


def findings(file: Path, *arguments: object) -> list[dict[str, Any]]:
    scan = ["scan", str(file), "--format", "jsonl", *map(str, arguments)]
    return [json.loads(line) for line in CliRunner().invoke(app, scan).stdout.splitlines()]


def asff(finding_id: str) -> dict[str, Any]:
    """A finding as Security Hub has it."""
    scan = ["scan", str(DENIED), "--format", "asff"]
    return next(
        one for one in json.loads(CliRunner().invoke(app, scan).stdout) if one["Id"] == finding_id
    )


@pytest.mark.parametrize("shape", ["object", "array", "line", "Security Hub"])
def test_a_finding_is_traced_to_its_events(tmp_path: Path, shape: str) -> None:
    """What `scan` wrote, or Security Hub gives back, is explained."""
    found = next(f for f in findings(DENIED) if f["detection"] == "service-account-denied")
    file = tmp_path / "finding.json"
    file.write_text(
        {
            "object": json.dumps(found, indent=2),
            "array": json.dumps([found]),
            "line": json.dumps(found) + "\n",
            "Security Hub": json.dumps({"Findings": [asff(found["id"])]}),
        }[shape]
    )

    code, out, _ = run(DENIED, "--finding", file)

    assert code == Exit.OK
    assert f"audit ID {found['audit_ids'][0]}" in flat(out)
    assert f"a finding, severity {found['severity']}" in flat(out)
    assert "Made by other rules" not in out


def test_a_finding_of_a_correlation_shows_the_count_first() -> None:
    """What decided was the number of requests; a few of them follow."""
    found = next(f for f in findings(DENIED) if f["detection"] == "forbidden-request-burst")

    code, out, _ = run(DENIED, "--finding", found["id"])

    text = flat(out)
    assert code == Exit.OK
    assert "3 of its 18 requests" in text
    assert text.index("Correlation forbidden-request-burst") < text.index("Rule forbidden-")


def test_a_finding_made_by_other_rules_says_so(tmp_path: Path) -> None:
    """An explanation by changed rules may differ from what was reported."""
    found = {**findings(DENIED)[0], "rules_hash": "0" * 64}
    file = tmp_path / "finding.json"
    file.write_text(json.dumps(found))

    assert "Made by other rules (000000000000)" in flat(run(DENIED, "--finding", file)[1])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("not json", "not a finding of"),
        ("{}", "not a finding of"),
        ("[]", "holds 0 findings"),
        ("7", "not a finding of"),
        ('{"id":"i","detection":"d","audit_ids":[]}\n' * 2, "holds 2 findings"),
        ('{"id":"i","detection":"pod-exek","audit_ids":["a"]}', "did you mean 'pod-exec'?"),
        ('{"id":"i","detection":"pod-exec","audit_ids":["nowhere"]}', "is not about this file"),
    ],
)
def test_a_finding_that_can_not_be_used_says_why(tmp_path: Path, text: str, said: str) -> None:
    """Each wrong file has its own sentence."""
    file = tmp_path / "finding.json"
    file.write_text(text)

    code, out, err = run(DENIED, "--finding", file)

    assert (code, out) == (Exit.USAGE, "")
    assert said in err


def test_an_id_of_another_scan_says_what_to_do() -> None:
    """IDs depend on the cluster's name; then the finding itself is needed."""
    code, _, err = run(DENIED, "--finding", "ekswatch-" + "0" * 32)

    assert code == Exit.USAGE
    assert "give a file with the finding's JSON" in err


# How it ends


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "which of its events?"),
        (("--event", "nowhere"), "none of the 25 events"),
        (("--line", "26"), "there is no such line"),
        (("--detection", "pod-exek"), "did you mean 'pod-exec'?"),
        (("--detection", "secret-read-burst-read"), "a document of the detection 'secret-read-"),
        (("--line", "1", "--event", "x"), "give one"),
        (("--finding", "nowhere.json"), "No such file"),
    ],
)
def test_wrong_use_says_what_is_wrong(arguments: tuple[str, ...], said: str) -> None:
    """One sentence on standard error, nothing on standard output."""
    code, out, err = run(DENIED, *arguments)

    assert (code, out) == (Exit.USAGE, "")
    assert said in err


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """The name is repeated, so that a typing mistake is seen."""
    code, _, err = run(tmp_path / "nowhere.jsonl", "--line", 1)

    assert code == Exit.USAGE
    assert "nowhere.jsonl" in err


def test_an_unreadable_record_says_why() -> None:
    """The line that is asked for is damaged: that is the answer, with its own exit code."""
    code, out, err = run(DAMAGED, "--line", 3)

    assert (code, out) == (Exit.INCOMPLETE, "")
    assert "damaged.jsonl:3: not JSON" in err


def test_unreadable_records_make_an_answer_over_a_file_incomplete() -> None:
    """They might have been what fires; one event alone does not depend on them."""
    whole, _, err = run(DAMAGED, "--detection", "privileged-workload-created")
    one, _, silence = run(DAMAGED, "--line", 1, "--detection", "privileged-workload-created")

    assert (whole, one, silence) == (Exit.INCOMPLETE, Exit.OK, "")
    assert "damaged.jsonl:3: not JSON" in err


def test_an_id_may_be_among_the_unreadable() -> None:
    """An event that is not found in a damaged file may be in it all the same."""
    code, _, err = run(DAMAGED, "--event", "nowhere")

    assert code == Exit.INCOMPLETE
    assert "records are unreadable" in err


def test_a_file_without_events(tmp_path: Path) -> None:
    """Nothing to explain is said, not shown as silence."""
    file = tmp_path / "empty.jsonl"
    file.write_text("")

    for arguments in ((), ("--detection", "pod-exec")):
        code, _, err = run(file, *arguments)
        assert code == Exit.USAGE
        assert "no audit events" in err


def test_rules_with_errors_are_named_and_the_rest_explained(tmp_path: Path, folder: Path) -> None:
    """A broken file of one detection does not keep another from being explained."""
    (folder / "discovery" / "broken.yml").write_text("title: broken\n")
    file = written(tmp_path, request())

    code, out, err = run(file, "--detections", folder, "--detection", "verb-read")
    unknown, _, _ = run(file, "--detections", folder, "--detection", "broken")

    assert (code, unknown) == (Exit.RULES, Exit.RULES)
    assert "a finding, severity MEDIUM" in flat(out)
    assert "broken.yml" in err


def test_rules_that_do_not_load_at_all(tmp_path: Path) -> None:
    """Without a single detection there is nothing to explain."""
    (tmp_path / "detections").mkdir()

    assert run(DENIED, "--detections", tmp_path / "detections", "--line", 1)[0] == Exit.RULES


def test_every_option_is_documented() -> None:
    """The page names each option of the command."""
    page = (EVENTS.parent / "docs" / "explaining.md").read_text()
    options = set(re.findall(r"--[a-z-]+", run("--help")[1])) - {"--help", "--no-seed-mode"}

    assert len(options) > 8
    assert {option for option in options if option not in page} == set()


# What must be new


@pytest.fixture
def novel(tmp_path: Path) -> Path:
    """A detection of who reads a secret for the first time, that reads of anything teach."""
    read = {"read": {"verb": "get"}, "secret": {"resource": "secrets"}, "condition": "read"}
    keys = {"message": "x", "novel": {"key": ["actor.name"], "forget": "9d", "when": "secret"}}
    build.detection(tmp_path, build.document("newcomer", read, ekswatch=keys))
    return tmp_path


def test_what_must_be_new_is_said(tmp_path: Path, novel: Path) -> None:
    """One event says nothing of a cluster's past, so a finding stands under a condition."""
    file = written(tmp_path, request(objectRef={"resource": "secrets"}))

    text = flat(run(file, "--detections", novel, "--detection", "newcomer")[1])

    assert "a finding, if it is new to the cluster, severity MEDIUM" in text
    assert "Only if the cluster did not see this together for 9 days actor.name: 'jane'" in text


def test_what_only_teaches_is_said(tmp_path: Path, novel: Path) -> None:
    """The condition holds, and still nothing will come of it."""
    file = written(tmp_path, request(objectRef={"resource": "pods"}))

    text = flat(run(file, "--detections", novel, "--detection", "newcomer")[1])

    assert "no finding: it only teaches the baseline what is normal" in text
    assert "Teaches what is normal and no more, as secret does not hold" in text
