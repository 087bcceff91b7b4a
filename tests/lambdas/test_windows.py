"""Windows over long times, in an account: runs that were missed, signals that came late."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from ekswatch.audit.event import EPOCH
from ekswatch.aws.mark import Mark, Progress
from ekswatch.correlate.signal import decode
from ekswatch.local import Account, account
from ekswatch.rules.detection import Detection, Severity
from ekswatch.rules.ruleset import Check, Correlation, Rule, Ruleset, Use
from tests.local.examples import AT, RULESET, RUN_FOR_AT, line, reads

HOUR = timedelta(hours=1)
DAY_SECONDS = 86_400


def detection(slug: str, **changes: Any) -> Detection:
    fields: dict[str, Any] = {
        "slug": slug,
        "id": f"id-of-{slug}",
        "title": slug,
        "description": "For tests.",
        "severity": Severity.HIGH,
        "message": "{cluster}: {actor.name}",
        "dedup": ("actor.name",),
        "dedup_seconds": DAY_SECONDS,
        "tactics": ("Credential Access",),
    }
    return Detection(**(fields | changes))


def counted(name: str, view: str, check: Check, *facts: str) -> Rule:
    return Rule(
        name=name,
        detection="risk" if view == "finding" else "silent",
        view=view,
        selections={"it": check},
        condition=Use("it"),
        severity=Severity.INFORMATIONAL,
        facts=facts,
        finding=False,
        signal=True,
    )


LONG = Ruleset(
    schema=RULESET.schema,
    detections=tuple(
        sorted(
            (
                *RULESET.detections,
                detection("risk"),
                detection("silent", dedup=(), dedup_seconds=3_600),
            ),
            key=lambda one: one.slug,
        )
    ),
    rules=(
        counted("minute", "delivery", Check("delivery.events", "gte", (1,))),
        *RULESET.rules,
        counted(
            "step",
            "finding",
            Check("actor.name", "any"),
            *("finding.detection", "finding.risk"),
        ),
    ),
    correlations=(
        Correlation(
            name="risk",
            detection="risk",
            kind="value_sum",
            rules=("step",),
            timespan_seconds=DAY_SECONDS,
            severity=Severity.HIGH,
            group_by=("actor.name",),
            count=100,
            fields=("finding.risk",),
            collect=("finding.detection",),
            once_per=("finding.detection", "object.ref"),
        ),
        *RULESET.correlations,
        Correlation(
            name="silent",
            detection="silent",
            kind="event_count",
            rules=("minute",),
            timespan_seconds=900,
            severity=Severity.HIGH,
            op="lt",
            count=1,
        ),
    ),
    filters=RULESET.filters,
).sealed()


@pytest.fixture
def long() -> Iterator[Account]:
    """An account with correlations over findings, and over silence."""
    with account(LONG, clusters=("prod",)) as opened:
        yield opened


def slugs(aws: Account) -> list[str]:
    return [m.finding["detection"] for m in aws.messages()]


def progress(aws: Account) -> Progress:
    return Mark(aws._client("dynamodb"), "ekswatch").read()


# --- runs that were missed or failed


def test_the_run_after_a_missed_one_judges_both_hours(aws: Account) -> None:
    """Its window begins where the last finished run ended."""
    aws.fire_hourly(RUN_FOR_AT - HOUR)
    aws.put_audit_log("prod", reads(5))

    aws.fire_hourly(RUN_FOR_AT + 2 * HOUR)

    assert slugs(aws) == ["secrets-read-often"]
    assert aws.metric("WindowsJudged", cluster="none") == 2


def test_a_run_that_failed_does_not_move_the_mark(aws: Account) -> None:
    """The next one judges its hour as well."""
    aws.fire_hourly(RUN_FOR_AT - HOUR)
    aws.put_audit_log("prod", reads(5))
    aws.fail("logs", "StartQuery", "AccessDeniedException")
    with pytest.raises(ExceptionGroup):
        aws.fire_hourly(RUN_FOR_AT)
    aws.heal()
    judged = progress(aws).judged_until

    aws.fire_hourly(RUN_FOR_AT + HOUR)

    assert judged == RUN_FOR_AT - HOUR - timedelta(minutes=10)
    assert slugs(aws) == ["secrets-read-often"]


def test_a_run_that_could_not_deliver_does_not_move_the_mark(aws: Account) -> None:
    """A finding that nobody got was not judged."""
    aws.put_audit_log("prod", reads(5))
    aws.fail("sns", "Publish", "InternalErrorException")
    with pytest.raises(ExceptionGroup):
        aws.fire_hourly(RUN_FOR_AT)

    assert progress(aws).judged_until is None


def test_a_table_that_does_not_answer_fails_the_run(aws: Account) -> None:
    """Nobody knows then what was judged; the run is tried again."""
    aws.put_audit_log("prod", reads(5))
    aws.fail("dynamodb", "GetItem", "InternalServerError")
    with pytest.raises(ExceptionGroup):
        aws.fire_hourly(RUN_FOR_AT)
    aws.heal()

    aws.replay()

    assert slugs(aws) == ["secrets-read-often"]


def test_signals_in_time_are_not_noted(aws: Account) -> None:
    """Their own run will see them: no call to the table for an ordinary delivery."""
    aws.put_audit_log("prod", reads(5))

    assert progress(aws) == Progress()
    assert ("dynamodb", "UpdateItem") not in aws.strict.calls


def test_what_arrives_after_its_run_is_judged_by_the_next(aws: Account) -> None:
    """Two reads in time and three that came hours late are five."""
    early, late = reads(5)[:2], reads(5)[2:]
    aws.put_audit_log("prod", early)
    aws.fire_hourly(RUN_FOR_AT)
    assert slugs(aws) == []
    later = line("later", "get", user="joe", at=AT + 5 * HOUR)

    aws.put_audit_log("prod", [*late, later])
    noted = progress(aws).late_since
    aws.fire_hourly(RUN_FOR_AT + 5 * HOUR)

    assert noted == AT + timedelta(seconds=2)
    assert slugs(aws) == ["secrets-read-often"]


@pytest.mark.parametrize(("minute", "late"), [("0", True), ("35", False), ("25", True)])
def test_what_is_late_depends_on_the_minute_of_the_runs(
    aws: Account, monkeypatch: pytest.MonkeyPatch, minute: str, late: bool
) -> None:
    """At 12:30 the run of 12:00, or of 12:25, has read what is of 11:30; 12:35 has yet to come."""
    monkeypatch.setenv("EKSWATCH_SCHEDULE_MINUTE", minute)

    aws.put_audit_log("prod", [*reads(3, at=AT - HOUR), line("now", "get", user="joe", at=AT)])

    assert (progress(aws).late_since is not None) == late


def test_a_note_that_cannot_be_taken_fails_the_delivery(aws: Account) -> None:
    """Lambda hands the batch in again; the signals that are there already do no harm."""
    aws.fail("dynamodb", "UpdateItem", "InternalServerError")

    with pytest.raises(ExceptionGroup):
        aws.put_audit_log("prod", [*reads(5), line("later", "get", at=AT + 5 * HOUR)])
    aws.heal()
    aws.replay()

    assert progress(aws).late_since == AT


# --- correlations over findings


def listed(audit_id: str, at: datetime, namespace: str) -> str:
    ref = {"resource": "secrets", "namespace": namespace, "apiVersion": "v1"}
    return line(audit_id, at=at, objectRef=ref)


def test_findings_of_a_day_add_up(long: Account) -> None:
    """Two namespaces listed and a burst read hours later: 49 + 49 + 81 points."""
    long.put_audit_log("prod", [listed("l1", AT, "a")])
    long.fire_hourly(RUN_FOR_AT)
    long.put_audit_log("prod", [listed("l2", AT + 2 * HOUR, "b")])
    long.fire_hourly(RUN_FOR_AT + 2 * HOUR)
    assert "risk" not in slugs(long)

    long.put_audit_log("prod", reads(5, at=AT + 4 * HOUR))
    long.fire_hourly(RUN_FOR_AT + 4 * HOUR)

    (risk,) = (m for m in long.messages() if m.finding["detection"] == "risk")
    assert risk.finding["facts"]["correlation.count"] == 49 + 49 + 81
    assert risk.finding["facts"]["finding.detection"] == ["secrets-listed", "secrets-read-often"]
    assert {"l1", "l2"} < set(risk.finding["audit_ids"])


def test_what_a_correlation_told_is_written_once(long: Account) -> None:
    """The second run finds it among what it reads."""
    long.put_audit_log("prod", reads(5))
    for _ in range(3):
        long.fire_hourly(RUN_FOR_AT)

    steps = [one for one in map(decode, long.signals()) if one.document == "step"]

    assert [(one.batch, one.reach) for one in steps] == [("correlations", "long")]


def test_what_is_expected_does_not_add_up(long: Account) -> None:
    """A suppressed finding is none."""
    for number in range(4):
        made = line(f"l{number}", user="auditor", at=AT + timedelta(minutes=number))
        long.put_audit_log("prod", [made])

    assert [one for one in map(decode, long.signals()) if one.document == "step"] == []


# --- silence


def test_a_cluster_that_goes_quiet_is_told_once(long: Account) -> None:
    """By the hour in which fifteen minutes were over, and never again for that silence."""
    long.put_audit_log("prod", [line("l1", "get", objectRef={"resource": "pods"})])
    for hours in range(4):
        long.fire_hourly(RUN_FOR_AT + hours * HOUR)

    (silent,) = long.messages()
    assert silent.finding["detection"] == "silent"
    assert silent.finding["cluster"] == "prod"


def test_a_cluster_that_talks_is_not_quiet(long: Account) -> None:
    """One event every ten minutes is enough."""
    for minutes in range(0, 120, 10):
        at = AT + timedelta(minutes=minutes)
        long.put_audit_log("prod", [line(f"l{minutes}", "get", at=at, objectRef={})])
    long.fire_hourly(RUN_FOR_AT)
    long.fire_hourly(RUN_FOR_AT + HOUR)

    assert long.messages() == []


def test_a_minute_is_told_once_by_an_execution_environment(long: Account) -> None:
    """However many deliveries it has."""
    for number in range(5):
        at = AT + timedelta(seconds=number)
        long.put_audit_log("prod", [line(f"l{number}", "get", at=at, objectRef={})])

    assert len(long.signals()) == 1


def test_a_minute_that_could_not_be_written_is_told_again(long: Account) -> None:
    """Only what was written is remembered."""
    lines = [line("l1", "get", objectRef={})]
    long.fail("logs", "PutLogEvents", "ServiceUnavailableException")
    with pytest.raises(ExceptionGroup):
        long.put_audit_log("prod", lines)
    long.heal()
    long.put_audit_log("prod", lines)

    assert len(long.signals()) == 1


def test_events_without_a_time_are_no_minute(long: Account) -> None:
    """A record that lost its time says nothing of when the cluster spoke."""
    broken = line("l1", "get", objectRef={}).replace("2026-11-20T12:30", "0000-99-99T12:30")
    long.put_audit_log("prod", [broken])

    assert all(decode(one).first_seen > EPOCH for one in long.signals())
