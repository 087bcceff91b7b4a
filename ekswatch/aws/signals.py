"""Signals between the functions: written with PutLogEvents, read back with Logs Insights.

Writing raises, so that a lost signal fails the batch and the platform retries it.
Reading is all or nothing: a partial result, or one at the row limit, is never used.
Source: Amazon CloudWatch Logs API Reference, PutLogEvents, StartQuery, GetQueryResults.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from ekswatch.correlate.signal import BadSignal, Signal, decode, encode
from ekswatch.correlate.window import Window
from ekswatch.rules.match import Match

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_logs.type_defs import InputLogEventTypeDef, ResultFieldTypeDef

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BATCH_BYTES = 1_048_576
EVENT_OVERHEAD_BYTES = 26
BATCH_EVENTS = 10_000
BATCH_SPAN = timedelta(hours=24)
OLDEST = timedelta(days=14) - timedelta(hours=1)
NEWEST = timedelta(hours=2) - timedelta(minutes=5)
"""What PutLogEvents takes, with a margin: events outside are stamped at the edge, and keep
their true time inside the line."""
STRETCH = timedelta(minutes=10)
"""Event time that one signal may span; a reader goes back by as much."""

ROW_LIMIT = 10_000
QUERY = f"fields @timestamp, @message, @logStream | sort @timestamp asc | limit {ROW_LIMIT}"
LONG_QUERY = f'filter reach = "long" | {QUERY}'
QUERIES = frozenset({QUERY, LONG_QUERY})
"""Every query text that is ever sent: a closed set, without a value in it."""
POLL_SECONDS = (0.5, 1.0, 2.0)
TIMEOUT_SECONDS = 120.0
UNFINISHED = {"Scheduled", "Running", "Unknown"}


class WriteFailed(Exception):  # noqa: N818  # read as a fact
    """CloudWatch Logs did not take some signals."""


class ReadFailed(Exception):  # noqa: N818  # read as a fact
    """The signals of a window could not be read whole."""


class QueryFailed(ReadFailed):
    """A query ended otherwise than Complete, or not in time."""


class TooManySignals(ReadFailed):
    """One second alone holds more signals than a query returns."""


@dataclass(frozen=True, slots=True)
class Read:
    """Signals per cluster, each once, oldest first; `bad` lines could not be decoded."""

    signals: Mapping[str, tuple[Signal, ...]]
    bad: int


# --- writing


def write(
    signals: Sequence[Signal],
    *,
    client: "CloudWatchLogsClient",
    group: str,
    stream: str,
    now: datetime,
) -> None:
    """Write signals to a log stream, making the stream when it is not there.

    Raises: WriteFailed when CloudWatch Logs refuses events of an accepted call; ClientError.
    """
    for batch in batches(log_events(signals, now=now)):
        _put(batch, client=client, group=group, stream=stream)


def stretches(matches: Iterable[Match]) -> Iterator[list[Match]]:
    """Matches in groups that span at most `STRETCH` of event time, so that their signals do."""
    for _, group in groupby(sorted(matches, key=_seen), key=lambda m: _seen(m) // STRETCH):
        yield list(group)


def stream_name(*, cluster: str, environment: str) -> str:
    """The log stream of a cluster and an execution environment: `<cluster>/<environment>`."""
    return f"{cluster}/{environment}"


def cluster_of(stream: str) -> str:
    """The cluster whose signals a log stream holds; a cluster's name has no slash."""
    return stream.partition("/")[0]


def log_events(signals: Iterable[Signal], *, now: datetime) -> list["InputLogEventTypeDef"]:
    """Signals as log events, in the order of their timestamps (first event, clamped)."""
    lines = [(min(max(s.first_seen, now - OLDEST), now + NEWEST), encode(s)) for s in signals]
    return [{"timestamp": millis(at), "message": line} for at, line in sorted(lines)]


def batches(events: Iterable["InputLogEventTypeDef"]) -> Iterator[list["InputLogEventTypeDef"]]:
    """Split log events, in order of time, into calls that PutLogEvents accepts.

    Units: bytes are UTF-8 plus 26 per event, at most 1,048,576 per call; at most 10,000
    events and less than 24 hours per call.
    """
    batch: list[InputLogEventTypeDef] = []
    size = 0
    for event in events:
        more = len(event["message"].encode()) + EVENT_OVERHEAD_BYTES
        if batch and not _fits(batch, event, size + more):
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += more
    if batch:
        yield batch


def millis(at: datetime) -> int:
    """Milliseconds since the epoch."""
    return int(at.timestamp() * 1000)


def _seen(match: Match) -> timedelta:
    return match.first_seen - EPOCH


def _fits(
    batch: Sequence["InputLogEventTypeDef"], event: "InputLogEventTypeDef", size: int
) -> bool:
    span = event["timestamp"] - batch[0]["timestamp"]
    return (
        len(batch) < BATCH_EVENTS
        and size <= BATCH_BYTES
        and span < BATCH_SPAN // timedelta(milliseconds=1)
    )


