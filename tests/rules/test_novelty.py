"""Novel rules: what they see of an event, and what needs no match any more."""

from pathlib import Path
from typing import Any

import pytest

from ekswatch.audit.event import AuditEvent
from ekswatch.rules.compiler.errors import RuleErrors
from ekswatch.rules.match import Match
from ekswatch.rules.matcher.engine import Engine
from ekswatch.rules.novelty import histories
from ekswatch.rules.ruleset import Novel
from tests.rules import build

READ = {"read": {"verb": "get"}, "secret": {"resource": "secrets"}, "condition": "read"}


def document(novel: Any, **more: Any) -> dict[str, Any]:
    keys = {"message": "{actor.name} did it", "novel": novel}
    return build.document("newcomer", more.pop("detection", READ), ekswatch=keys, **more)


def engine(tmp_path: Path, novel: Any, **more: Any) -> Engine:
    build.detection(tmp_path, document(novel, **more))
    return build.engine(tmp_path)


def errors(tmp_path: Path, *documents: dict[str, Any]) -> list[str]:
    build.detection(tmp_path, *documents)
    with pytest.raises(RuleErrors) as raised:
        build.compiled(tmp_path)
    return [error.message for error in raised.value.errors]


def call(user: str = "jane", **fields: Any) -> AuditEvent:
    return build.event(user={"username": user}, **fields)


class Decided:
    """Says that some keys are settled, on one day, and counts how often it is asked."""

    cluster = "prod"

    def __init__(self, matches: list[Match], day: str = "2026-11-20") -> None:
        self.keys = {match.novel.key for match in matches if match.novel}
        self.day = day
        self.asked = 0

    def __call__(self, key: str, day: str) -> bool:
        self.asked += 1
        return key in self.keys and day == self.day


def test_a_rule_says_what_must_be_new(tmp_path: Path) -> None:
    """Days are numbers; one selection is a list of one."""
    novel = {
        "key": ["actor.role"],
        "forget": "10d",
        "learn": "3d",
        "per": ["verb"],
        "when": "secret",
    }

    (rule,) = engine(tmp_path, novel).ruleset.rules

    assert rule.novel == Novel(("actor.role",), 10, 3, ("verb",), ("secret",))


def test_a_month_and_a_week_are_the_defaults(tmp_path: Path) -> None:
    """What is not stated is as the documentation says."""
    (rule,) = engine(tmp_path, {"key": ["actor.role"]}).ruleset.rules

    assert rule.novel == Novel(("actor.role",), 30, 7, (), ())


@pytest.mark.parametrize(
    ("novel", "message"),
    [
        ({"key": ["actor.rol"]}, "unknown field 'actor.rol'"),
        ({"key": ["actor.role"], "per": ["actor.rol"]}, "unknown field 'actor.rol'"),
        ({"key": ["container.name"]}, "unknown field 'container.name'"),
        ({"key": []}, "'novel.key'"),
        ({"forget": "30d"}, "'novel.key' is missing"),
        ({"key": ["verb"], "forget": "1w"}, "'novel.forget'"),
        ({"key": ["verb"], "forget": "12h"}, "'novel.forget'"),
        ({"key": ["verb"], "learn": "0d"}, "'novel.learn'"),
        ({"key": ["verb"], "forget": "6d"}, "learn must not be longer than forget"),
        ({"key": ["verb"], "when": "secrets"}, "novel: there is no selection 'secrets'"),
        ({"key": ["verb"], "until": "7d"}, "unknown key 'novel.until'"),
    ],
)
def test_a_mistake_is_an_error(tmp_path: Path, novel: Any, message: str) -> None:
    """A rule that is never new, or always, would help nobody."""
    assert any(message in error for error in errors(tmp_path, document(novel)))


def test_to_learn_as_long_as_to_remember_is_fine(tmp_path: Path) -> None:
    """The limit itself is allowed."""
    assert engine(tmp_path, {"key": ["verb"], "forget": "7d", "learn": "7d"}).ruleset.rules


def test_a_correlation_is_not_novel(tmp_path: Path) -> None:
    """What it counts may be."""
    main = build.correlation(
        "burst",
        {
            "type": "event_count",
            "rules": ["read"],
            "group-by": ["actor.name"],
            "timespan": "10m",
            "condition": {"gte": 2},
        },
        ekswatch={"message": "{actor.name} did it", "novel": {"key": ["actor.name"]}},
    )

    found = errors(tmp_path, main, build.document("read", READ, ekswatch=None))

    assert "only a rule on events can be novel" in found


def test_a_match_says_what_was_seen(tmp_path: Path) -> None:
    """Equal values are one key, also when they come from different events."""
    novel = {"key": ["actor.role", "verb"], "forget": "10d"}
    role = "arn:aws:sts::111122223333:assumed-role/ops"

    one, other = engine(tmp_path, novel).match([call(f"{role}/jane"), call(f"{role}/joe")])

    assert one.novel == other.novel
    assert one.novel is not None
    assert (one.novel.values, one.novel.forget_days, one.novel.learn_days) == ((role, "get"), 10, 7)


