"""Filter patterns derived from rules: whatever a rule can match is delivered."""

import functools
import gzip
import itertools
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ekswatch.audit.event import AuditEvent
from ekswatch.audit.records import read_record
from ekswatch.audit.views import DELIVERY, VIEWS
from ekswatch.audit.vocabulary import reader
from ekswatch.rules.compiler.compile import compile_ruleset
from ekswatch.rules.expression import KEYWORDS
from ekswatch.rules.fields import is_row_field
from ekswatch.rules.matcher import pattern
from ekswatch.rules.matcher.engine import Engine
from ekswatch.rules.matcher.live import with_lists
from ekswatch.rules.matcher.outcomes import Outcomes
from ekswatch.rules.matcher.pattern import (
    DECIDED,
    HEARTBEAT,
    MAX_CHARACTERS,
    RESOURCES,
    narrow,
    quiet,
)
from ekswatch.rules.ruleset import And, Check, Expression, Not, Or, Ruleset
from tests.logs_filter import matches
from tests.rules import build

ROOT = Path(__file__).parents[2]
BENIGN = ROOT / "events" / "benign.jsonl.gz"
RECORDINGS = (BENIGN, *sorted((ROOT / "events" / "scenarios").glob("*.gz")))
EXAMPLES = sorted(path for kind in ("match", "ignore") for path in ROOT.glob(f"events/*/{kind}_*"))
TERM = '"audit.k8s.io"'
"""`infra.pattern.TERM`; this room does without the CDK."""


@functools.cache
def shipped() -> Ruleset:
    return compile_ruleset(ROOT / "detections")


def passes(text: str, message: str) -> bool:
    """Whether a pattern matches, whatever the service makes of != where there is nothing."""
    return all(matches(text, message, differs=differs) for differs in (True, False))


def messages() -> Iterator[str]:
    """What the log group holds of all recordings and examples, a record each."""
    for path in RECORDINGS:
        with gzip.open(path, "rt") as lines:
            yield from (line.rstrip("\n") for line in lines)
    for path in EXAMPLES:
        text = path.read_text()
        if path.suffix == ".json":
            text = json.dumps(json.loads(text), separators=(",", ":"))
        yield from text.splitlines()


@functools.cache
def matched() -> Mapping[str, tuple[str, ...]]:
    """By rule, the messages that it matches: of those for one action the first."""
    engine, found = Engine(shipped()), defaultdict[str, dict[Any, str]](dict)
    for message in messages():
        event = read_record(message)
        assert isinstance(event, AuditEvent), message[:200]
        ref = event.objectRef
        action = (event.stage, event.verb, ref.resource, ref.subresource, event.apiVersion)
        for match in engine.match([event]):
            found[match.document].setdefault(action, message)
    return {name: tuple(by_action.values()) for name, by_action in found.items()}


def test_each_recorded_match_of_the_shipped_rules_passes() -> None:
    """No recorded event is left out that any rule matches, signals and suppressed ones included."""
    text = narrow(shipped())

    lost = {
        (name, message[:120])
        for name, found in matched().items()
        for message in found
        if not passes(text, message) or not passes(TERM, message)
    }

    assert lost == set()
    assert len(matched()) > 150


def test_each_recorded_match_of_a_rule_passes_when_it_is_the_only_one() -> None:
    """The fewer rules there are, the narrower is the pattern, and still nothing is lost."""
    lost, narrowed = list[str](), 0
    for rule in shipped().rules:
        alone = msgspec.structs.replace(shipped(), rules=(rule,))
        narrowed += bool(quiet(alone))
        text = narrow(alone)
        lost += [rule.name for each in matched().get(rule.name, ()) if not passes(text, each)]

    assert lost == []
    assert narrowed > 100


VALUES = st.lists(
    st.sampled_from(["get", "list", "UPDATE", "read", "leases", "pods", "pods/x", "x", "po"]),
    min_size=1,
    max_size=3,
).map(tuple)
CHECKS = st.builds(
    Check,
    field=st.sampled_from((*DECIDED, *DECIDED, "userAgent", KEYWORDS)),
    op=st.sampled_from(["equals", "equals", "startswith", "contains"]),
    values=VALUES,
    cased=st.booleans(),
    lists=st.sampled_from([(), (), ("watched",)]),
) | st.builds(
    Check,
    field=st.sampled_from(DECIDED),
    op=st.sampled_from(["null", "any", "empty", "fieldref"]),
    values=st.sampled_from(DECIDED).map(lambda name: (name,)),
)
EXPRESSIONS = st.recursive(
    CHECKS,
    lambda inner: (
        inner.map(Not)
        | st.lists(inner, max_size=3).map(lambda args: And(tuple(args)))
        | st.lists(inner, max_size=3).map(lambda args: Or(tuple(args)))
    ),
    max_leaves=6,
)
ACTIONS = [
    (verb, ref)
    for verb in ("", "get", "GET", "list", "update", "delete")
    for ref in (
        {},
        {"resource": "leases"},
        {"resource": "Leases"},
        {"resource": "pods"},
        {"resource": "pods", "subresource": "x"},
        {"resource": "secrets"},
    )
]


