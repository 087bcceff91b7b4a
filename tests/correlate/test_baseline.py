"""Baseline: what is new is told, once and to whoever asks again; what is known is not."""

import random
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ekswatch.audit.event import EPOCH, AuditEvent
from ekswatch.correlate import baseline
from ekswatch.correlate.baseline import (
    UNKNOWN,
    Baseline,
    Change,
    Entry,
    Judged,
    Learner,
    Memory,
    Recent,
    merged,
)
from ekswatch.rules.detection import Severity
from ekswatch.rules.match import Match
from ekswatch.rules.novelty import histories, sighting
from ekswatch.rules.ruleset import NEVER, SCHEMA, Novel, Rule, Ruleset
from tests.correlate import examples
from tests.rules.build import event

FIRST = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)
NOVEL = Novel(key=("actor.name",), forget_days=30, learn_days=7)
PER_ACTOR = Novel(key=("actor.name", "verb"), per=("actor.name",), forget_days=30, learn_days=7)


def ruleset(novel: Novel = NOVEL) -> Ruleset:
    rule = Rule(
        name="newcomer",
        detection="secret-read-burst",
        view="",
        selections={},
        condition=NEVER,
        severity=Severity.LOW,
        novel=novel,
    )
    return Ruleset(SCHEMA, (examples.detection(),), (rule,), (), (), hash="r1")


def at(day: float) -> datetime:
    return FIRST + timedelta(days=day)


def called(
    day: float, actor: str = "jane", verb: str = "get", *, novel: Novel = NOVEL, **changes: Any
) -> Match:
    """A match of the novel rule on a day counted from the first, at nine plus a fraction."""
    facts = {"actor.name": actor, "verb": verb}
    fields: dict[str, Any] = {
        "document": "newcomer",
        "facts": facts,
        "audit_id": f"{actor}-{verb}-{day}",
        "first_seen": at(day),
        "last_seen": at(day),
        "signal": False,
        "novel": sighting("newcomer", novel, facts),
    }
    return examples.match(**(fields | changes))


def happened(day: float) -> AuditEvent:
    """An event of the cluster that no rule matches."""
    return event(requestReceivedTimestamp=at(day).isoformat().replace("+00:00", "Z"))


def judge(
    matches: Sequence[Match], *, store: Any = None, novel: Novel = NOVEL, since: float = 0
) -> Judged:
    """What a baseline that began on a day leaves of the matches."""
    one = Baseline(ruleset(novel), Memory() if store is None else store, "prod")
    return one.judge(matches, [happened(since)])


def told(judged: Judged) -> list[tuple[str, ...]]:
    return [match.audit_ids for match in judged.matches]


class Silent(Memory):
    """A store that has no answer for some keys, or takes no change."""

    def __init__(self, *, reads: bool = True, writes: bool = True) -> None:
        super().__init__()
        self.reads = reads
        self.writes = writes
        self.asked = 0

    def read(self, keys: Collection[str]) -> Mapping[str, Entry | None]:
        self.asked += 1
        return super().read(keys) if self.reads else {}

    def write(self, changes: Mapping[str, Change]) -> Mapping[str, Entry | None]:
        self.asked += 1
        return super().write(changes) if self.writes else {}


@pytest.mark.parametrize(("day", "new"), [(6, 0), (7, 1)])
def test_the_first_seven_days_are_quiet(day: int, new: int) -> None:
    """They are counted from the cluster's first event, whatever rule it matched, if any."""
    judged = judge([called(day)])

    assert (judged.new, judged.learning, len(judged.matches)) == (new, 1 - new, new)


def test_what_was_seen_before_is_known() -> None:
    """Only the first day of a key is told."""
    judged = judge([called(2), called(9)])

    assert (judged.learning, judged.known, judged.matches) == (1, 1, [])


def test_every_request_of_the_first_day_is_told() -> None:
    """New is a property of the day, so that the finding counts the requests of that day."""
    matches = [called(8), called(8.1), called(9)]

    assert told(judge(matches)) == [one.audit_ids for one in matches[:2]]


