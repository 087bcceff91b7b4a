"""Matches and findings for the tests of the AWS edge; identifiers are invented."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from ekswatch.findings.finding import Finding, Scope, findings
from ekswatch.rules.detection import Detection, Severity
from ekswatch.rules.match import Match

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SCOPE = Scope(partition="aws", account="111122223333", region="eu-central-1", cluster="prod")

DETECTION = Detection(
    slug="secrets-listed",
    id="4d7f3c0e-6f0a-4c2e-8d0e-1f2a3b4c5d6e",
    title="Secrets of all namespaces listed",
    description="Somebody listed every Secret of the cluster.",
    severity=Severity.MEDIUM,
    message="{actor.name} listed {object.ref}",
    dedup=("actor.name",),
    dedup_seconds=3_600,
    tactics=("Credential Access",),
)


def match(*audit_ids: str, actor: str = "jane", **changes: Any) -> Match:
    """A match on requests of one actor at `AT`."""
    made = Match(
        detection=DETECTION,
        document=DETECTION.slug,
        severity=DETECTION.severity,
        reason="",
        facts={"actor.name": actor, "object.ref": "secrets */*"},
        evidence=(("verb", "list"),),
        samples=(),
        count=len(audit_ids),
        first_seen=AT,
        last_seen=AT,
        audit_ids=audit_ids,
    )
    return replace(made, **changes)


def finding(*audit_ids: str, minutes: int = 0, **changes: Any) -> Finding:
    """The finding of one match, `minutes` after `AT`."""
    at = AT + timedelta(minutes=minutes)
    times = {"first_seen": at, "last_seen": at}
    (made,) = findings([match(*(audit_ids or ("a-1",)), **(times | changes))], SCOPE, "0" * 64)
    return made


def many(number: int) -> Sequence[Finding]:
    """So many findings, each of another actor."""
    return [finding(f"a-{n}", actor=f"actor-{n}") for n in range(number)]
