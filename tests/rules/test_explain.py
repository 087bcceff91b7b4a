"""Explanations: the engine's verdicts, with every test's real value and the nearest miss."""

import gzip
import math
from collections import Counter
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ekswatch.audit.event import AuditEvent
from ekswatch.audit.views import EventRow
from ekswatch.rules import trial
from ekswatch.rules.compiler.compile import compile_ruleset
from ekswatch.rules.explain import MATCHED, Explainer, Explanation, RowTrial, explain, nearest
from ekswatch.rules.matcher.engine import Engine
from ekswatch.rules.ruleset import And, Check, Expression, Not, Or, Ruleset
from tests.rules import build

ROOT = Path(__file__).parents[2]
EVENTS = ROOT / "events"
EXAMPLES = sorted(each.parent for each in EVENTS.glob("*/match_*"))
RECORDED = [*sorted((EVENTS / "scenarios").glob("*.jsonl.gz")), EVENTS / "benign.jsonl.gz"]
EVENT = msgspec.json.Decoder(AuditEvent)

GET = {"sel": {"verb": "get"}, "condition": "sel"}


# The engine's verdicts


@cache
def shipped() -> Ruleset:
    return compile_ruleset(ROOT / "detections")


def events(file: Path) -> list[AuditEvent]:
    read = gzip.decompress if file.suffix == ".gz" else bytes
    return [EVENT.decode(line) for line in read(file.read_bytes()).splitlines()]


