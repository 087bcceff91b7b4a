"""State: what was found before, so that a replay counts once and a person is told once.

One item per finding ID. Read, merge, write back under a version check; a replay changes
nothing and writes nothing.
Where the table does not answer, a finding is due again: perhaps twice, never lost.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from ekswatch.findings.finding import Finding
from ekswatch.rules.detection import Severity

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEY = "pk"
"""Partition key of the table, a string; the finding ID."""
EXPIRES = "expires_at"
"""Time-to-live attribute of the table, in epoch seconds."""

KEPT_SECONDS = 90 * 86_400
AUDIT_IDS_KEPT = 1_000
"""Audit IDs remembered per finding, as many as a correlation lists; later ones are counted."""
OVERFLOWS_KEPT = 200
"""Digests of what came after that, so that the same batch again is not counted again."""
AGAIN_FACTOR = 10
TRIES = 5
FIRST_PAUSE_SECONDS = 0.05
ERRORS_BORNE = 3
"""Failed findings after which the table is not asked again for this batch."""
NO_MEMBERS: dict[str, list[str]] = {"SS": []}

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Remembered:
    """A finding merged with what was known of it.

    `due` says that people should be told; `why` is new, tenfold, escalated, or unknown when
    the table did not answer, and `error` then says what happened.
    """

    finding: Finding
    due: bool
    why: str = ""
    error: str = ""


class Contended(Exception):  # noqa: N818  # read as a fact
    """Other executions kept changing the item."""


@dataclass(frozen=True, slots=True)
class Memory:
    """The table of remembered findings."""

    client: "DynamoDBClient"
    table: str
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep

    def remember(self, findings: Sequence[Finding]) -> list[Remembered]:
        """Merge each finding with what is known, keep the result, say which are due."""
        remembered: list[Remembered] = []
        for finding in findings:
            errors = [r.error for r in remembered if r.error]
            if len(errors) >= ERRORS_BORNE:
                remembered.append(_unknown(finding, f"not asked after {errors[-1]}"))
                continue
            try:
                remembered.append(self._remember(finding))
            except (ClientError, BotoCoreError, Contended) as error:
                remembered.append(_unknown(finding, f"{type(error).__name__}: {error}"))
        return remembered

    def mark_notified(self, finding: Finding) -> None:
        """Note that people were told of this finding at this count and severity."""
        with suppress(self.client.exceptions.ConditionalCheckFailedException):
            # Where the item is not there, because the table did not answer, it stays due.
            self.client.update_item(
                TableName=self.table,
                Key={KEY: {"S": finding.id}},
                UpdateExpression=(
                    "SET notified_count = :count, notified_severity = :severity ADD version :one"
                ),
                ConditionExpression=f"attribute_exists({KEY})",
                ExpressionAttributeValues={
                    ":count": {"N": str(finding.count)},
                    ":severity": {"N": str(int(finding.severity))},
                    ":one": {"N": "1"},
                },
            )

    def _remember(self, finding: Finding) -> Remembered:
        for attempt in range(TRIES):
            known = self._read(finding.id)
            entry = _entry(finding, known)
            if entry == known or self._write(finding.id, entry, replacing=known):
                return _judged(_merged(finding, entry), known)
            self.sleep(FIRST_PAUSE_SECONDS * 2**attempt)
        raise Contended(f"{finding.id} changed {TRIES} times while it was merged")

    def _read(self, finding_id: str) -> "_Entry | None":
        response = self.client.get_item(
            TableName=self.table, Key={KEY: {"S": finding_id}}, ConsistentRead=True
        )
        return _from_item(response["Item"]) if "Item" in response else None

    def _write(self, finding_id: str, entry: "_Entry", *, replacing: "_Entry | None") -> bool:
        """Whether the item was still as it was read, and is now written."""
        version = replacing.version if replacing else 0
        item = _to_item(replace(entry, version=version + 1))
        item |= {KEY: {"S": finding_id}, EXPIRES: {"N": str(int(self.clock()) + KEPT_SECONDS)}}
        try:
            self.client.put_item(
                TableName=self.table,
                Item=item,
                ConditionExpression=f"attribute_not_exists({KEY}) OR version = :read",
                ExpressionAttributeValues={":read": {"N": str(version)}},
            )
        except self.client.exceptions.ConditionalCheckFailedException:
            return False
        return True


@dataclass(frozen=True, slots=True)
class _Entry:
    """What the table holds of a finding.

    `uncounted` is the largest number of requests that one finding counted without their IDs,
    `overflow` how many IDs came after the set was full, `overflows` digests of these batches.
    `notified_count` is 0 until people were told.
    """

    audit_ids: frozenset[str]
    uncounted: int
    overflow: int
    overflows: frozenset[str]
    first_seen: datetime
    last_seen: datetime
    severity: Severity
    reason: str
    notified_count: int = 0
    notified_severity: Severity = Severity.INFORMATIONAL
    version: int = 0


def _entry(finding: Finding, known: _Entry | None) -> _Entry:
    """What is known once this finding is, too; equal to `known` when it says nothing new."""
    if known is None:
        known = _Entry(
            audit_ids=frozenset(),
            uncounted=0,
            overflow=0,
            overflows=frozenset(),
            first_seen=finding.first_seen,
            last_seen=finding.last_seen,
            severity=finding.severity,
            reason=finding.reason,
        )
    new = sorted(set(finding.audit_ids) - known.audit_ids)
    room = AUDIT_IDS_KEPT - len(known.audit_ids)
    known = _overflowing(known, new[room:])
    more_severe = finding.severity > known.severity
    return replace(
        known,
        audit_ids=known.audit_ids.union(new[:room]),
        uncounted=max(known.uncounted, finding.count - len(finding.audit_ids)),
        first_seen=min(known.first_seen, finding.first_seen),
        last_seen=max(known.last_seen, finding.last_seen),
        severity=finding.severity if more_severe else known.severity,
        reason=finding.reason if more_severe else known.reason,
    )


def _overflowing(known: _Entry, ids: Sequence[str]) -> _Entry:
    """The entry with audit IDs counted that it has no room for, unless they were before."""
    digest = sha256("\n".join(ids).encode()).hexdigest()[:16]
    if not ids or digest in known.overflows:
        return known
    room = len(known.overflows) < OVERFLOWS_KEPT
    return replace(
        known,
        overflow=known.overflow + len(ids),
        overflows=known.overflows | {digest} if room else known.overflows,
    )


def _merged(finding: Finding, entry: _Entry) -> Finding:
    """The finding with everything that is known of it; its facts are those of its own lead."""
    return replace(
        finding,
        severity=entry.severity,
        count=len(entry.audit_ids) + entry.uncounted + entry.overflow,
        first_seen=entry.first_seen,
        last_seen=entry.last_seen,
        audit_ids=tuple(sorted(entry.audit_ids)),
        lead=replace(finding.lead, reason=entry.reason),
    )


def _judged(merged: Finding, known: _Entry | None) -> Remembered:
    if known is None or known.notified_count == 0:
        return Remembered(merged, due=True, why="new")
    if merged.severity > known.notified_severity:
        return Remembered(merged, due=True, why="escalated")
    if merged.count >= AGAIN_FACTOR * known.notified_count:
        return Remembered(merged, due=True, why="tenfold")
    return Remembered(merged, due=False)


def _unknown(finding: Finding, error: str) -> Remembered:
    return Remembered(finding, due=True, why="unknown", error=error)


def _to_item(entry: _Entry) -> Item:
    numbers = (
        "uncounted",
        "overflow",
        "severity",
        "notified_count",
        "notified_severity",
        "version",
    )
    item: Item = {name: {"N": str(int(getattr(entry, name)))} for name in numbers}
    item["first_seen"] = {"S": entry.first_seen.isoformat()}
    item["last_seen"] = {"S": entry.last_seen.isoformat()}
    item["reason"] = {"S": entry.reason}
    for name in ("audit_ids", "overflows"):
        if members := getattr(entry, name):  # a set in DynamoDB is never empty
            item[name] = {"SS": sorted(members)}
    return item


def _from_item(item: Item) -> _Entry:
    return _Entry(
        audit_ids=frozenset(item.get("audit_ids", NO_MEMBERS)["SS"]),
        uncounted=int(item["uncounted"]["N"]),
        overflow=int(item["overflow"]["N"]),
        overflows=frozenset(item.get("overflows", NO_MEMBERS)["SS"]),
        first_seen=datetime.fromisoformat(item["first_seen"]["S"]),
        last_seen=datetime.fromisoformat(item["last_seen"]["S"]),
        severity=Severity(int(item["severity"]["N"])),
        reason=item["reason"]["S"],
        notified_count=int(item["notified_count"]["N"]),
        notified_severity=Severity(int(item["notified_severity"]["N"])),
        version=int(item["version"]["N"]),
    )