@settings(max_examples=400, deadline=None)
@given(conditions=st.lists(EXPRESSIONS, min_size=1, max_size=2), view=st.sampled_from(["", "pod"]))
def test_whatever_rules_combine_is_delivered(conditions: list[Expression], view: str) -> None:
    """Tests of any field, with and without case, negations, keywords, lists: no match is lost."""
    bare = msgspec.structs.replace(
        shipped().rules[0], selections={}, escalations=(), variant=None, novel=None, view=view
    )
    rules = [
        msgspec.structs.replace(bare, name=f"rule{n}", condition=condition)
        for n, condition in enumerate(conditions)
    ]
    ruleset = msgspec.structs.replace(shipped(), rules=tuple(rules), filters=(), correlations=())
    text, engine = narrow(ruleset), Engine(ruleset)
    changed = Engine(with_lists(ruleset, {"watched": ["update", "leases", "pods/x"]}))

    for verb, ref in ACTIONS:
        what = {"verb": verb, "objectRef": ref} if verb else {"objectRef": ref}
        body: dict[str, Any] = {"metadata": {}, "spec": {"containers": [{}]}}
        audit = {"apiVersion": "audit.k8s.io/v1", "kind": "Event", "userAgent": "x"}
        message = json.dumps({**audit, **what, "requestObject": body})
        event = read_record(message)
        assert isinstance(event, AuditEvent)
        if engine.match([event]) or changed.match([event]):
            assert passes(text, message)


def test_the_shipped_rules_leave_only_the_first_stage_out() -> None:
    """Dozens of them look at every request: who, from where, with what, as a cluster never saw."""
    expected = (
        '{ $.apiVersion = "audit.k8s.io/*"'
        ' && ($.stage NOT EXISTS || $.stage != "RequestReceived") }'
    )

    assert narrow(shipped()) == expected


MEASURED = re.compile(r"\| (all|`.+`) \| (quiet day|attacks)[^|]*\| ([\d.]+%) \| ([\d.]+%) \|")


def test_the_documented_savings() -> None:
    """The page on deploying has the shares of events and bytes that were measured."""
    rows = MEASURED.findall((ROOT / "docs" / "deploying.md").read_text())

    for detections, recording, *shares in rows:
        named = [each.strip(" `") for each in detections.split(",")]
        kept = tuple(r for r in shipped().rules if named == ["all"] or r.detection in named)
        text = narrow(msgspec.structs.replace(shipped(), rules=kept))
        paths = [path for path in RECORDINGS if (path == BENIGN) is (recording == "quiet day")]
        assert shares == left_out(text, paths), (detections, recording)

    assert len(rows) == 4


def left_out(text: str, recordings: list[Path]) -> list[str]:
    """The shares of events and of bytes that a pattern leaves in the log."""
    every, left = [0, 0], [0, 0]
    for path in recordings:
        with gzip.open(path, "rt") as lines:
            for line in lines:
                size = len(line.rstrip("\n").encode())
                sums = (every,) if matches(text, line) else (every, left)
                for one in sums:
                    one[0], one[1] = one[0] + 1, one[1] + size
    return [f"{part / whole:.1%}" for part, whole in zip(left, every, strict=True)]


def test_the_same_minutes_are_heard_of() -> None:
    """What is left out takes no minute from the watch for silence."""
    text, every, left = narrow(shipped()), list[AuditEvent](), list[AuditEvent]()
    with gzip.open(BENIGN, "rt") as lines:
        for line in itertools.islice(lines, 5_000):
            event = read_record(line)
            assert isinstance(event, AuditEvent)
            every.append(event)
            left += [event] if passes(text, line) else []
    outcomes = Outcomes(shipped())

    minutes = [m.first_seen for m in outcomes.of_events(left)]

    assert minutes == [m.first_seen for m in outcomes.of_events(every)]
    assert 0 < len(left) < len(every)


def only(
    tmp_path: Path, *selections: Mapping[str, Any], condition: str = "s0", view: str = ""
) -> Ruleset:
    """A ruleset of one rule."""
    named = {f"s{index}": dict(each) for index, each in enumerate(selections)}
    build.values(tmp_path, "watched", ["leases"])
    build.detection(tmp_path, build.document("only", {**named, "condition": condition}, view=view))
    return build.compiled(tmp_path)


def test_what_a_rule_does_not_ask_for_stays_in_the_log(tmp_path: Path) -> None:
    """A rule on written leases leaves reads of them out, and other resources whole."""
    ruleset = only(tmp_path, {"objectRef.resource": "leases", "verb": ["update", "patch"]})
    text = narrow(ruleset)

    def is_delivered(verb: str, **ref: str) -> bool:
        return passes(
            text,
            json.dumps({"apiVersion": "audit.k8s.io/v1", "verb": verb, "objectRef": ref}),
        )

    assert is_delivered("update", resource="leases")
    assert is_delivered("delete", resource="leases")
    assert is_delivered("get", resource="secrets")
    assert is_delivered("create", resource="pods", subresource="exec")
    assert not is_delivered("get", resource="leases")
    assert not is_delivered("update", resource="pods")
    assert not is_delivered("delete", resource="pods")