def sampled() -> list[AuditEvent]:
    """Some events of each recording, and of the quiet day as many as of all attacks."""
    *attacks, quiet = RECORDED
    picked = [event for file in attacks for event in events(file)[::40]]
    everyday = events(quiet)
    return [*picked, *everyday[:: len(everyday) // len(picked)]]


Verdict = tuple[str, bool, str, str, str]
"""Document, whether it is a signal, suppressing filter, severity, what set the severity.

Of a suppressed match, which is only counted, there are document and filter.
"""


def of_engine(engine: Engine, event: AuditEvent) -> Counter[Verdict]:
    findings = {rule.name for rule in engine.ruleset.rules if rule.finding}
    return Counter(
        (m.document, m.signal, "", m.severity.name, m.reason)
        if not m.suppressed_by
        else (m.document, False, m.suppressed_by, "", "")
        for m in engine.match([event])
        if not (m.suppressed_by and m.signal and m.document in findings)
    )


def of_explanations(ruleset: Ruleset, found: tuple[Explanation, ...]) -> Counter[Verdict]:
    rules = {rule.name: rule for rule in ruleset.rules}
    verdicts: Counter[Verdict] = Counter()
    for one in found:
        for tried in one.rules:
            rule = rules[tried.rule]
            if rule.detection == one.detection:
                for row in tried.rows:
                    verdicts.update(of_row(row, tried.rule, rule.finding, rule.signal))
    return verdicts


def of_row(row: RowTrial, name: str, finding: bool, signal: bool) -> list[Verdict]:
    if row.outcome == "suppressed":
        return [(name, False, row.suppressed_by, "", "")]
    if row.outcome not in MATCHED:
        return []
    decided = next((level.when for level in row.levels if level.decided), ())
    reason = " and ".join(selection.name for selection in decided)
    kinds = [False] * finding + [True] * (signal or not finding)
    return [(name, kind, "", row.severity, reason) for kind in kinds]


@cache
def judges(*, seed_mode: bool) -> tuple[Engine, Explainer]:
    return Engine(shipped(), seed_mode=seed_mode), Explainer(shipped(), seed_mode=seed_mode)


@pytest.mark.parametrize("seed_mode", [False, True], ids=["", "seed mode"])
@pytest.mark.parametrize("folder", dict.fromkeys(EXAMPLES), ids=lambda folder: folder.name)
def test_examples_are_explained_as_the_engine_judges_them(folder: Path, seed_mode: bool) -> None:
    """Rows, suppressing filters, severities and what set them are the engine's."""
    engine, explainer = judges(seed_mode=seed_mode)
    own = {rule.name for rule in shipped().rules if rule.detection == folder.name}
    files = [file for file in sorted(folder.iterdir()) if file.name != "severity.json"]
    examples = [event for file in files for event in events(file)]

    for event in examples:
        told = of_explanations(shipped(), (explainer.explain(event, folder.name),))
        judged = of_engine(engine, event)
        assert told == Counter({verdict: n for verdict, n in judged.items() if verdict[0] in own})


@pytest.mark.parametrize("seed_mode", [False, True], ids=["", "seed mode"])
def test_all_detections_are_explained_as_the_engine_judges_them(seed_mode: bool) -> None:
    """An example may be found by other detections than its own, and is judged by them all."""
    engine, explainer = judges(seed_mode=seed_mode)
    firsts = [events(next(iter(sorted(folder.glob("match_*")))))[0] for folder in {*EXAMPLES}]

    for event in firsts:
        assert of_explanations(shipped(), explainer.nearest(event)) == of_engine(engine, event)


def test_recorded_events_are_explained_as_the_engine_judges_them() -> None:
    """What holds for examples holds for ordinary events."""
    engine, explainer = judges(seed_mode=False)
    recorded = sampled()
    judged = [of_engine(engine, event) for event in recorded]

    assert len(recorded) > 150
    assert any(judged)
    for event, verdicts in zip(recorded, judged, strict=True):
        assert of_explanations(shipped(), explainer.nearest(event)) == verdicts


# Tests and their values


def one_row(explanation: Explanation) -> RowTrial:
    ((row,),) = [rule.rows for rule in explanation.rules]
    return row


def only_test(tmp_path: Path, test: dict[str, Any], /, **fields: Any) -> trial.Test:
    build.detection(tmp_path, build.document("rule", {"sel": test, "condition": "sel"}))
    row = one_row(explain(build.compiled(tmp_path), build.event(**fields), "rule"))
    (found,) = trial.leaves(row.condition)
    return found


def test_a_test_has_field_comparison_and_both_values(tmp_path: Path) -> None:
    """A person sees what was wanted and what was there."""
    found = only_test(tmp_path, {"userAgent|startswith": ["curl", "wget"]}, userAgent="Wget/1.2")

    assert (found.field, found.op, found.held) == ("userAgent", "startswith", True)
    assert (found.expected, found.met, found.value) == (("curl", "wget"), "wget", "Wget/1.2")


def test_a_failed_test_was_met_by_nothing(tmp_path: Path) -> None:
    """Where a test fails, no value is claimed to have met it."""
    found = only_test(tmp_path, {"verb": ["list", "watch"]})

    assert (found.held, found.value, found.met) == (False, "get", None)


def test_an_absent_field_has_no_value(tmp_path: Path) -> None:
    """Absent is told apart from empty."""
    found = only_test(tmp_path, {"userAgent": None})

    assert (found.op, found.held, found.value) == ("null", True, None)


def test_a_list_is_named_with_the_member_that_met_it(tmp_path: Path) -> None:
    """Who tunes a list must know which one decided, and by which entry."""
    build.values(tmp_path, "tools", ["kubectl", "k9s"])
    found = only_test(tmp_path, {"userAgent|expand|startswith": "%tools%"}, userAgent="K9s/1")

    assert (found.lists, found.met, found.expected_count) == (("tools",), "k9s", 2)


def test_two_lists_of_one_test_are_both_named(tmp_path: Path) -> None:
    """A value may combine lists, and an item may have several."""
    build.values(tmp_path, "hosts", ["a", "b"])
    build.values(tmp_path, "paths", ["x"])
    item = {"userAgent|expand": ["%hosts%/%paths%", "%paths%", "typed in"]}

    assert only_test(tmp_path, item, userAgent="b/x").lists == ("hosts", "paths")


def test_list_names_change_no_verdict() -> None:
    """The names are for people: without them the engine finds the same."""
    nameless = msgspec.json.decode(
        b"".join(_without_lists(msgspec.json.encode(shipped()))), type=Ruleset
    )
    with_names, without = Engine(shipped()), Engine(nameless)

    assert nameless != shipped()
    for event in sampled()[::3]:
        assert of_engine(without, event) == of_engine(with_names, event)


def _without_lists(artefact: bytes) -> list[bytes]:
    def stripped(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: stripped(v) for k, v in value.items() if k != "lists"}
        return [stripped(each) for each in value] if isinstance(value, list) else value

    return [msgspec.json.encode(stripped(msgspec.json.decode(artefact)))]


def test_of_several_values_the_one_that_met_is_named(tmp_path: Path) -> None:
    """A user in fifty groups matched by one of them."""
    groups = ["system:authenticated", "system:masters"]
    found = only_test(tmp_path, {"user.groups": "system:masters"}, user={"groups": groups})

    assert (found.value, found.members) == (tuple(groups), ("system:masters",))


def test_wildcards_are_shown_as_they_are_written(tmp_path: Path) -> None:
    """A pattern is an engine's business; the author wrote a star."""
    found = only_test(tmp_path, {"userAgent": "a.*b?c"}, userAgent="a.xxb1c")

    assert (found.op, found.held, found.expected) == ("like", True, ("a.*b?c",))


@pytest.mark.parametrize(
    ("written", "op"),
    [(r"\*", "equals"), (r"a\?", "equals"), (r"\**", "startswith"), (r"a\*?c", "like")],
)
def test_a_literal_star_is_no_wildcard(tmp_path: Path, written: str, op: str) -> None:
    """A star that means a star, as in RBAC, is written as it is in the detection."""
    found = only_test(tmp_path, {"userAgent": written})

    assert (found.op, found.expected) == (
        op,
        (written.removesuffix("*") if op == "startswith" else written,),
    )


def test_a_comparison_of_fields_has_both_values(tmp_path: Path) -> None:
    """Of two fields, both values are told."""
    found = only_test(
        tmp_path,
        {"objectRef.name|fieldref": "objectRef.namespace"},
        objectRef={"name": "prod", "namespace": "test"},
    )

    assert (found.held, found.value, found.other) == (False, "prod", "test")


def test_values_are_redacted(tmp_path: Path) -> None:
    """An explanation shows no more than a finding would."""
    agent = "curl -H 'Authorization: Bearer abcdefghijklmnop'"
    found = only_test(tmp_path, {"userAgent|contains": "curl"}, userAgent=agent)

    assert "abcdefghijklmnop" not in str(found)
    assert "[redacted]" in str(found.value)


@pytest.mark.parametrize(("count", "shown"), [(20, 20), (21, 20)])
def test_long_lists_are_counted_and_cut(tmp_path: Path, count: int, shown: int) -> None:
    """A list of hundreds does not drown the value that met it."""
    build.values(tmp_path, "many", [f"agent-{number}" for number in range(count)])
    last = f"agent-{count - 1}"
    found = only_test(tmp_path, {"userAgent|expand": "%many%"}, userAgent=last)

    assert (len(found.expected), found.expected_count, found.met) == (shown, count, last)


def test_a_broken_test_says_what_it_raised(tmp_path: Path) -> None:
    """As in the engine the rule fails, and here one sees at which test."""
    build.detection(tmp_path, build.document("rule", GET))
    compiled = build.compiled(tmp_path)
    check = Check("responseStatus.code", "lt", ("not a number",))
    (rule,) = compiled.rules
    broken = msgspec.structs.replace(rule, condition=And((rule.condition, check)))
    ruleset = msgspec.structs.replace(compiled, rules=(broken,))

    one = explain(ruleset, build.event(responseStatus={"code": 200}), "rule")

    assert one.outcome == "failed"
    assert [t.error.partition(":")[0] for t in trial.leaves(one_row(one).condition)] == [
        "",
        "TypeError",
    ]


def test_a_broken_test_that_is_not_reached_costs_nothing(tmp_path: Path) -> None:
    """The engine stops at the first test that decides, so this is no failure."""
    build.detection(tmp_path, build.document("rule", GET))
    compiled = build.compiled(tmp_path)
    check = Check("responseStatus.code", "lt", ("not a number",))
    (rule,) = compiled.rules
    broken = msgspec.structs.replace(rule, condition=Or((rule.condition, check)))
    ruleset = msgspec.structs.replace(compiled, rules=(broken,))

    assert explain(ruleset, build.event(responseStatus={"code": 200}), "rule").outcome == "finding"


# How far from holding


def tried(expression: Expression, held: dict[str, bool]) -> trial.Node:
    """An expression over annotations, of which those that hold are there."""
    there = {name: "yes" for name, is_there in held.items() if is_there}
    event = build.event(annotations=there)
    return trial.Tester().tried(expression, {}, "", EventRow(event))


def leaf(name: str) -> Check:
    return Check(f"annotations.{name}", "equals", ("yes",))


A, B, C = leaf("a"), leaf("b"), leaf("c")


@pytest.mark.parametrize(
    ("expression", "held", "flips"),
    [
        (And((A, B, C)), "a", 2),
        (Or((A, B, C)), "", 1),
        (Or((And((A, B)), C)), "", 1),
        (Or((And((A, B)), And((B, C)))), "a", 1),
        (Not(A), "a", 1),
        (Not(And((A, B))), "ab", 1),
        (Not(Or((A, B))), "ab", 2),
        (And((A, Not(Or((B, C))))), "bc", 3),
        (And((A, B)), "ab", 0),
        (And(()), "", 0),
        (Or(()), "", math.inf),
        (Not(And(())), "", math.inf),
        (Or((Or(()), A)), "", 1),
    ],
)
def test_flips_are_counted_on_the_tree(expression: Expression, held: str, flips: float) -> None:
    """All of need every one, any of the cheapest, not the opposite."""
    assert trial.flips(tried(expression, dict.fromkeys(held, True))) == flips


NAMES = "abcde"

trees = st.permutations(NAMES).flatmap(
    lambda names: st.recursive(
        st.sampled_from([leaf(name) for name in names]),
        lambda inner: st.one_of(
            inner.map(Not),
            st.lists(inner, max_size=3).map(lambda parts: And(tuple(parts))),
            st.lists(inner, max_size=3).map(lambda parts: Or(tuple(parts))),
        ),
        max_leaves=5,
    )
)


def distinct(expression: Expression) -> bool:
    """Whether every leaf is another field, so that each can come out on its own."""
    names = [test.field for test in trial.leaves(tried(expression, {}))]
    return len(names) == len(set(names))


@settings(max_examples=60, deadline=None)
@given(trees.filter(distinct), st.sets(st.sampled_from(NAMES)))
def test_flips_are_the_fewest_there_are(expression: Expression, held: set[str]) -> None:
    """No smaller change of test results makes the condition hold, and the named ones do."""
    now = {name: name in held for name in NAMES}
    node = tried(expression, now)
    changes = [
        sum(now[name] is not value for name, value in zip(NAMES, values, strict=True))
        for values in product([False, True], repeat=len(NAMES))
        if tried(expression, dict(zip(NAMES, values, strict=True))).held
    ]
    flipped = {flip.test.field.removeprefix("annotations.") for flip in trial.deciding(node)}

    assert trial.flips(node) == min(changes, default=math.inf)
    if changes:
        assert len(flipped) == trial.flips(node)
        assert tried(expression, {n: v is not (n in flipped) for n, v in now.items()}).held


def test_a_miss_names_selection_and_test(tmp_path: Path) -> None:
    """The nearest way to fire is named where the author finds it."""
    detection = {
        "read": {"verb": "get", "objectRef.resource": "secrets"},
        "node": {"user.username|startswith": "system:node:"},
        "condition": "read and not node",
    }
    build.detection(tmp_path, build.document("rule", detection))
    event = build.event(user={"username": "system:node:a"}, objectRef={"resource": "pods"})

    row = one_row(explain(build.compiled(tmp_path), event, "rule"))

    assert (row.outcome, row.flips) == ("no match", 2)
    assert [(m.selection, m.wanted, m.test.field) for m in row.missing] == [
        ("read", True, "objectRef.resource"),
        ("node", False, "user.username"),
    ]


def test_an_empty_list_can_not_be_met(tmp_path: Path) -> None:
    """A list that was emptied makes the detection silent, and that is said."""
    build.values(tmp_path, "none", [])
    item = {"sel": {"userAgent|expand": "%none%"}, "condition": "sel"}
    build.detection(tmp_path, build.document("rule", item))

    one = explain(build.compiled(tmp_path), build.event(userAgent="curl"), "rule")

    assert (one.outcome, one.flips, one_row(one).missing) == ("no match", None, ())


def test_nearest_misses_come_first_and_ties_by_name(tmp_path: Path) -> None:
    """Matches, then what is suppressed, then misses by the number of tests that fail."""
    two = {"sel": {"verb": "list", "level": "Request"}, "condition": "sel"}
    for name, detection in {
        "far": two,
        "near-b": {"sel": {"verb": "list"}, "condition": "sel"},
        "near-a": {"sel": {"verb": "watch"}, "condition": "sel"},
        "hidden": GET,
        "fires": GET,
    }.items():
        build.detection(tmp_path, build.document(name, detection))
    section = {"rules": ["hidden"], "sel": {"verb": "get"}, "condition": "not sel"}
    build.write(tmp_path / "filters" / "f.yml", build.exclusion("f", section))

    found = nearest(build.compiled(tmp_path), build.event())

    assert [one.detection for one in found] == ["fires", "hidden", "near-a", "near-b", "far"]
    assert [one.flips for one in found] == [0, 0, 1, 1, 2]


# Rows, stages


def pod(*privileged: bool, **fields: Any) -> AuditEvent:
    containers = [
        {"name": f"c{number}", "image": "a", "securityContext": {"privileged": each}}
        for number, each in enumerate(privileged)
    ]
    return build.event(
        verb="create",
        objectRef={"resource": "pods", "namespace": "web", "apiVersion": "v1"},
        requestObject={"kind": "Pod", "spec": {"containers": containers}},
        **fields,
    )


PRIVILEGED = build.document(
    "rule", {"sel": {"container.privileged": True}, "condition": "sel"}, view="container"
)


def test_every_row_is_judged(tmp_path: Path) -> None:
    """Of three containers one sees which fired."""
    build.detection(tmp_path, PRIVILEGED)

    (rule,) = explain(build.compiled(tmp_path), pod(False, True, False), "rule").rules

    assert [(row.row, row.label, row.outcome) for row in rule.rows] == [
        (1, "c0", "no match"),
        (2, "c1", "finding"),
        (3, "c2", "no match"),
    ]
    assert rule.best.row == 2


def test_an_event_without_rows_is_one_step_further(tmp_path: Path) -> None:
    """A request that writes no container misses a row beside the failing tests."""
    build.detection(tmp_path, PRIVILEGED)

    one = explain(build.compiled(tmp_path), build.event(), "rule")

    assert (one_row(one).row, one.outcome, one.flips) == (0, "no match", 2)


def test_the_first_stage_is_not_judged(tmp_path: Path) -> None:
    """RequestReceived fires nothing, whatever holds, and the explanation says so."""
    build.detection(tmp_path, build.document("rule", GET))
    ruleset = build.compiled(tmp_path)

    received = explain(ruleset, build.event(stage="RequestReceived"), "rule")
    complete = explain(ruleset, build.event(stage="ResponseComplete"), "rule")

    assert (received.outcome, "RequestReceived" in received.note) == ("not judged", True)
    assert (complete.outcome, complete.note) == ("finding", "")


def test_an_unknown_detection_raises(tmp_path: Path) -> None:
    """A slug that there is not is the caller's mistake."""
    build.detection(tmp_path, build.document("rule", GET))

    with pytest.raises(KeyError, match="other"):
        explain(build.compiled(tmp_path), build.event(), "other")


# Filters


def excluded(folder: Path, name: str, test: dict[str, Any], **keys: Any) -> None:
    section = {"rules": ["rule"], "sel": test, "condition": "not sel"}
    build.write(folder / "filters" / f"{name}.yml", build.exclusion(name, section, ekswatch=keys))


def test_the_filter_that_suppressed_is_named(tmp_path: Path) -> None:
    """Of several that hold the first decides; those that do not hold say what they lack."""
    build.detection(tmp_path, build.document("rule", GET))
    excluded(tmp_path, "b-holds", {"verb": "get"})
    excluded(tmp_path, "a-holds", {"verb": "get"}, reason="nightly job", owner="ops")
    excluded(tmp_path, "c-fails", {"userAgent": "velero"})

    row = one_row(explain(build.compiled(tmp_path), build.event(), "rule"))

    assert (row.outcome, row.suppressed_by) == ("suppressed", "a-holds")
    assert [(f.name, f.held, f.decided) for f in row.filters] == [
        ("a-holds", True, True),
        ("b-holds", True, False),
        ("c-fails", False, False),
    ]
    assert (row.filters[0].reason, row.filters[0].owner) == ("nightly job", "ops")
    assert [m.test.field for m in row.filters[2].missing] == ["userAgent"]


@pytest.mark.parametrize(
    ("expires", "outcome"), [("2026-11-20", "suppressed"), ("2026-11-19", "finding")]
)
def test_an_expired_filter_would_have(tmp_path: Path, expires: str, outcome: str) -> None:
    """It holds until the end of its last day, and later is shown as what it was."""
    build.detection(tmp_path, build.document("rule", GET))
    excluded(tmp_path, "f", {"verb": "get"}, expires=expires)

    row = one_row(explain(build.compiled(tmp_path), build.event(), "rule"))

    assert (row.outcome, row.filters[0].held) == (outcome, True)
    assert bool(row.filters[0].unused) == (outcome == "finding")


@pytest.mark.parametrize(
    ("seed", "default", "outcome"),
    [("001", True, "finding"), ("001", False, "suppressed"), (None, True, "suppressed")],
)
def test_seed_mode_does_without_default_filters(
    tmp_path: Path, seed: str | None, default: bool, outcome: str
) -> None:
    """Only for detections that implement a seed document, and only for filters that ship."""
    keys = {"message": "it", **({"seed": seed} if seed else {})}
    build.detection(tmp_path, build.document("rule", GET, ekswatch=keys))
    excluded(tmp_path, "f", {"verb": "get"}, default=default)
    ruleset = build.compiled(tmp_path)

    assert explain(ruleset, build.event(), "rule", seed_mode=True).outcome == outcome
    assert explain(ruleset, build.event(), "rule").outcome == "suppressed"


# Severity, correlations


def test_the_first_entry_that_holds_sets_the_severity(tmp_path: Path) -> None:
    """An entry that fails stands before it, with what it lacks."""
    detection = {
        "sel": {"verb": "get"},
        "masters": {"user.groups": "system:masters"},
        "curl": {"userAgent|startswith": "curl"},
        "condition": "sel",
    }
    levels = [
        {"when": "masters", "level": "critical"},
        {"when": "curl", "level": "high"},
        {"when": "sel", "level": "low"},
    ]
    keys = {"message": "it", "severity": levels}
    build.detection(tmp_path, build.document("rule", detection, ekswatch=keys))

    row = one_row(explain(build.compiled(tmp_path), build.event(userAgent="curl/8"), "rule"))

    assert row.severity == "HIGH"
    assert [(level.severity, level.decided) for level in row.levels] == [
        ("CRITICAL", False),
        ("HIGH", True),
        ("LOW", False),
    ]


def test_a_signal_names_its_correlation_and_group(tmp_path: Path) -> None:
    """What counts only with others says with which, under the names of the correlation."""
    correlates = {
        "type": "value_count",
        "rules": ["base"],
        "timespan": "10m",
        "condition": {"field": "objectRef.name", "gte": 3},
        "group-by": ["user.username"],
    }
    build.detection(tmp_path, build.correlation("burst", correlates), build.document("base", GET))
    compiled = build.compiled(tmp_path)
    named = msgspec.structs.replace(
        compiled.correlations[0], group_by=("who",), aliases={"who": {"base": "user.username"}}
    )
    ruleset = msgspec.structs.replace(compiled, correlations=(named,))
    event = build.event(user={"username": "jane"}, objectRef={"name": "db"})

    one = explain(ruleset, event, "burst")
    (counted,) = one_row(one).counted

    assert one.outcome == "signal"
    assert (counted.correlation, counted.count, counted.timespan_seconds) == ("burst", 3, 600)
    assert (counted.group, counted.values) == ({"who": "jane"}, {"objectRef.name": "db"})


def test_rules_of_other_files_are_explained_with_a_correlation(tmp_path: Path) -> None:
    """A correlation may count rules of another detection, directly or through another."""
    counts = {"type": "event_count", "timespan": "10m", "condition": {"gte": 2}}
    grouped = {**counts, "group-by": ["actor.name"]}
    build.detection(tmp_path, build.document("base", GET))
    build.detection(tmp_path, build.correlation("some", {**grouped, "rules": ["base"]}))
    build.detection(tmp_path, build.correlation("many", {**grouped, "rules": ["some"]}))

    one = explain(build.compiled(tmp_path), build.event(), "many")

    assert [(rule.rule, rule.detection) for rule in one.rules] == [("base", "base")]
    assert (one.detection, one.outcome) == ("many", "signal")