@pytest.mark.parametrize(("gap", "new"), [(30, 1), (31, 2)])
def test_a_key_that_was_not_seen_for_long_is_new_again(gap: int, new: int) -> None:
    """The cluster goes on meanwhile."""
    one = Baseline(ruleset(), Memory(), "prod")
    quiet = [happened(day) for day in range(0, 60, 5)]

    judged = one.judge([called(8), called(8 + gap)], quiet)

    assert judged.new == new


def test_every_sighting_refreshes() -> None:
    """What comes every three weeks is never forgotten."""
    one = Baseline(ruleset(), Memory(), "prod")
    days = [8, 28, 48, 68]

    judged = one.judge([called(day) for day in days], [happened(day) for day in [0, *days]])

    assert (judged.new, judged.known) == (1, 3)


def test_a_cluster_that_was_silent_for_long_is_learnt_again() -> None:
    """After a month without a log everything would be new, and nothing would be news."""
    one = Baseline(ruleset(), Memory(), "prod")
    one.judge([called(8)], [happened(0), happened(8)])

    judged = one.judge([called(50, "joe")], [happened(50)])

    assert (judged.new, judged.learning) == (0, 1)


def test_the_same_batch_again_gives_the_same() -> None:
    """Deliveries come twice, and a batch that failed comes again after others."""
    store = Memory()
    first = judge([called(8)], store=store)
    judge([called(9), called(20)], store=store)

    assert told(judge([called(8)], store=store)) == told(first) == [("jane-get-8",)]


def test_a_late_request_is_told_too_and_takes_nothing_back() -> None:
    """It was earlier than what was told; both stay new, however often they come."""
    store = Memory()
    judge([called(12)], store=store)

    for _ in range(2):
        assert judge([called(10)], store=store).new == 1
        assert judge([called(12)], store=store).new == 1


def test_who_is_new_has_a_learning_period_where_the_rule_says_so() -> None:
    """A new account does everything for the first time; a known one does not."""
    known = [called(0, "app", "get"), called(8, "app", "delete")]
    new = [called(8, "job", "get"), called(9, "job", "list"), called(15, "job", "delete")]
    matches = [replace(m, novel=sighting("newcomer", PER_ACTOR, m.facts)) for m in known + new]

    judged = judge(matches, novel=PER_ACTOR)

    assert told(judged) == [("app-delete-8",), ("job-delete-15",)]


def test_a_sighting_that_does_not_count_teaches() -> None:
    """What counts only under a condition is known from the times when it did not hold."""
    store = Memory()
    only_seen = [replace(called(d), novel=replace(called(d).novel, counts=False)) for d in (2, 9)]

    judged = judge(only_seen, store=store)

    assert judged == Judged([])
    assert judge([called(10)], store=store).known == 1


def test_ordinary_matches_pass_untouched_and_in_order() -> None:
    """Only novel rules are asked for news."""
    plain = examples.match(0, "a-1")

    judged = judge([called(1), plain, called(8, "joe"), plain])

    assert judged.matches == [plain, called(8, "joe"), plain]


def test_what_is_expected_and_new_stays_for_the_count() -> None:
    """A suppressed match is judged like any other."""
    judged = judge([called(8, suppressed_by="auditor"), called(9, suppressed_by="auditor")])

    assert [match.suppressed_by for match in judged.matches] == ["auditor"]


@pytest.mark.parametrize("day", [1, 8])
def test_without_an_answer_a_match_is_told_with_a_doubt(day: int) -> None:
    """Perhaps twice, never lost; whether the cluster still learns is unknown then, too."""
    (match,) = judge([called(day)], store=Silent(reads=False, writes=False)).matches

    assert match.partial == UNKNOWN


def test_a_doubt_is_added_to_others() -> None:
    """A record may be incomplete, too."""
    cut = called(8, partial="cut")

    (match,) = judge([cut], store=Silent(reads=False, writes=False)).matches

    assert match.partial == f"cut; {UNKNOWN}"


def test_what_could_not_be_kept_is_told_again() -> None:
    """The key is new for as long as nobody remembers it."""
    store = Memory()
    judge([], store=store)
    forgetful = Silent(writes=False)
    forgetful.entries = store.entries

    assert [judge([called(day)], store=forgetful).new for day in (8, 9)] == [1, 1]


