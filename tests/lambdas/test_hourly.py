"""The hourly function, in an account: windows of the schedule, the same however often."""

from datetime import timedelta
from typing import Any

import pytest

from ekswatch.local import Account
from lambdas.hourly import run_time
from tests.local.examples import AT, RUN_AT, RUN_FOR_AT, reads


def slugs(aws: Account) -> list[str]:
    return [m.finding["detection"] for m in aws.messages()]


def test_signals_become_a_finding_in_their_hour(aws: Account) -> None:
    """Five reads within ten minutes are one finding with all their audit IDs."""
    aws.put_audit_log("prod", reads(5))
    assert aws.findings() == []

    aws.fire_hourly(RUN_FOR_AT)

    (message,) = aws.messages()
    assert message.finding["detection"] == "secrets-read-often"
    assert (message.finding["count"], message.finding["cluster"]) == (5, "prod")
    assert len(message.finding["audit_ids"]) == 5
    assert len(aws.findings()) == 1


def test_too_few_signals_are_nothing(aws: Account) -> None:
    """Four reads stay below the threshold."""
    aws.put_audit_log("prod", reads(4))

    aws.fire_hourly(RUN_FOR_AT)

    assert aws.findings() == []


def test_a_run_judges_its_own_hour_only(aws: Account) -> None:
    """What lies before the window was judged by the run before."""
    aws.put_audit_log("prod", reads(5))

    aws.fire_hourly(RUN_AT)

    assert aws.findings() == []


def test_a_run_looks_back_over_its_edge(aws: Account) -> None:
    """Three reads before the window and two in it are five within ten minutes."""
    edge = RUN_FOR_AT - timedelta(minutes=70)
    aws.put_audit_log("prod", reads(5, at=edge - timedelta(seconds=3)))

    aws.fire_hourly(RUN_FOR_AT)

    assert slugs(aws) == ["secrets-read-often"]


def test_a_run_that_is_repeated_finds_nothing_new(aws: Account) -> None:
    """Schedules fire at least once: same findings, no second message."""
    aws.put_audit_log("prod", reads(7))
    aws.fire_hourly(RUN_FOR_AT)
    first = aws.findings()

    aws.fire_hourly(RUN_FOR_AT)

    assert aws.findings() == first
    assert len(aws.messages()) == 1


def test_signals_written_twice_count_once(aws: Account) -> None:
    """A batch that was delivered twice does not reach the threshold by that."""
    for _ in range(2):
        aws.put_audit_log("prod", reads(3))

    aws.fire_hourly(RUN_FOR_AT)

    assert aws.findings() == []


def test_clusters_are_judged_apart(aws: Account) -> None:
    """Three reads in each of two clusters are no five."""
    aws.put_audit_log("prod", reads(3))
    aws.put_audit_log("staging", reads(3))
    aws.put_audit_log("staging", reads(5, user="joe"))

    aws.fire_hourly(RUN_FOR_AT)

    assert [m.finding["cluster"] for m in aws.messages()] == ["staging"]


def test_an_hour_of_silence_still_has_metrics(aws: Account) -> None:
    """Each watched cluster reports zero, so that an alarm sees the run."""
    aws.fire_hourly(RUN_FOR_AT)

    reported = {line["cluster"] for line in aws.logged() if "_aws" in line}
    assert reported >= {"prod", "staging"}


def test_stray_lines_are_counted(aws: Account) -> None:
    """A line that is no signal does not keep the hour from being judged."""
    aws.put_audit_log("prod", reads(5))
    aws.put_signal("prod/stray", "not a signal", at=AT)

    aws.fire_hourly(RUN_FOR_AT)

    assert len(aws.findings()) == 1
    assert aws.metric("SignalsUnreadable", cluster="none") == 1


def test_a_query_that_cannot_start_fails_the_run(aws: Account) -> None:
    """The event is kept and can be replayed; nothing is judged on a part."""
    aws.put_audit_log("prod", reads(5))
    aws.fail("logs", "StartQuery", "AccessDeniedException")

    with pytest.raises(ExceptionGroup):
        aws.fire_hourly(RUN_FOR_AT)
    aws.heal()
    aws.replay()

    assert slugs(aws) == ["secrets-read-often"]


@pytest.mark.parametrize("event", [{}, {"time": None}, {"time": "noon"}])
def test_an_event_without_time_is_refused(event: Any) -> None:
    """The clock is never asked instead."""
    with pytest.raises(ValueError, match=r"time|isoformat"):
        run_time(event)
