"""Files: every shape that audit logs come in, and what is wrong with them."""

import gzip
import io
import json
import os
import tracemalloc
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ekswatch.audit import files
from ekswatch.audit.event import PartialEvent
from ekswatch.audit.intake import Batch, read_file, read_lines
from tests.audit.examples import envelope, lines, payload

LINES = lines("benign", 30)
TEXT = b"\n".join(LINES)
EVENTS = [json.loads(line) for line in LINES]
IDS = [event["auditID"] for event in EVENTS]
STAMP = "2026-11-20T20:17:41.185Z"

Write = Callable[[bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write bytes to a file, and return its path."""

    def write_bytes(data: bytes) -> Path:
        file = tmp_path / "audit.log"
        file.write_bytes(data)
        return file

    return write_bytes


def ids(batches: Iterable[Batch]) -> list[str]:
    return [event.auditID for batch in batches for event in batch.events]


def reasons(batches: Iterable[Batch]) -> list[tuple[str, str]]:
    """Line and reason of everything unreadable."""
    lost = [one for batch in batches for one in batch.unreadable]
    return [(one.position.rpartition(":")[2], one.reason) for one in lost]


def dumped(document: Any, indent: int | None = None) -> bytes:
    return json.dumps(document, indent=indent).encode()


def insights(messages: Iterable[bytes]) -> dict[str, Any]:
    rows = [
        [
            {"field": "@timestamp", "value": "2026-11-20 20:17:41.185"},
            {"field": "@message", "value": message.decode()},
        ]
        for message in messages
    ]
    return {"results": rows, "status": "Complete"}


SHAPES = {
    "lines": TEXT,
    "lines with carriage returns": TEXT.replace(b"\n", b"\r\n"),
    "lines with blank ones": TEXT.replace(b"\n", b"\n\n \n") + b"\n",
    "lines without breaks": b"".join(LINES),
    "byte order mark": b"\xef\xbb\xbf" + TEXT,
    "gzip": gzip.compress(TEXT),
    "gzip members": gzip.compress(TEXT[:9_999]) + gzip.compress(TEXT[9_999:]),
    "array": dumped(EVENTS),
    "indented array": dumped(EVENTS, 2),
    "array by line": b"[\n" + b",\n".join(LINES) + b"\n]\n",
    "indented events": b"\n".join(dumped(event, 2) for event in EVENTS),
    "EventList": dumped({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": EVENTS}),
    "indented EventList": dumped({"kind": "EventList", "items": EVENTS}, 4),
    "List": dumped({"kind": "List", "items": EVENTS}),
    "EventLists by line": dumped({"items": EVENTS[:9]}) + b"\n" + dumped({"items": EVENTS[9:]}),
    "Records": dumped({"Records": EVENTS}),
    "CloudWatch export": b"".join(STAMP.encode() + b" " + line + b"\n" for line in LINES),
    "aws logs tail": b"".join(
        b"2026-11-20T20:17:41.185000+00:00 kube-apiserver-audit-1a " + line + b"\n"
        for line in LINES
    ),
    "aws logs filter-log-events": dumped(
        {"events": [{"timestamp": 1, "message": line.decode()} for line in LINES]}, 4
    ),
    "Insights results": dumped(insights(LINES), 4),
    "Insights rows": dumped([{"@timestamp": STAMP, "@message": event} for event in EVENTS]),
    "payload": dumped(payload(envelope([line.decode() for line in LINES]))),
    "indented payload": dumped(payload(envelope([line.decode() for line in LINES])), 2),
    "failure record": dumped({"requestPayload": payload(envelope([m.decode() for m in LINES]))}),
    "decoded payload": dumped(envelope([line.decode() for line in LINES])),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_gives_the_same_events(shape: str, write: Write) -> None:
    """In order, none twice, none lost."""
    batches = list(read_file(write(SHAPES[shape])))

    assert ids(batches) == IDS
    assert reasons(batches) == []
    assert sum(batch.received for batch in batches) == len(IDS)


def test_a_saved_payload_keeps_its_cluster(write: Write) -> None:
    """It is a batch of its own; the lines around it are of the cluster that was given."""
    saved = dumped(payload(envelope([LINES[0].decode()])))

    batches = list(read_file(write(saved + b"\n" + LINES[1]), cluster="given", account="1"))

    assert [(b.cluster, b.account, len(b.events)) for b in batches] == [
        ("demo", "111122223333", 1),
        ("given", "1", 1),
    ]


def test_records_of_other_streams_are_skipped_and_counted(write: Write) -> None:
    """`aws logs filter-log-events` returns all log types of the group."""
    streams = ("authenticator-1a", "kube-apiserver-audit-1a")
    records = [{"logStreamName": name, "message": LINES[0].decode()} for name in streams]

    (batch,) = read_file(write(dumped({"events": records})))

    assert (len(batch.events), batch.skipped, batch.received) == (1, 1, 2)


@pytest.mark.parametrize("data", [b"", b"\n\n", b"[]", b'{"kind":"EventList","items":[]}'])
def test_an_empty_file_holds_nothing(data: bytes, write: Write) -> None:
    """It is no error either."""
    assert list(read_file(write(data))) == []


def test_unreadable_lines_are_named_by_file_and_line(write: Write) -> None:
    """An operator can look at what was set aside."""
    data = b"\n".join([b"I1120 text", LINES[0], b"", b"{}", b"\xff\xfe", LINES[1]])
    file = write(data)

    (batch,) = read_file(file)

    assert [e.auditID for e in batch.events] == IDS[:2]
    assert [one.position for one in batch.unreadable] == [f"{file}:{n}" for n in (1, 4, 5)]
    assert [reason for _, reason in reasons([batch])] == [
        "not JSON",
        "not an audit event",
        "not JSON",
    ]


def test_a_cut_line_is_recovered_with_the_time_of_the_one_before(write: Write) -> None:
    """A line that lost its time must not land in 1970."""
    cut = LINES[1][: LINES[1].index(b'"responseStatus"')]

    (batch,) = read_file(write(b"\n".join([LINES[0], cut, LINES[2]])))

    assert ids([batch]) == IDS[:3]
    assert isinstance(batch.events[1], PartialEvent)
    assert abs(batch.events[1].at - batch.events[0].at).total_seconds() < 0.001


def test_a_cut_export_line_has_the_time_before_it(write: Write) -> None:
    """The export's own time is better than a neighbour's."""
    cut = LINES[1][: LINES[1].index(b'"responseStatus"')]

    (batch,) = read_file(write(STAMP.encode() + b" " + cut))

    assert batch.events[0].stageTimestamp == STAMP


@pytest.mark.parametrize(
    ("data", "events", "lost"),
    [
        (gzip.compress(TEXT)[:-400], None, "truncated gzip, cut, with all that follows"),
        (gzip.compress(TEXT) + b"garbage behind", 30, "corrupt gzip, cut, with all that follows"),
        (b"[\n" + LINES[0] + b",\n", 1, "cut, with all that follows"),
        (dumped({"items": EVENTS})[:-1000], None, "cut, with all that follows"),
        (b"[" * 100_000, 0, "cut, with all that follows"),
    ],
    ids=["truncated", "garbage", "array", "EventList", "deep"],
)  # fmt: skip
def test_a_damaged_file_keeps_what_is_whole(
    data: bytes, events: int | None, lost: str, write: Write
) -> None:
    """One more entry says that something is missing behind it."""
    batches = list(read_file(write(data)))
    found = ids(batches)

    assert [reason for _, reason in reasons(batches)][-1] == lost
    assert found == IDS[: len(found)]
    assert len(found) == events if events is not None else len(found) > 5


def test_batches_hold_a_thousand_records(write: Write) -> None:
    """999, 1,000 and 1,001 records: one, one and two batches."""
    for count, sizes in ((999, [999]), (1_000, [1_000]), (1_001, [1_000, 1])):
        data = b"\n".join([LINES[0]] * count)
        assert [batch.received for batch in read_file(write(data))] == sizes


@pytest.mark.parametrize("as_array", [False, True])
def test_memory_does_not_grow_with_the_file(as_array: bool, write: Write) -> None:
    """A day of logs fits through a laptop."""
    many = LINES * 200
    data = b"[" + b",".join(many) + b"]" if as_array else b"\n".join(many)
    file = write(data)
    tracemalloc.start()

    count = sum(len(batch.events) for batch in read_file(file))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert count == len(many)
    assert len(data) > 9_000_000
    assert peak < len(data)


def test_standard_input_is_a_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    """`zcat *.gz | ekswatch scan -`."""
    stdin = SimpleNamespace(buffer=io.BytesIO(b"nonsense\n" + TEXT))
    monkeypatch.setattr("sys.stdin", stdin)

    (batch,) = read_file("-")

    assert ids([batch]) == IDS
    assert batch.unreadable[0].position == "stdin:1"
    assert not stdin.buffer.closed


def test_a_pipe_that_delivers_little_at_a_time_is_read() -> None:
    """Short reads fall anywhere in a line."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(b"\n".join(LINES[:5]))

    batches = list(read_file(f"/dev/fd/{reading}"))
    os.close(reading)

    assert ids(batches) == IDS[:5]


def test_lines_can_come_from_anywhere() -> None:
    """A caller with lines of its own needs no file."""
    (batch,) = read_lines([*LINES, b" ", b"x"], source="memory", cluster="c")

    assert ids([batch]) == IDS
    assert batch.cluster == "c"
    assert reasons([batch]) == [("32", "not JSON")]


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    """Nothing to read is not the same as nothing found."""
    with pytest.raises(FileNotFoundError):
        list(read_file(tmp_path / "nothing"))


def test_chunks_are_smaller_than_the_limit_of_a_value() -> None:
    """The limit is tested between chunks."""
    assert files.CHUNK_BYTES < files.MAX_VALUE_BYTES
