"""Signals: all written or an error, all read or an error."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError
from botocore.session import Session

from ekswatch.aws import signals
from ekswatch.aws.signals import (
    BATCH_BYTES,
    BATCH_EVENTS,
    EVENT_OVERHEAD_BYTES,
    NEWEST,
    OLDEST,
    ROW_LIMIT,
    QueryFailed,
    Reader,
    TooManySignals,
    WriteFailed,
    batches,
    log_events,
    millis,
    stretches,
    write,
)
from ekswatch.correlate.signal import Signal, decode, encode
from ekswatch.correlate.signal import signals as signals_of
from ekswatch.correlate.window import Window
from tests.aws.examples import AT, match

GROUP = "/ekswatch/signals"
STREAM = "prod/0123456789abcdef"
WINDOW = Window(AT, AT + timedelta(minutes=10))


def signal(audit_id: str = "a-1", at: datetime = AT) -> Signal:
    """One signal of one request."""
    (made,) = signals_of([match(audit_id, signal=True, first_seen=at, last_seen=at)], batch="b-1")
    return made


def event(at: datetime, size: int = 100) -> Any:
    return {"timestamp": millis(at), "message": "x" * size}


# --- writing


@pytest.fixture
def logs(session: Session) -> Any:
    """A client of an account that has the signals log group."""
    client: Any = session.create_client("logs")
    client.create_log_group(logGroupName=GROUP)
    return client


def test_signals_are_written_to_a_stream_that_is_made_for_them(logs: Any) -> None:
    """The first write makes the stream, the second one finds it."""
    now = datetime.now(AT.tzinfo)
    for audit_id in ("a-1", "a-2"):
        write([signal(audit_id, now)], client=logs, group=GROUP, stream=STREAM, now=now)

    written = logs.get_log_events(logGroupName=GROUP, logStreamName=STREAM)["events"]
    assert [decode(e["message"]).audit_ids for e in written] == [("a-1",), ("a-2",)]
    assert {e["timestamp"] for e in written} == {millis(now)}


def test_without_the_log_group_writing_raises(session: Session) -> None:
    """A stack without its log group loses no signal silently."""
    client: Any = session.create_client("logs")

    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        write([signal()], client=client, group=GROUP, stream=STREAM, now=AT)


def test_refused_events_raise() -> None:
    """CloudWatch Logs may accept a call and refuse some of its events."""

    class Refusing:
        exceptions = type("E", (), {"ResourceNotFoundException": KeyError})

        def put_log_events(self, **_: Any) -> Any:
            return {"rejectedLogEventsInfo": {"expiredLogEventEndIndex": 0}}

    client: Any = Refusing()

    with pytest.raises(WriteFailed, match="expiredLogEventEndIndex"):
        write([signal()], client=client, group=GROUP, stream=STREAM, now=AT)


@pytest.mark.parametrize(
    ("age", "stamp"),
    [
        (timedelta(days=400), -OLDEST),
        (OLDEST, -OLDEST),
        (timedelta(0), timedelta(0)),
        (-NEWEST, NEWEST),
        (-timedelta(days=1), NEWEST),
    ],
)
def test_times_that_logs_does_not_take_are_clamped(age: timedelta, stamp: timedelta) -> None:
    """The stamp is moved to the edge, the true time stays in the line."""
    (made,) = log_events([signal(at=AT - age)], now=AT)

    assert made["timestamp"] == millis(AT + stamp)
    assert decode(made["message"]).first_seen == AT - age


def test_events_go_out_in_the_order_of_time() -> None:
    """PutLogEvents refuses a batch that is not."""
    made = log_events([signal(at=AT + timedelta(seconds=n)) for n in (5, 1, 3)], now=AT)

    assert [e["timestamp"] for e in made] == sorted(e["timestamp"] for e in made)


@pytest.mark.parametrize(
    ("events", "calls"),
    [
        ([event(AT, 70)] * BATCH_EVENTS, 1),
        ([event(AT, 70)] * (BATCH_EVENTS + 1), 2),
        ([event(AT, BATCH_BYTES // 2 - EVENT_OVERHEAD_BYTES)] * 2, 1),
        ([event(AT, BATCH_BYTES // 2 - EVENT_OVERHEAD_BYTES + 1)] * 2, 2),
        ([event(AT), event(AT + timedelta(hours=24) - timedelta(milliseconds=1))], 1),
        ([event(AT), event(AT + timedelta(hours=24))], 2),
        ([], 0),
    ],
)
def test_a_call_holds_what_put_log_events_takes(events: list[Any], calls: int) -> None:
    """Ten thousand events, 1 MiB with 26 bytes each, under 24 hours: both sides of each."""
    split = list(batches(events))

    assert len(split) == calls
    assert [e for batch in split for e in batch] == events


def test_a_signal_spans_little_time() -> None:
    """Matches hours apart go into different signals, so a reader knows how far to go back."""
    hours = [match(f"a-{n}", first_seen=AT + timedelta(minutes=7 * n)) for n in range(9)]

    groups = list(stretches(hours))

    assert sum(map(len, groups)) == len(hours)
    for group in groups:
        assert max(m.first_seen for m in group) - min(m.first_seen for m in group) < signals.STRETCH


# --- reading


class Insights:
    """Logs Insights over lines, with a script of statuses before Complete.

    `inclusive` as in AWS: both ends of a query belong to it.
    """

    exceptions = type("E", (), {"LimitExceededException": BlockingIOError})

    def __init__(
        self,
        lines: Iterable[tuple[datetime, str]],
        *statuses: str,
        busy: int = 0,
        row_limit: int = ROW_LIMIT,
    ) -> None:
        self.row_limit = row_limit
        self.lines = sorted(lines)
        self.statuses = list(statuses)
        self.busy = busy
        self.asked: list[tuple[int, int]] = []
        self.texts: list[str] = []
        self.stopped: list[str] = []
        self.now = 0.0

    def start_query(self, **query: Any) -> Any:
        assert query["queryString"] in signals.QUERIES
        if self.busy:
            self.busy -= 1
            raise BlockingIOError
        self.asked.append((query["startTime"], query["endTime"]))
        self.texts.append(query["queryString"])
        return {"queryId": str(len(self.asked))}

    def get_query_results(self, *, queryId: str) -> Any:  # noqa: N803  # boto3's
        start, end = self.asked[int(queryId) - 1]
        wanted = '"reach":"long"' if self.texts[int(queryId) - 1] == signals.LONG_QUERY else ""
        found = [
            (at, x) for at, x in self.lines if start <= int(at.timestamp()) <= end and wanted in x
        ]
        status = self.statuses.pop(0) if self.statuses else "Complete"
        rows = [row(at, line) for at, line in found[: self.row_limit]]
        return {"status": status, "results": rows if status == "Complete" else rows[:1]}

    def stop_query(self, *, queryId: str) -> None:  # noqa: N803  # boto3's
        self.stopped.append(queryId)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def read(self, window: Window = WINDOW, *, long_since: datetime | None = None) -> signals.Read:
        client: Any = self
        reader = Reader(
            client, GROUP, clock=lambda: self.now, sleep=self.sleep, row_limit=self.row_limit
        )
        return reader.read(window, long_since=long_since)


def row(at: datetime, line: str) -> Sequence[Any]:
    stamp = at.strftime("%Y-%m-%d %H:%M:%S.") + f"{at.microsecond // 1000:03d}"
    cells = {"@timestamp": stamp, "@message": line, "@logStream": STREAM, "@ptr": "p"}
    return [{"field": name, "value": value} for name, value in cells.items()]


def lines(*moments: timedelta) -> list[tuple[datetime, str]]:
    return [
        (AT + moment, encode(signal(f"a-{n}", AT + moment))) for n, moment in enumerate(moments)
    ]


def test_signals_come_back_by_cluster() -> None:
    """The cluster is read from the name of the log stream."""
    read = Insights(lines(timedelta(0), timedelta(minutes=1))).read()

    assert {cluster: len(found) for cluster, found in read.signals.items()} == {"prod": 2}
    assert read.bad == 0


def test_the_window_is_half_open() -> None:
    """The query's end is inclusive, the window's is not."""
    insights = Insights(
        lines(
            timedelta(milliseconds=-1),
            timedelta(0),
            timedelta(seconds=599.9),
            timedelta(minutes=10),
        )
    )

    read = insights.read()

    assert [s.audit_ids for s in read.signals["prod"]] == [("a-1",), ("a-2",)]


def test_the_same_line_twice_is_one_signal() -> None:
    """A batch that was retried wrote its signals again."""
    twice = lines(timedelta(0)) * 2

    assert len(Insights(twice).read().signals["prod"]) == 1


def test_lines_that_are_no_signals_are_counted() -> None:
    """A stray line does not keep the hour from being judged."""
    read = Insights([*lines(timedelta(0)), (AT, "stray"), (AT, json.dumps({"v": 99}))]).read()

    assert (len(read.signals["prod"]), read.bad) == (1, 2)


def test_partial_results_are_never_used() -> None:
    """Rows of a running query are ignored until it is complete."""
    insights = Insights(lines(*[timedelta(seconds=n) for n in range(5)]), "Scheduled", "Running")

    read = insights.read()

    assert len(read.signals["prod"]) == 5
    assert insights.now > 0


@pytest.mark.parametrize("status", ["Failed", "Cancelled", "Timeout"])
def test_a_query_that_does_not_complete_raises(status: str) -> None:
    """No result is better than a part of one."""
    with pytest.raises(QueryFailed, match=f"ended as {status}"):
        Insights(lines(timedelta(0)), "Running", status).read()


def test_a_query_that_takes_too_long_is_stopped_and_raises() -> None:
    """The function does not wait until it is killed, and leaves no query behind."""
    insights = Insights([], *["Running"] * 1_000)

    with pytest.raises(QueryFailed, match="Running after 120 seconds"):
        insights.read()

    assert insights.stopped == ["1"]


def test_a_free_query_is_waited_for() -> None:
    """The account's hundred queries are shared with everybody."""
    assert Insights(lines(timedelta(0)), busy=3).read().signals["prod"]


