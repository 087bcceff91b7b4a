"""A small ruleset and audit lines for the tests that run the functions; names are invented."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from ekswatch.rules.detection import Detection, Severity
from ekswatch.rules.ruleset import (
    SCHEMA,
    And,
    Check,
    Correlation,
    Escalation,
    Filter,
    Rule,
    Ruleset,
    Use,
)

AT = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
RUN_AT = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
"""The hourly run whose window, 12:50 to 13:50, is not that of `AT`."""
RUN_FOR_AT = datetime(2026, 11, 20, 13, 0, tzinfo=UTC)


def _detection(slug: str, severity: Severity) -> Detection:
    return Detection(
        slug=slug,
        id=f"id-of-{slug}",
        title=slug.replace("-", " ").capitalize(),
        description="For tests.",
        severity=severity,
        message="{actor.name} asked for {resource}",
        dedup=("actor.name",),
        dedup_seconds=86_400,
        tactics=("Credential Access",),
    )


def _asking(verb: str, resource: str) -> And:
    return And(
        (Check("verb", "equals", (verb,)), Check("objectRef.resource", "equals", (resource,)))
    )


RULESET = Ruleset(
    schema=SCHEMA,
    detections=(
        _detection("secrets-listed", Severity.MEDIUM),
        _detection("secrets-read-often", Severity.HIGH),
    ),
    rules=(
        Rule(
            name="secret-read",
            detection="secrets-read-often",
            view="",
            selections={"read": _asking("get", "secrets")},
            condition=Use("read"),
            severity=Severity.LOW,
            facts=("actor.name",),
            finding=False,
            signal=True,
        ),
        Rule(
            name="secrets-listed",
            detection="secrets-listed",
            view="",
            selections={
                "listed": _asking("list", "secrets"),
                "curl": Check("userAgent", "startswith", ("curl",)),
            },
            condition=Use("listed"),
            severity=Severity.MEDIUM,
            escalations=(Escalation(("curl",), Severity.HIGH),),
        ),
    ),
    correlations=(
        Correlation(
            name="secrets-read-often",
            detection="secrets-read-often",
            kind="event_count",
            rules=("secret-read",),
            timespan_seconds=600,
            severity=Severity.HIGH,
            group_by=("actor.name",),
            count=5,
        ),
    ),
    filters=(
        Filter(
            name="auditor",
            title="The auditor reads everything",
            reason="That is the job.",
            owner="platform",
            selections={"auditor": Check("actor.name", "equals", ("auditor",))},
            excludes=Use("auditor"),
        ),
    ),
).sealed()


def line(
    audit_id: str, verb: str = "list", *, user: str = "jane", at: datetime = AT, **changes: Any
) -> str:
    """One audit event about Secrets, as compact as the API server writes it."""
    stamp = at.isoformat(timespec="microseconds").replace("+00:00", "Z")
    event = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": audit_id,
        "stage": "ResponseComplete",
        "requestURI": "/api/v1/secrets",
        "verb": verb,
        "user": {"username": user, "groups": ["system:authenticated"]},
        "sourceIPs": ["203.0.113.7"],
        "userAgent": "kubectl/v1.32.4",
        "objectRef": {"resource": "secrets", "namespace": "payments", "apiVersion": "v1"},
        "responseStatus": {"code": 200},
        "requestReceivedTimestamp": stamp,
        "stageTimestamp": stamp,
        "annotations": {"authorization.k8s.io/decision": "allow"},
    }
    return json.dumps(event | changes, separators=(",", ":"))


def benign(number: int) -> list[str]:
    """Events that no rule is about."""
    return [line(f"benign-{n}", "get", objectRef={"resource": "pods"}) for n in range(number)]


def reads(number: int, *, user: str = "jane", at: datetime = AT) -> list[str]:
    """Reads of Secrets, one a second."""
    return [
        line(f"read-{user}-{n}", "get", user=user, at=at + timedelta(seconds=n))
        for n in range(number)
    ]