@pytest.mark.parametrize(
    ("selections", "condition"),
    [
        ([{"userAgent|contains": "hunter"}], "s0"),
        ([{"verb": "delete"}], "not s0"),
        ([{"objectRef.resource": "secrets"}, {"verb": "delete"}], "s0 or not s1"),
        ([["hunter"]], "s0"),
        ([{"objectRef.resource|expand": "%watched%"}], "not s0"),
        ([{"verb|fieldref": "objectRef.name"}], "s0"),
    ],
)
def test_rules_on_anything_keep_everything(
    tmp_path: Path, selections: list[Any], condition: str
) -> None:
    """A field that the pattern does not read, a negation, a keyword, a list: all may hold."""
    named = {f"s{index}": each for index, each in enumerate(selections)}
    build.values(tmp_path, "watched", ["leases"])
    build.detection(tmp_path, build.document("only", {**named, "condition": condition}))

    assert quiet(build.compiled(tmp_path)) == {}


def test_a_list_may_change_after_the_deployment(tmp_path: Path) -> None:
    """A rule on a list of resources may be about others tomorrow."""
    compared = only(tmp_path / "compared", {"objectRef.resource": "leases"})
    listed = only(tmp_path / "listed", {"objectRef.resource|expand": "%watched%"})

    assert "nodes" in quiet(compared)
    assert quiet(listed) == {}


def test_a_view_without_rows_is_left_out(tmp_path: Path) -> None:
    """A rule on containers says nothing of leases, whatever it asks for."""
    found = quiet(only(tmp_path, {"container.privileged": True}, view="container"))

    assert found["leases"] == ()
    assert found["pods"] == ("get", "list", "watch")


def test_a_quiet_cluster_stays_heard() -> None:
    """Where silence is looked for, the heartbeat of the control plane is delivered."""
    verb, resource = HEARTBEAT
    minutes = tuple(rule for rule in shipped().rules if rule.view == DELIVERY)
    heard = msgspec.structs.replace(shipped(), rules=minutes)
    deaf = msgspec.structs.replace(shipped(), rules=())

    assert minutes
    assert quiet(deaf)[resource] == ()
    assert verb not in quiet(heard)[resource]
    assert "get" in quiet(heard)[resource]


def test_the_limit_of_a_pattern(tmp_path: Path) -> None:
    """What no longer fits is delivered; one character more, and it is left out."""
    ruleset = only(tmp_path, {"objectRef.resource": "secrets"})
    whole = narrow(ruleset, limit=10_000)
    less = narrow(ruleset, limit=len(whole) - 1)

    assert all(f'"{resource}"' in whole for resource in RESOURCES)
    assert narrow(ruleset, limit=len(whole)) == whole
    assert [resource for resource in RESOURCES if f'"{resource}"' not in less] == [RESOURCES[-1]]
    assert len(whole) > MAX_CHARACTERS >= len(narrow(ruleset)) > MAX_CHARACTERS - 60


def test_what_is_decided_depends_on_nothing_else() -> None:
    """The fields that are taken for known are what they are in every such record."""
    met = 0
    with gzip.open(BENIGN, "rt") as lines:
        for line in itertools.islice(lines, 5_000):
            event = read_record(line)
            assert isinstance(event, AuditEvent)
            ref = event.objectRef
            if event.verb and ref.resource and not ref.subresource:
                met += 1
                known = pattern._known(ref.resource, event.verb)
                of_any = pattern._known(ref.resource, "")
                assert known == {name: reader(name)(event) for name in DECIDED}
                assert of_any == {name: known[name] for name in of_any}
    assert met > 1_000
    assert not [name for name in DECIDED for view in VIEWS if is_row_field(name, view)]


SMUGGLED = {
    "kind": "Event",
    "apiVersion": "audit.k8s.io/v1",
    "stage": "ResponseComplete",
    "verb": "patch",
    "userAgent": "RequestReceived",
    "objectRef": {"resource": "clusterroles", "subresource": "", "name": "x"},
    "requestObject": {
        "metadata": {"labels": {"stage": "RequestReceived", "resource": "leases"}},
        "objectRef": {"resource": "leases"},
        "stage": "RequestReceived",
    },
}


def test_a_caller_cannot_write_itself_out(tmp_path: Path) -> None:
    """Fields of the record decide; a term that excludes would read the caller's words as well."""
    message = json.dumps(SMUGGLED, separators=(",", ":"))
    text = narrow(only(tmp_path, {"objectRef.resource": "clusterroles"}))

    assert "leases" in text
    assert passes(text, message)
    assert not matches(f"{TERM} -RequestReceived", message)
    assert '"stage":"RequestReceived"' in message
    assert '"resource":"leases"' in message


def test_a_record_that_was_cut_passes_the_term_only() -> None:
    """What fields decide needs whole records: this is what the narrow pattern costs."""
    cut = json.dumps(SMUGGLED)[:-5]

    assert passes(TERM, cut)
    assert not passes(narrow(shipped()), cut)