def test_waiting_for_a_free_query_ends() -> None:
    """When none gets free in time, the run fails and is tried again."""
    with pytest.raises(BlockingIOError):
        Insights([], busy=1_000).read()


def test_at_the_row_limit_the_window_is_halved() -> None:
    """Every signal comes back, each once, whatever second the halves share."""
    moments = [timedelta(seconds=n) for n in range(0, 600, 12)]
    insights = Insights(lines(*moments), row_limit=10)

    read = insights.read()

    assert sorted(s.audit_ids for s in read.signals["prod"]) == sorted(
        (f"a-{n}",) for n in range(len(moments))
    )
    assert len(insights.asked) > 10


def test_one_second_over_the_row_limit_raises() -> None:
    """Nothing is cut silently: the run fails and names the second."""
    crowd = lines(*[timedelta(seconds=30, milliseconds=n) for n in range(10)])

    with pytest.raises(TooManySignals, match="in one second from 2026-11-20T12:00:"):
        Insights(crowd, row_limit=10).read()


def test_before_the_window_only_signals_of_long_reach_are_read() -> None:
    """They are few, and what is scanned is paid for; each is read once."""
    before, inside = timedelta(minutes=-30), timedelta(minutes=1)
    made = [
        (AT + moment, encode(msgspec.structs.replace(signal(name, AT + moment), reach=reach)))
        for moment, name, reach in (
            (before, "short-before", "short"),
            (before, "long-before", "long"),
            (inside, "short-inside", "short"),
            (inside, "long-inside", "long"),
            (timedelta(hours=-2), "too-early", "long"),
        )
    ]
    insights = Insights(made)

    read = insights.read(long_since=AT - timedelta(hours=1))

    found = sorted(one.audit_ids[0] for one in read.signals["prod"])
    assert found == ["long-before", "long-inside", "short-inside"]
    assert insights.texts == [signals.QUERY, signals.LONG_QUERY]


@pytest.mark.parametrize("since", [None, AT, AT + timedelta(minutes=1)])
def test_without_anything_before_the_window_one_query_is_enough(since: datetime | None) -> None:
    """No correlation looks further back than the others."""
    insights = Insights(lines(timedelta(0)))

    insights.read(long_since=since)

    assert insights.texts == [signals.QUERY]
