"""The stream function with novel rules: quiet until it knows, then once per news."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from ekswatch.aws.quiet import quietly
from ekswatch.correlate.baseline import UNKNOWN
from ekswatch.local import Account, account
from ekswatch.local.subscription import payload
from ekswatch.rules.ruleset import Novel, Ruleset
from lambdas import stream
from tests.local.examples import AT, RULESET, benign, line

NOVEL = Novel(key=("actor.name",), forget_days=30, learn_days=7)


def novel(*documents: str) -> Ruleset:
    """The ruleset in which some documents match what is new, and nothing else."""
    rules = (replace(r, novel=NOVEL if r.name in documents else None) for r in RULESET.rules)
    return replace(RULESET, rules=tuple(rules)).sealed()


@pytest.fixture
def aws() -> Iterator[Account]:
    """An account in which the first list of secrets by somebody is a finding."""
    with account(novel("secrets-listed"), clusters=("prod", "staging")) as opened:
        yield opened


def listed(day: float, user: str = "jane", number: int = 0, **changes: Any) -> str:
    at = AT + timedelta(days=day)
    return line(f"{user}-{day}-{number}", user=user, at=at, **changes)


def quiet(day: float) -> str:
    """An event of the cluster that no rule is about."""
    at = (AT + timedelta(days=day)).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return benign(1)[0].replace(AT.isoformat(timespec="microseconds").replace("+00:00", "Z"), at)


def cold() -> None:
    """The next delivery finds a new execution environment."""
    stream._engine.cache_clear()
    stream._baselines.cache_clear()


def metrics(aws: Account, *names: str) -> list[float]:
    return [aws.metric(name, cluster="prod") for name in names]


@pytest.mark.parametrize(("day", "found"), [(6, 0), (7, 1)])
def test_a_cluster_is_learnt_for_a_week(aws: Account, day: int, found: int) -> None:
    """Its first event begins it, whatever that was about."""
    aws.put_audit_log("prod", [quiet(0)])
    aws.put_audit_log("prod", [listed(day)])

    assert len(aws.findings()) == len(aws.messages()) == found


def test_what_was_seen_before_is_no_finding(aws: Account) -> None:
    """Also for an execution environment that never saw it."""
    aws.put_audit_log("prod", [listed(0), listed(0, "joe")])
    cold()
    aws.put_audit_log("prod", [listed(9), listed(9, "mallory")])

    assert [m.finding["actor"]["name"] for m in aws.messages()] == ["mallory"]
    assert metrics(aws, "MatchesLearning", "MatchesKnown", "MatchesNew") == [2, 1, 1]


def test_clusters_learn_on_their_own(aws: Account) -> None:
    """Who is known in one is new in the other."""
    for cluster in ("prod", "staging"):
        aws.put_audit_log(cluster, [quiet(0)])
    aws.put_audit_log("prod", [listed(1)])
    for cluster in ("prod", "staging"):
        aws.put_audit_log(cluster, [listed(9)])

    assert [m.finding["cluster"] for m in aws.messages()] == ["staging"]


def test_a_delivery_that_comes_twice_makes_one_finding(aws: Account) -> None:
    """The same, in the same and in another execution environment, and also days later."""
    aws.put_audit_log("prod", [quiet(0)])
    for _ in range(2):
        aws.put_audit_log("prod", [listed(8), listed(8, number=1)])
        cold()
    aws.put_audit_log("prod", [listed(12)])
    aws.put_audit_log("prod", [listed(8), listed(8, number=1)])

    assert [m.finding["count"] for m in aws.messages()] == [2]
    assert len(aws.findings()) == 1


def test_a_finding_that_was_not_delivered_is_made_again(aws: Account) -> None:
    """The baseline knows the key by then; its first day stays new."""
    aws.put_audit_log("prod", [quiet(0)])
    aws.fail("sns", "Publish", "InternalError")
    with pytest.raises(ExceptionGroup):
        aws.put_audit_log("prod", [listed(8)])
    aws.heal()
    aws.put_audit_log("prod", [listed(9)])

    aws.replay()

    assert [m.finding["audit_ids"] for m in aws.messages()] == [["jane-8-0"]]


def test_what_is_known_costs_no_call(aws: Account) -> None:
    """The table is asked once a day and key, and the engine makes no match of the rest."""
    aws.put_audit_log("prod", [listed(0)])
    before = len(aws.strict.calls)

    for number in range(1, 4):
        aws.put_audit_log("prod", [listed(0.01, number=number)])

    assert len(aws.strict.calls) == before
    assert metrics(aws, "Matches", "MatchesLearning") == [0, 1]


def test_a_new_day_is_noted_once(aws: Account) -> None:
    """One read, and one write for the person and one for the rule."""
    aws.put_audit_log("prod", [listed(0)])
    before = len(aws.strict.calls)

    for number in range(3):
        aws.put_audit_log("prod", [listed(1, number=number)])

    assert sorted(aws.strict.calls[before:]) == [
        ("dynamodb", "BatchGetItem"),
        ("dynamodb", "PutItem"),
        ("dynamodb", "PutItem"),
    ]


@pytest.mark.parametrize("operation", ["BatchGetItem", "PutItem"])
def test_a_table_that_is_down_loses_nothing(aws: Account, operation: str) -> None:
    """Without its memory the function reports what may be known, and says so."""
    aws.put_audit_log("prod", [quiet(0)])
    cold()
    aws.fail("dynamodb", operation, "ProvisionedThroughputExceededException")

    aws.put_audit_log("prod", [listed(8)])

    (message,) = aws.messages()
    assert message.finding["partial"] == (UNKNOWN if operation == "BatchGetItem" else "")
    assert aws.metric("StateErrors", cluster="prod") > 0
    assert [x for x in aws.logged() if x.get("message") == "baseline unavailable"]
    assert aws.failed == []


def test_the_table_is_asked_again_after_an_outage(aws: Account) -> None:
    """The doubt ends with it."""
    aws.put_audit_log("prod", [listed(0)])
    cold()
    aws.fail("dynamodb", "BatchGetItem", "ThrottlingException", times=1)
    aws.put_audit_log("prod", [listed(8)])
    aws.put_audit_log("prod", [listed(8, number=1)])

    assert [m.finding["partial"] for m in aws.messages()] == [UNKNOWN]
    assert metrics(aws, "MatchesKnown") == [1]


def test_what_is_expected_every_day_is_not_even_counted(aws: Account) -> None:
    """A filter explains what is new; what is known needs no explanation."""
    aws.put_audit_log("prod", [quiet(0)])
    aws.put_audit_log("prod", [listed(8, "auditor")])
    aws.put_audit_log("prod", [listed(9, "auditor")])

    assert metrics(aws, "Suppressed", "Findings") == [1, 0]


def test_only_news_becomes_a_signal() -> None:
    """A novel rule may serve a correlation; what is known would only cost."""
    with account(novel("secret-read"), clusters=("prod",)) as aws:
        aws.put_audit_log("prod", [quiet(0)])
        for day in (1, 8):
            aws.put_audit_log("prod", [listed(day, verb="get")])
        aws.put_audit_log("prod", [listed(8, "joe", verb="get")])

        assert len(aws.signals()) == 1
        assert "joe" in aws.signals()[0]


def test_a_quiet_delivery_does_not_make_the_news_old(aws: Account) -> None:
    """What was new on its day is new again when it comes aloud, even days later."""
    aws.put_audit_log("prod", [quiet(0)])
    event = payload(
        [{"timestamp": 1_795_000_000_000, "message": listed(9)}],
        group="/aws/eks/prod/cluster",
        stream="kube-apiserver-audit-1",
        account="111122223333",
    )
    aws.deliver(quietly(event))
    assert (len(aws.findings()), aws.messages()) == (1, [])

    aws.put_audit_log("prod", [listed(12)])
    assert aws.messages() == []
    aws.deliver(event)

    assert len(aws.messages()) == 1
