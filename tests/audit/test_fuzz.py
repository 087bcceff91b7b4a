"""Fuzzing: damaged and hostile forms of real records, payloads and files.

Whatever comes in, nothing is raised, memory stays bounded and every record is accounted for;
and no shipped rule fails on what was read, since a rule that fails does not match.
"""

import base64
import gzip
import json
import tracemalloc
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ekswatch.audit.event import AuditEvent
from ekswatch.audit.intake import PayloadError, read_file, read_lines, read_payload, read_record
from ekswatch.audit.subscription import MAX_INFLATED_BYTES
from ekswatch.rules.compiler.compile import compile_ruleset
from ekswatch.rules.matcher.engine import Engine
from tests.audit.examples import EVENTS, attack_lines, envelope, lines, packed, payload

Change = Callable[[bytes], bytes]

MIB = 1024 * 1024
LONG = "A" * 300_000
DEPTH = 3_000
MAX_BYTES = 5 * MAX_INFLATED_BYTES
"""What reading one hostile delivery may hold at once."""

bounded = settings(
    derandomize=True,
    deadline=None,
    max_examples=200,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@cache
def engine() -> Engine:
    """The shipped rules."""
    return Engine(compile_ruleset(EVENTS.parent / "detections", None))


@cache
def records() -> tuple[bytes, ...]:
    """One real record of each verb and resource, and those of the recorded attacks."""
    found: dict[tuple[str, ...], bytes] = {}
    scenarios = json.loads((EVENTS / "scenarios/labels.json").read_text())
    attacks = [line for name in sorted(scenarios) for line in attack_lines(name)]
    for line in (*attacks, *lines("benign", 4000)):
        event = json.loads(line)
        ref = event.get("objectRef", {})
        kind = (event["verb"], ref.get("resource", ""), ref.get("subresource", ""))
        found.setdefault(kind, line)
    return tuple(found.values())


HOSTILE_BYTES = st.sampled_from(
    [
        b"\x00",
        b"\xff\xfe",
        b"\xed\xa0\x80",
        b"\xc3",
        b"\\",
        b'"',
        b"\\ud800",
        b"\\u0000",
        b"}{",
        b"{",
        b"]",
        b"\n",
        b"\xef\xbb\xbf",
        b"1e999",
        b"-",
        b"[" * DEPTH,
        b'{"a":' * DEPTH,
    ]
)

HOSTILE_VALUES = st.sampled_from(
    [
        "null",
        "true",
        "-1",
        "0.5",
        "1e400",
        "1" + "0" * 400,
        "9223372036854775808",
        '""',
        r'"\u0000"',
        r'"\ud800"',
        '"\u202e/*"',
        '"%00%zz%"',
        '"9999-99-99T99:99:99Z"',
        '"0001-01-01T00:00:00+23:59"',
        '"::ffff:10.0.0.1%eth0"',
        f'"{LONG}"',
        "[]",
        "{}",
        "[null]",
        "[[[]]]",
        '[{"a":[{}]},1,"x",null,true]',
        '{"":{"":""}}',
        '{"a.b/c":1}',
        "[" * DEPTH + "]" * DEPTH,
        '{"a":' * 200 + "1" + "}" * 200,
    ]
)


@st.composite
def byte_changes(draw: st.DrawFn) -> Change:
    """One change of the text, wherever it falls."""
    kind = draw(st.sampled_from(["flip", "cut", "truncate", "insert", "twice", "move", "drop"]))
    start, length = draw(st.floats(0, 1)), draw(st.integers(1, 400))
    bit, hostile = draw(st.integers(0, 7)), draw(HOSTILE_BYTES)
    target = draw(st.floats(0, 1))

    def change(text: bytes) -> bytes:
        at, to = int(start * len(text)), int(target * len(text))
        head, span, tail = text[:at], text[at : at + length], text[at + length :]
        flipped = bytes([span[0] ^ 1 << bit]) + span[1:] if span else b""
        rest = head + tail
        return {
            "flip": head + flipped + tail,
            "cut": head,
            "truncate": head + b"[Truncated...]",
            "insert": head + hostile + span + tail,
            "twice": head + span + span + tail,
            "move": rest[:to] + span + rest[to:],
            "drop": rest,
        }[kind]

    return change


@st.composite
def value_changes(draw: st.DrawFn) -> Change:
    """One value at some path of the JSON replaced, doubled under its key, or renamed."""
    kind = draw(st.sampled_from(["replace", "again before", "again after", "remove"]))
    turn, value = draw(st.integers(0, 10_000)), draw(HOSTILE_VALUES)

    def change(text: bytes) -> bytes:
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            return text
        places = [*paths(document)]
        if not places:
            return text
        holder, key = places[turn % len(places)]
        mark, old = f"\0{turn}\0", holder[key]
        if kind == "remove":
            del holder[key]
            return json.dumps(document).encode("utf-8", "replace")
        holder[key] = mark
        marked = json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
        spelled = {
            "replace": value,
            "again before": f"{value},{json.dumps(key)}:{json.dumps(old)}",
            "again after": f"{json.dumps(old)},{json.dumps(key)}:{value}",
        }[kind if isinstance(key, str) else "replace"]
        return marked.replace(json.dumps(mark).encode(), spelled.encode("utf-8", "replace"))

    return change


def paths(document: Any) -> list[tuple[Any, Any]]:
    """Every container of the document with each of its keys, without recursion."""
    found, waiting = list[tuple[Any, Any]](), [document]
    while waiting:
        one = waiting.pop()
        keys = range(len(one)) if isinstance(one, list) else one if isinstance(one, dict) else ()
        for key in keys:
            found.append((one, key))
            waiting.append(one[key])
    return found


CHANGES = st.lists(st.one_of(value_changes(), byte_changes()), min_size=1, max_size=3)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A real record with one to three changes."""
    text = draw(st.sampled_from(records()))
    for change in draw(CHANGES):
        text = change(text)
    return text


def judged(events: tuple[AuditEvent, ...]) -> None:
    """No rule may fail: one that does misses the attack."""
    before = engine().errors.copy()

    engine().match(events)

    assert dict(engine().errors - before) == {}


@settings(bounded, max_examples=800)
@given(damaged(), st.sampled_from([0, 1_763_670_000_000, -1, 10**18]))
def test_a_damaged_record_is_an_event_or_a_reason(record: bytes, logged_at_ms: int) -> None:
    """Nothing is raised, by reading or by any shipped rule, whatever became of the record."""
    outcome = read_record(record, logged_at_ms)

    if isinstance(outcome, str):
        assert outcome
    else:
        judged((outcome,))


@settings(bounded, max_examples=300)
@given(damaged())
def test_a_record_as_text_reads_like_its_bytes(record: bytes) -> None:
    """Payloads hold text, files hold bytes; the same record gives the same kind of answer."""
    text = record.decode("utf-8", "replace")

    assert type(read_record(text)) is type(read_record(text.encode()))


@bounded
@given(st.lists(damaged(), max_size=6))
def test_every_record_of_a_payload_is_accounted_for(damages: list[bytes]) -> None:
    """As many come out as went in: events, or unreadable with a reason."""
    messages = [record.decode("utf-8", "replace") for record in damages]

    batch = read_payload(payload(envelope(messages)))

    assert len(batch.events) + len(batch.unreadable) + batch.skipped == len(messages)
    assert batch.received == len(messages)
    assert all(one.reason and one.position for one in batch.unreadable)
    judged(batch.events)


@bounded
@given(st.lists(st.sampled_from(records()), min_size=1, max_size=3), CHANGES)
def test_a_damaged_envelope_is_read_as_far_as_it_goes(
    whole: list[bytes], changes: list[Change]
) -> None:
    """Nothing is raised, and what is set aside has a reason."""
    text = json.dumps(envelope([record.decode() for record in whole])).encode()
    for change in changes:
        text = change(text)

    batch = read_payload(payload(text))

    assert all(one.reason and one.position for one in batch.unreadable)
    judged(batch.events)


@bounded
@given(st.lists(st.sampled_from(records()), min_size=1, max_size=3), st.floats(0, 1))
def test_a_cut_envelope_keeps_every_record_before_the_cut(whole: list[bytes], where: float) -> None:
    """Records that are all there are events, and the loss of the others is named."""
    text = json.dumps(envelope([record.decode() for record in whole])).encode()
    cut = text[: int(where * (len(text) - 1))]
    before = sum(end <= len(cut) for end in ends_of_records(text))

    batch = read_payload(payload(cut))

    assert len(batch.events) == before
    assert batch.unreadable != ()


def ends_of_records(text: bytes) -> list[int]:
    """Where each record of an envelope ends: behind the brace that closes it."""
    found, at = [], 0
    while (at := text.find(b'"message"', at)) >= 0:
        start = text.index(b'"', at + len(b'"message"'))
        end = start + 1
        while text[end : end + 1] != b'"':
            end += 2 if text[end : end + 1] == b"\\" else 1
        found.append(end + len(b'"}'))
        at = end
    return found


@bounded
@given(st.integers(1, 3), st.lists(byte_changes(), min_size=1, max_size=2), st.booleans())
def test_a_damaged_delivery_loses_nothing_unnamed(
    count: int, changes: list[Change], encoded: bool
) -> None:
    """Base64 and gzip that are cut, flipped or mixed up give events, or a reason, or both."""
    whole = envelope([record.decode() for record in records()[:count]])
    data = gzip.compress(json.dumps(whole).encode(), mtime=0)
    text = base64.b64encode(data) if encoded else data
    for change in changes:
        text = change(text)
    made = {"awslogs": {"data": text.decode("latin-1")}} if encoded else packed(text)

    batch = read_payload(made)

    assert len(batch.events) >= count or batch.unreadable
    assert all(one.reason and one.position for one in batch.unreadable)
    judged(batch.events)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.dictionaries(st.sampled_from(["awslogs", "data", "x"]), inside, max_size=3)
    ),
    max_leaves=8,
)


@bounded
@given(ANYTHING)
def test_what_is_no_payload_is_a_payload_error(anything: Any) -> None:
    """Any other invocation is refused by name, never by another exception."""
    try:
        batch = read_payload(anything)
    except PayloadError:
        return

    assert batch.events == ()
    assert len(batch.unreadable) == 1


@bounded
@given(st.lists(damaged(), max_size=6))
def test_every_line_is_accounted_for(damages: list[bytes]) -> None:
    """A line is an event or unreadable; one that holds several records may be more."""
    found = [*read_lines([records()[0], *damages], source="fuzz")]

    received = sum(batch.received for batch in found)
    assert received >= 1 + sum(bool(line.strip()) for line in damages)
    for batch in found:
        judged(batch.events)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file for all examples."""
    return tmp_path_factory.mktemp("fuzz") / "audit.log"


@settings(bounded, max_examples=150)
@given(st.lists(st.sampled_from(records()), min_size=1, max_size=4), CHANGES, st.booleans())
def test_a_damaged_file_is_read_to_its_end(
    file: Path, whole: list[bytes], changes: list[Change], compressed: bool
) -> None:
    """Plain or compressed: nothing is raised, and a file with something in it has a record."""
    text = b"\n".join((*whole, b""))
    data = gzip.compress(text, mtime=0) if compressed else text
    for change in changes:
        data = change(data)
    file.write_bytes(data)

    found = [*read_file(file)]

    assert sum(batch.received for batch in found) >= bool(data.strip())
    for batch in found:
        judged(batch.events)


def peak_bytes(work: Callable[[], object]) -> int:
    """The most memory that Python held during the work, beyond what it held before."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def bomb(text: bytes, times: int) -> bytes:
    """The text so many times, compressed by a factor of a thousand."""
    return gzip.compress(text, mtime=0) * times


HEAD = json.dumps(envelope([])).encode().removesuffix(b"]}")

BOMBS = {
    "zeros": bomb(b"\0" * MIB, 512),
    "brackets": bomb(b"[" * MIB, 128),
    "one string": gzip.compress(HEAD + b'{"id":"') + bomb(b"A" * MIB, 128),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_hostile_delivery_takes_bounded_memory(name: str) -> None:
    """However far it would inflate, the limit is that of a delivery, and the loss is named."""
    made = packed(BOMBS[name])
    found = list[Any]()

    peak = peak_bytes(lambda: found.append(read_payload(made)))

    assert found[0].events == ()
    assert found[0].unreadable != ()
    assert peak <= MAX_BYTES