@pytest.mark.parametrize("failing", ["reads", "writes"])
def test_a_first_day_that_could_not_be_kept_is_kept_with_the_next_batch(failing: str) -> None:
    """Until the store has taken it, every batch tries again; then none does."""
    store = Silent(**{failing: False})
    one = Baseline(ruleset(), store, "prod")
    (history,) = histories(ruleset())

    one.judge([], [happened(0)])
    setattr(store, failing, True)
    one.judge([], [happened(0.1)])
    asked = store.asked
    one.judge([], [happened(0.2)])

    assert store.entries[history.key].since == at(0).toordinal()
    assert store.asked == asked


def test_who_was_first_is_right() -> None:
    """Between reading and writing another function noted an earlier day."""

    class Raced(Memory):
        def write(self, changes: Mapping[str, Change]) -> Mapping[str, Entry | None]:
            for key, change in changes.items():
                if change.entry.values:
                    self.entries.setdefault(key, replace(change.entry, since=at(2).toordinal()))
            return super().write(changes)

    assert judge([called(8)], store=Raced()).known == 1


def test_a_record_without_a_time_is_of_the_newest_day() -> None:
    """Cut records lose it; they teach nothing, and are judged by what is known."""
    store = Memory()
    undated = {"first_seen": EPOCH, "last_seen": EPOCH}

    def says(day: float, actor: str = "jane") -> Judged:
        return judge([called(0, actor, **undated)], store=store, since=day)

    assert Baseline(ruleset(), store, "prod").judge([called(0, **undated)], []).learning == 1
    assert says(0).learning == says(6).learning == 1
    assert says(7).new == says(8).new == 1
    judge([called(8)], store=store, since=8)
    assert (says(9).known, says(9, "joe").new) == (1, 1)
    assert judge([called(0, **undated)], store=Silent(reads=False, writes=False)).unknown == 1


def test_what_is_known_costs_no_question() -> None:
    """Keys are asked for once a day, however many requests there are."""
    store = Silent()
    one = Baseline(ruleset(), store, "prod")
    one.judge([called(0)], [happened(0)])
    asked = store.asked

    for _ in range(3):
        one.judge([called(0.2), called(0.1)], [happened(0.2)])

    assert store.asked == asked


@pytest.mark.parametrize(("day", "settled"), [(2, True), (3, False)])
def test_what_is_decided_for_a_day_is_settled(day: int, settled: bool) -> None:
    """The engine makes no match of it on that day; on the next it is to be refreshed."""
    one = Baseline(ruleset(), Memory(), "prod")
    one.judge([called(2)], [happened(0)])
    key = called(2).novel

    assert key is not None
    assert one(key.key, at(day).date().isoformat()) is settled


def test_what_is_new_is_not_settled() -> None:
    """All requests of its first day are told."""
    one = Baseline(ruleset(), Memory(), "prod")
    one.judge([called(8)], [happened(0)])
    key = called(8).novel

    assert key is not None
    assert not one(key.key, at(8).date().isoformat())


def test_rules_that_learn_are_named() -> None:
    """People are told why a detection is quiet."""
    one = Baseline(ruleset(), Memory(), "prod")
    one.judge([], [happened(0)])

    assert one.learning(at(6).toordinal()) == ("newcomer",)
    assert one.learning(at(7).toordinal()) == ()


def test_without_novel_rules_nothing_is_asked() -> None:
    """Most rulesets have none."""
    store = Silent()
    one = Baseline(replace(ruleset(), rules=()), store, "prod")

    assert one.judge([examples.match()], [happened(0)]).matches == [examples.match()]
    assert store.asked == 0


def test_another_key_is_another_rule() -> None:
    """A rule whose key changes learns anew instead of finding everything."""
    changed = Novel(key=("actor.name", "verb"), forget_days=30, learn_days=7)
    store = Memory()
    judge([called(8)], store=store)

    match = replace(called(9), novel=sighting("newcomer", changed, called(9).facts))

    assert Baseline(ruleset(changed), store, "prod").judge([match], [happened(9)]).learning == 1


