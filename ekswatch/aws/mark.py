"""Mark: how far signals have been judged, and what came after its window was.

One item of the state table. A run that finishes moves the mark; one that is missed or fails
does not, and the next one judges from the mark on. What the stream function writes after the
run of its hour may have read is noted here, and judged by the next run as well.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ekswatch.aws.state import KEY
from ekswatch.correlate.window import CLOSES, Window

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ITEM = "hourly"
"""The item's key; those of findings start otherwise."""
SETTLED = timedelta(minutes=10)
"""After this, a signal that was written is certainly seen by a query."""
HOUR = timedelta(hours=1)
LONGEST = timedelta(days=14)
"""No run judges further back: older signals are stamped at this edge."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What the item said. Event times from `judged_until` on were not judged by any run;
    `late_since` is the earliest one that came too late for its run, `notes` how many did."""

    judged_until: datetime | None = None
    late_since: datetime | None = None
    notes: int = 0

    def opened(self, window: Window) -> Window:
        """The window of a run, opened for what the runs before it left."""
        for at in (self.judged_until, self.late_since):
            if at is not None:
                window = window.widened(max(at, window.end - LONGEST))
        return window


@dataclass(frozen=True, slots=True)
class Mark:
    """The item in the table. Every call may raise ClientError or BotoCoreError."""

    client: "DynamoDBClient"
    table: str

    def read(self) -> Progress:
        answer = self.client.get_item(TableName=self.table, Key=_KEY, ConsistentRead=True)
        item: dict[str, Any] = answer.get("Item", {})
        return Progress(
            _time(item, "judged_until"),
            _time(item, "late_since"),
            int(item.get("notes", {"N": "0"})["N"]),
        )

    def note_late(self, at: datetime, *, now: datetime) -> None:
        """Note that a signal of this time was written now, after its window was judged.

        Call it when the signal is written: a run that does not see the note may have missed it.
        """
        earliest = "attribute_not_exists(late_since) OR late_since > :at"
        with suppress(self.client.exceptions.ConditionalCheckFailedException):
            self._update("SET late_since = :at", earliest, {":at": _text(at)})
        self._update(
            "SET noted_at = :now ADD notes :one", "", {":now": _text(now), ":one": {"N": "1"}}
        )

    def finish(self, window: Window, progress: Progress, *, started_at: datetime) -> None:
        """Note that a window is judged, with what `progress` said before it was read.

        What was noted since, or so short before that the signals may not have been seen, stays,
        and so does what came late for a later window: this may be an old one, judged again.
        """
        with suppress(self.client.exceptions.ConditionalCheckFailedException):  # a later one is
            self._update(
                "SET judged_until = :end",
                "attribute_not_exists(judged_until) OR judged_until < :end",
                {":end": _text(window.end)},
            )
        if progress.late_since is not None and progress.late_since < window.end:
            with suppress(self.client.exceptions.ConditionalCheckFailedException):
                self._update(
                    "REMOVE late_since",
                    "notes = :notes AND noted_at < :settled",
                    {
                        ":notes": {"N": str(progress.notes)},
                        ":settled": _text(started_at - SETTLED),
                    },
                )

    def _update(self, change: str, condition: str, values: dict[str, Any]) -> None:
        more: Any = {"ConditionExpression": condition} if condition else {}
        self.client.update_item(
            TableName=self.table,
            Key=_KEY,
            UpdateExpression=change,
            ExpressionAttributeValues=values,
            **more,
        )


def judged_before(now: datetime, *, minute: int = 0) -> datetime:
    """Event times before this belong to windows whose run has begun.

    Runs begin at the given minute of every hour.
    """
    run = now.replace(minute=minute, second=0, microsecond=0)
    return (run if run <= now else run - HOUR) - CLOSES


_KEY: Any = {KEY: {"S": ITEM}}


def _text(at: datetime) -> Any:
    """All of one length in UTC, so that the order of the texts is that of the times."""
    return {"S": at.astimezone(UTC).isoformat(timespec="microseconds")}


def _time(item: dict[str, Any], name: str) -> datetime | None:
    return datetime.fromisoformat(item[name]["S"]) if name in item else None