def _put(
    batch: Sequence["InputLogEventTypeDef"],
    *,
    client: "CloudWatchLogsClient",
    group: str,
    stream: str,
) -> None:
    try:
        response = client.put_log_events(logGroupName=group, logStreamName=stream, logEvents=batch)
    except client.exceptions.ResourceNotFoundException:
        _create_stream(client, group=group, stream=stream)
        response = client.put_log_events(logGroupName=group, logStreamName=stream, logEvents=batch)
    if refused := response.get("rejectedLogEventsInfo"):
        raise WriteFailed(f"of {len(batch)} signals to {group}, some were refused: {refused}")


def _create_stream(client: "CloudWatchLogsClient", *, group: str, stream: str) -> None:
    with suppress(client.exceptions.ResourceAlreadyExistsException):
        client.create_log_stream(logGroupName=group, logStreamName=stream)


# --- reading


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the signals log group with Logs Insights.

    `clock` is monotonic seconds; every query must be complete within `timeout_seconds`.
    An answer of `row_limit` rows may be cut, so its window is halved and asked again.
    """

    client: "CloudWatchLogsClient"
    group: str
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    timeout_seconds: float = TIMEOUT_SECONDS
    row_limit: int = ROW_LIMIT

    def read(self, window: Window, *, long_since: datetime | None = None) -> Read:
        """Every signal that is stamped in the window, half open, whole or not at all.

        From `long_since` to the window, only the signals of long reach, which are few: where
        the log group has a field index on `reach`, only they are scanned and paid for.
        Raises: ReadFailed (QueryFailed, TooManySignals); ClientError.
        """
        found: dict[str, list[Signal]] = {}
        bad = 0
        for cluster, line in self._every_line(window, long_since):
            try:
                found.setdefault(cluster, []).append(decode(line))
            except BadSignal:
                bad += 1
        return Read({cluster: tuple(signals) for cluster, signals in found.items()}, bad)

    def _every_line(self, window: Window, long_since: datetime | None) -> Iterator[tuple[str, str]]:
        yield from self._lines(window, QUERY)
        if long_since is not None and long_since < window.start:
            yield from self._lines(Window(long_since, window.start), LONG_QUERY)

    def _lines(self, window: Window, query: str) -> list[tuple[str, str]]:
        """Cluster and text of each line, once: a retried batch wrote the same lines again."""
        rows = map(_cells, self._rows(_seconds(window.start), _seconds(window.end), query))
        stamped = ((_time(row["@timestamp"]), row["@logStream"], row["@message"]) for row in rows)
        return list(
            dict.fromkeys((cluster_of(name), line) for at, name, line in stamped if at < window.end)
        )

    def _rows(self, start: int, end: int, query: str) -> list[list["ResultFieldTypeDef"]]:
        """Rows of [start, end], both inclusive, so that halves share a second."""
        rows = self._query(start, end, query)
        if len(rows) < self.row_limit:
            return rows
        if end - start <= 1:
            raise TooManySignals(f"{len(rows)} signals or more in one second from {_utc(start)}")
        middle = (start + end) // 2
        return self._rows(start, middle, query) + self._rows(middle, end, query)

    def _query(self, start: int, end: int, query: str) -> list[list["ResultFieldTypeDef"]]:
        deadline = self.clock() + self.timeout_seconds
        query_id = self._start(start, end, query, deadline)
        for pause in _pauses():
            answer = self.client.get_query_results(queryId=query_id)
            status = answer["status"]
            if status == "Complete":
                return list(answer["results"])
            where = f"query {query_id} over {_utc(start)} to {_utc(end)}"
            if status not in UNFINISHED:
                raise QueryFailed(f"{where} ended as {status}")
            if self.clock() >= deadline:
                self._stop(query_id)
                raise QueryFailed(f"{where} was {status} after {self.timeout_seconds:g} seconds")
            self.sleep(pause)
        raise AssertionError("pauses never end")

    def _start(self, start: int, end: int, query: str, deadline: float) -> str:
        """Start a query; while the account's queries are used up, wait for a free one."""
        for pause in _pauses():
            try:
                return self.client.start_query(
                    logGroupNames=[self.group], startTime=start, endTime=end, queryString=query
                )["queryId"]
            except self.client.exceptions.LimitExceededException:
                if self.clock() >= deadline:
                    raise
                self.sleep(pause)
        raise AssertionError("pauses never end")

    def _stop(self, query_id: str) -> None:
        with suppress(ClientError, BotoCoreError):  # it ends by itself as well
            self.client.stop_query(queryId=query_id)


def _pauses() -> Iterator[float]:
    yield from POLL_SECONDS
    while True:
        yield POLL_SECONDS[-1]


def _cells(row: Iterable["ResultFieldTypeDef"]) -> dict[str, str]:
    return {cell["field"]: cell["value"] for cell in row}


def _time(text: str) -> datetime:
    """Insights writes `2026-11-20 12:00:00.000`, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _seconds(at: datetime) -> int:
    return int(at.timestamp())


def _utc(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