def test_other_values_are_another_key(tmp_path: Path) -> None:
    """An absent value is one, too, and no value can pass for two."""
    told = engine(tmp_path, {"key": ["actor.name", "userAgent"]}).match(
        [call("a", userAgent="b"), call("a b"), call("a"), call('a","b')]
    )

    assert len({match.novel.key for match in told if match.novel}) == len(told) == 4


def test_secrets_are_not_kept_in_a_key(tmp_path: Path) -> None:
    """Values are redacted and bounded before anything is made of them."""
    told = engine(tmp_path, {"key": ["userAgent"]}).match(
        [call(userAgent="tool --password hunter2"), call(userAgent="x" * 5_000)]
    )

    values = [match.novel.values[0] for match in told if match.novel]
    assert "hunter2" not in str(values)
    assert len(str(values[1])) <= 1_024


def test_rules_do_not_share_keys(tmp_path: Path) -> None:
    """The same caller may be new to one and known to the other."""
    build.detection(tmp_path, document({"key": ["actor.name"]}))
    other = document({"key": ["actor.name"]}) | {"name": "another", "id": None, "title": "Other"}
    build.detection(
        tmp_path, {k: v for k, v in other.items() if v} | {"id": str(build.uuid.uuid4())}
    )
    running = build.engine(tmp_path)

    told = running.match([call()])

    assert len({match.novel.key for match in told if match.novel}) == 2
    assert {one.document for one in histories(running.ruleset)} == {"newcomer", "another"}


def test_ordinary_rules_see_nothing(tmp_path: Path) -> None:
    """And their rulesets have nothing to learn."""
    build.detection(tmp_path, build.document("plain", READ))
    running = build.engine(tmp_path)

    assert [match.novel for match in running.match([call()])] == [None]
    assert histories(running.ruleset) == ()


@pytest.mark.parametrize(("resource", "counts"), [("secrets", True), ("pods", False)])
def test_a_match_counts_under_its_condition(tmp_path: Path, resource: str, counts: bool) -> None:
    """Otherwise it is a sighting of the same key."""
    (match,) = engine(tmp_path, {"key": ["actor.name"], "when": "secret"}).match(
        [call(objectRef={"resource": resource})]
    )

    assert match.novel is not None
    assert match.novel.counts is counts


def test_what_is_settled_makes_no_match(tmp_path: Path) -> None:
    """On that day; another caller and another day are matched."""
    running = engine(tmp_path, {"key": ["actor.name"]})
    settled = Decided(running.match([call()]))
    tomorrow = "2026-11-21T00:00:00.000000Z"

    told = running.match([call(), call("joe"), call(requestReceivedTimestamp=tomorrow)], settled)

    assert [(m.facts["actor.name"], m.first_seen.day) for m in told] == [("joe", 20), ("jane", 21)]


def test_a_settled_rule_rests_for_the_day(tmp_path: Path) -> None:
    """Nobody is asked again about the same caller and client doing the same."""
    running = engine(tmp_path, {"key": ["actor.name"]})
    settled = Decided(running.match([call()]))

    running.match([call()] * 5, settled)
    asked = settled.asked

    assert (asked, running.match([call()], settled), settled.asked) == (1, [], 1)


def test_a_rule_rests_for_one_cluster(tmp_path: Path) -> None:
    """One function serves several, and the same caller may be new in the next."""
    running = engine(tmp_path, {"key": ["actor.name"]})
    settled, other = Decided(running.match([call()])), Decided([])
    other.cluster = "staging"
    running.match([call()], settled)

    assert len(running.match([call()], other)) == 1
    assert running.match([call()], settled) == []


def test_a_rule_on_rows_asks_for_each(tmp_path: Path) -> None:
    """An event may hold a known container and a new one."""
    detection = {"any": {"container.name": "*"}, "condition": "any"}
    running = engine(tmp_path, {"key": ["container.name"]}, detection=detection, view="container")

    def pod(*names: str) -> AuditEvent:
        containers = [{"name": name, "image": "busybox"} for name in names]
        return call(
            verb="create",
            objectRef={"resource": "pods", "namespace": "web", "apiVersion": "v1"},
            requestObject={"kind": "Pod", "apiVersion": "v1", "spec": {"containers": containers}},
        )

    settled = Decided(running.match([pod("main")]))

    told = running.match([pod("main", "sidecar")], settled)

    assert [match.novel.values for match in told if match.novel] == [("sidecar",)]


def test_a_suppressed_match_is_seen_too(tmp_path: Path) -> None:
    """So that only what is new and expected is counted as expected."""
    build.detection(tmp_path, document({"key": ["actor.name"]}))
    section = {"rules": ["newcomer"], "jane": {"actor.name": "jane"}, "condition": "not jane"}
    build.write(tmp_path / "filters" / "jane.yml", build.exclusion("jane", section))

    (match,) = build.engine(tmp_path).match([call()])

    assert match.suppressed_by == "jane"
    assert match.novel is not None
