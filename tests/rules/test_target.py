"""Targets: what they claim to decide they decide, and what is told again is what would be found."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ekswatch.audit.event import NO_BODY, AuditEvent
from ekswatch.audit.vocabulary import FIELDS, SUMMARY, reader
from ekswatch.correlate.baseline import Baseline, Memory
from ekswatch.rules.compiler.compile import compile_ruleset
from ekswatch.rules.match import Match
from ekswatch.rules.matcher import profile, target
from ekswatch.rules.matcher.engine import Engine
from ekswatch.rules.matcher.profile import Profile
from ekswatch.rules.matcher.target import (
    MEMO_CHARACTERS,
    MEMO_MATCHES,
    MEMO_ROOM,
    OF_MOMENT,
    Target,
    Targets,
    asked_for,
    target_key,
)
from ekswatch.rules.ruleset import Check
from tests.rules import build
from tests.scenarios import some_events

ROOT = Path(__file__).parents[2]
LATER = "2026-11-20T23:59:59.999999Z"
NEXT_DAY = "2026-11-21T00:00:00.000000Z"
GET = {"s": {"verb": "get"}, "condition": "s"}


def another(event: AuditEvent) -> AuditEvent:
    """A later request for the same target: whatever the key leaves out is different."""
    ref = msgspec.structs.replace(
        event.objectRef, uid="another", resourceVersion="another", apiVersion="another"
    )
    return msgspec.structs.replace(
        event,
        kind="another",
        apiVersion="another",
        auditID="another",
        requestURI=since(event.requestURI, 7),
        objectRef=ref,
        requestReceivedTimestamp=f"{event.requestReceivedTimestamp[:10]}T23:59:59.000000Z",
        stageTimestamp="another",
    )


def since(uri: str, version: int) -> str:
    """The request with parameters that say since when and for how long to answer."""
    if "?" not in uri:
        return uri
    uri = uri.replace("resourceVersion=0&", f"resourceVersion={version}&")
    return f"{uri}&resourceVersion={version}&timeoutSeconds={version}&timeout={version}s"


@pytest.mark.parametrize(
    ("uri", "target"),
    [
        ("/api/v1/pods?resourceVersion=7&watch=true&timeoutSeconds=9", "/api/v1/pods?&watch=true"),
        ("/api/v1/pods?timeout=5s", "/api/v1/pods?"),
        ("/api/v1/pods?limit=500&continue=abc", "/api/v1/pods?limit=500"),
        ("/a&timeout=5s&b", "/a&timeout=5s&b"),
        ("/api/v1/pods?labelSelector=x%26timeout=5", "/api/v1/pods?labelSelector=x%26timeout=5"),
        ("/api/v1/pods?xtimeout=5&dryRun=All", "/api/v1/pods?xtimeout=5&dryRun=All"),
        ("/api?a=1?timeout=5", "/api?a=1?timeout=5"),
        ("", ""),
    ],
)
def test_what_is_asked_for_is_not_since_when(uri: str, target: str) -> None:
    """Parameters that are others each time are left out, of the query alone."""
    assert asked_for(uri) == target


def test_what_a_key_decides_depends_on_nothing_else() -> None:
    """Every field but those of the moment reads the same from another request for the target."""
    same, fields = Profile(0), [name for name, field in FIELDS.items() if field.read]
    alike = [event for event in some_events(5) if target_key(event, same, "c") is not None]
    for event in alike:
        other = another(event)
        assert target_key(other, same, "c") == target_key(event, same, "c")
        assert profile.profile_key(other) == profile.profile_key(event)
        for field in {*fields} - OF_MOMENT:
            assert reader(field)(other) == reader(field)(event), field

    assert len(alike) > 500
    assert {*fields} >= OF_MOMENT
    assert OF_MOMENT.isdisjoint(SUMMARY)


def test_events_with_a_body_have_no_target() -> None:
    """What a body says no key holds; a body of null is one."""
    for body in ({"spec": {}}, None):
        assert target_key(build.event(requestObject=body), Profile(0), "") is None
        assert target_key(build.event(responseObject=body), Profile(0), "") is None
    assert build.event().requestObject is NO_BODY
    assert target_key(build.event(), Profile(0), "") is not None


@pytest.mark.parametrize(
    "fields",
    [
        {"requestReceivedTimestamp": NEXT_DAY},
        {"requestURI": "/another"},
        {"objectRef": {"name": "another"}},
        {"user": {"uid": "another"}},
        {"responseStatus": {"message": "another"}},
        {"stage": "Panic"},
        {"level": "Request"},
    ],
)
def test_another_target_has_another_key(fields: dict[str, Any]) -> None:
    same = Profile(0)

    assert target_key(build.event(**fields), same, "") != target_key(build.event(), same, "")


def test_another_caller_or_cluster_is_another_target() -> None:
    """Findings are of one cluster, and what is settled is so in one."""
    event, same = build.event(), Profile(0)

    assert target_key(event, same, "a") != target_key(event, same, "b")
    assert target_key(event, same, "a") != target_key(event, Profile(0), "a")


# Told again


def test_what_is_told_again_is_what_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """With and without memory the engine finds the same, in the same order, on every event."""
    ruleset = compile_ruleset(ROOT / "detections")
    warm, met = Engine(ruleset), [*some_events(5), *map(another, some_events(5))]
    with monkeypatch.context() as forgetful:
        for module in (profile, target):
            forgetful.setattr(module, "MEMO_CHARACTERS", -1)
        anew = Engine(ruleset).match(met)
    warm.match(met)

    again = warm.match(met)

    assert again == anew
    assert len(again) > 1_000
    assert warm.errors == {}


def days_apart(folder: Path, times: Iterable[str], **options: Any) -> list[str]:
    """What suppressed each match of equal requests at some times."""
    made = [build.event(auditID=time, requestReceivedTimestamp=time) for time in times]
    return [match.suppressed_by for match in build.engine(folder, **options).match(made)]


def test_a_filter_ends_although_its_target_is_known(tmp_path: Path) -> None:
    """What is remembered of a day does not outlive it."""
    build.detection(tmp_path, build.document("rule", GET))
    section = {"rules": ["rule"], "s": {"verb": "get"}, "condition": "not s"}
    until = build.exclusion("known", section, ekswatch={"expires": "2026-11-20"})
    build.write(tmp_path / "filters" / "known.yml", until)

    by = days_apart(tmp_path, ["2026-11-20T10:00:00Z", "2026-11-20T11:00:00Z", LATER, NEXT_DAY])

    assert by == ["known", "known", "known", ""]


def test_a_rule_on_the_moment_is_asked_each_time(tmp_path: Path) -> None:
    """Two requests for one target, of which only one is in the night."""
    at_night = {"s": {"requestReceivedTimestamp|hour": 3}, "condition": "s"}
    build.detection(tmp_path, build.document("at-night", at_night))
    build.detection(tmp_path, build.document("z-always", GET))
    build.detection(tmp_path, build.document("always", GET))
    hours = ("10", "03", "04", "03")
    made = [build.event(requestReceivedTimestamp=f"2026-11-20T{hour}:00:00Z") for hour in hours]

    found = [
        (match.first_seen.hour, match.document) for match in build.engine(tmp_path).match(made)
    ]

    assert found == [
        *((10, "always"), (10, "z-always")),
        *((3, "always"), (3, "at-night"), (3, "z-always")),
        *((4, "always"), (4, "z-always")),
        *((3, "always"), (3, "at-night"), (3, "z-always")),
    ]


def test_a_match_keeps_the_time_of_its_own_event(tmp_path: Path) -> None:
    """Time and audit ID are those of each request, wherever a match shows them."""
    fields = ["requestReceivedTimestamp", "requestURI"]
    build.detection(tmp_path, build.document("rule", GET, fields=fields))
    times = ("2026-11-20T10:00:00Z", "2026-11-20T11:00:00Z", "2026-11-20T12:00:00Z")
    uris = [f"/api/v1/pods?resourceVersion={number}" for number in (7, 8, 9)]
    made = [
        build.event(auditID=time, requestReceivedTimestamp=time, requestURI=uri)
        for time, uri in zip(times, uris, strict=True)
    ]

    found = build.engine(tmp_path).match(made)

    assert [match.audit_ids for match in found] == [(time,) for time in times]
    assert [match.last_seen.hour for match in found] == [10, 11, 12]
    assert [match.facts["requestReceivedTimestamp"] for match in found] == [*times]
    assert [match.facts["requestURI"] for match in found] == uris
    assert [match.samples for match in found] == [
        ({"requestReceivedTimestamp": time, "requestURI": uri},)
        for time, uri in zip(times, uris, strict=True)
    ]


def test_a_broken_rule_is_counted_each_time(tmp_path: Path) -> None:
    """A target of which not everything could be found out is not remembered."""
    build.detection(tmp_path, build.document("rule", GET))
    ruleset = build.compiled(tmp_path)
    (rule,) = ruleset.rules
    wrong = msgspec.structs.replace(
        rule, condition=Check("responseStatus.code", "lt", ("no number",))
    )
    engine = Engine(msgspec.structs.replace(ruleset, rules=(wrong,)))
    event = build.event(responseStatus={"code": 200})

    engine.match([event] * 5)

    assert engine.errors == {("rule", "TypeError"): 5}


def test_what_is_new_is_seen_until_it_is_settled(tmp_path: Path) -> None:
    """A novel rule is asked until the baseline has decided, for each cluster by itself."""
    novel = {"message": "{actor.name}", "novel": {"key": ["requestURI"], "forget": "30d"}}
    build.detection(tmp_path, build.document("rule", GET, ekswatch=novel))
    ruleset = build.compiled(tmp_path)
    engine, event = Engine(ruleset), build.event(requestURI="/api")
    baselines = [Baseline(ruleset, Memory(), cluster) for cluster in ("", "b")]

    seen = []
    for _ in range(3):
        for baseline in baselines:
            found = engine.match([event], baseline)
            baseline.judge(found, [event])
            seen.append(len(found))

    assert seen == [1, 1, 0, 0, 0, 0]
    assert len(engine.match([event])) == 1  # without a baseline nothing is settled


# Bounds


def remembered(event: AuditEvent, matches: Iterable[Match] = ()) -> int:
    memory = Targets()
    memory.remember(event, "key", Target(tuple(matches), 0))
    return len(memory)


def test_the_memory_is_bounded() -> None:
    """Objects that nobody saw before take the place of others."""
    memory = Targets()

    sizes = []
    for number in range(2 * MEMO_ROOM + 10):
        memory.remember(build.event(), number, Target((), 0))
        sizes.append(len(memory))

    assert max(sizes) == 2 * MEMO_ROOM
    assert sizes[-1] == MEMO_ROOM + 10


def test_matches_take_room(tmp_path: Path) -> None:
    """A few targets with many matches take as much memory as many with none."""
    build.detection(tmp_path, build.document("rule", GET))
    (match,) = build.engine(tmp_path).match([build.event()])
    memory = Targets()

    sizes = []
    for number in range(MEMO_ROOM):
        memory.remember(build.event(), number, Target([match] * 7, 0))
        sizes.append(len(memory))

    assert max(sizes) == 2 * (MEMO_ROOM // 8)


@pytest.mark.parametrize(
    "fields",
    [
        lambda size: {"requestURI": "x" * size},
        lambda size: {"objectRef": {"name": "x" * size}},
        lambda size: {"user": {"uid": "x" * size}},
        lambda size: {"impersonatedUser": {"uid": "x" * size}},
        lambda size: {"level": "x" * size},
        lambda size: {"responseStatus": {"message": "x" * size}},
    ],
)
def test_long_values_are_not_remembered(fields: Any) -> None:
    """No single event can fill the memory."""
    assert remembered(build.event(stage="", **fields(MEMO_CHARACTERS))) == 1
    assert remembered(build.event(stage="", **fields(MEMO_CHARACTERS + 1))) == 0


def test_many_matches_are_not_remembered(tmp_path: Path) -> None:
    build.detection(tmp_path, build.document("rule", GET))
    (match,) = build.engine(tmp_path).match([build.event()])

    assert remembered(build.event(), [match] * MEMO_MATCHES) == 1
    assert remembered(build.event(), [match] * (MEMO_MATCHES + 1)) == 0