def test_only_so_much_is_remembered() -> None:
    """What was used longest ago makes room."""
    recent: Recent[int] = Recent(2)
    recent.put("a", 1)
    recent.put("b", 2)
    recent.get("a")
    recent.put("c", 3)

    assert (len(recent), recent.get("a"), recent.get("b"), recent.get("c")) == (2, 1, None, 3)


def test_a_baseline_with_little_room_says_the_same() -> None:
    """What the memory lost is asked for again."""
    store = Memory()
    small = Baseline(ruleset(), store, "prod", room=1)
    actors = [f"actor-{n}" for n in range(5)]
    small.judge([called(1, actor) for actor in actors], [happened(0)])

    assert small.judge([called(9, actor) for actor in actors], [happened(9)]).known == 5


def test_together_two_entries_know_from_the_first_day_to_the_last() -> None:
    """A seed is added to what is known."""
    early, late = Entry(5, 9, "newcomer", ("jane",), 30), Entry(7, 12, "newcomer", ("jane",), 30)

    assert merged(early, late) == merged(late, early) == Entry(5, 12, "newcomer", ("jane",), 30)


def test_a_learner_collects_in_any_order() -> None:
    """History files may be read in any order; nothing is judged."""
    days = [3, 1, 9, 4]
    learner = Learner(ruleset(), "prod")
    for day in days:
        learner.learn([called(day)], [happened(day)])

    assert {(e.since, e.last) for e in learner.entries.values()} == {
        (at(1).toordinal(), at(9).toordinal())
    }
    key = called(1).novel
    assert key is not None
    assert learner(key.key, at(4).date().isoformat())
    assert not learner(key.key, at(10).date().isoformat())
    assert not learner(key.key, "no day")


SIGHTINGS = st.lists(
    st.tuples(st.integers(0, 60), st.sampled_from("abcd"), st.floats(0, 0.4)), max_size=25
)


@given(SIGHTINGS, st.randoms(use_true_random=False))
def test_the_order_and_the_batches_of_a_day_make_no_difference(
    seen: list[tuple[int, str, float]], chance: random.Random
) -> None:
    """As long as days follow each other, the same requests are told."""
    matches = [called(day + hour, actor) for day, actor, hour in sorted(set(seen))]
    expected = told(judge(matches))
    shuffled = sorted(matches, key=lambda m: (m.first_seen.date(), chance.random()))
    store, found = Memory(), list[tuple[str, ...]]()
    judge([], store=store)
    while shuffled:
        size = chance.randint(1, 6)
        batch, shuffled = shuffled[:size], shuffled[size:]
        newest = batch[-1].first_seen.date()  # what comes again does so within hours
        again = [m for m in batch if m.first_seen.date() == newest and chance.random() < 0.5]
        for part in (batch, again):
            one = Baseline(ruleset(), store, "prod", room=chance.choice([1, 100]))
            found += told(one.judge(part, [happened(0)][: not store.entries]))

    assert set(found) == set(expected)


@given(SIGHTINGS, st.randoms(use_true_random=False))
def test_whatever_the_order_nothing_is_lost(
    seen: list[tuple[int, str, float]], chance: random.Random
) -> None:
    """What comes days too late may be told beside what came before it, never instead."""
    matches = [called(day + hour, actor) for day, actor, hour in sorted(set(seen))]
    everyday = [happened(day) for day in range(0, 60, 5)]
    expected = told(Baseline(ruleset(), Memory(), "prod").judge(matches, everyday))
    store = Memory()
    Baseline(ruleset(), store, "prod").judge([], everyday)
    chance.shuffle(matches)
    found = [told(judge([one], store=store, since=0)) for one in matches]

    assert set(expected) <= {ids for batch in found for ids in batch}


def test_histories_are_one_per_rule() -> None:
    """Every event of a cluster starts the learning of every rule."""
    (one,) = histories(ruleset())

    assert (one.document, one.history, one.learn_days) == ("newcomer", (), 7)
    assert EPOCH.toordinal() == baseline.UNDATED
