"""Signals: folding, lines and what is refused as a line."""

import json
from datetime import UTC, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ekswatch.correlate.signal import (
    MAX_LINE_BYTES,
    MAX_REQUESTS,
    BadSignal,
    Signal,
    decode,
    encode,
    signals,
)
from tests.correlate.examples import at, match, read

values = (
    st.text(max_size=40)
    | st.integers()
    | st.booleans()
    | st.none()
    | st.lists(st.text(max_size=9), max_size=4).map(tuple)
)
fact_maps = st.dictionaries(st.text(max_size=20), values, max_size=8)


def signal(**changes: Any) -> Signal:
    (one,) = signals([match(0, "a"), match(1.5, "b")], batch="b1")
    return decode(json.dumps(json.loads(encode(one)) | changes))


def test_equal_matches_of_a_batch_share_a_signal() -> None:
    """Matches with the same facts fold into one signal that keeps each request's time."""
    (one,) = signals([match(1.5, "b"), match(0, "a"), match(0, "a")], batch="b1")

    assert (one.first_seen, one.last_seen, one.count) == (at(0), at(1.5), 2)
    assert list(one.requests) == [(at(0), "a"), (at(1.5), "b")]


def test_different_facts_make_different_signals() -> None:
    """A signal never mixes facts, so a distinct count stays exact."""
    assert len(signals(read(0, 1, 2), batch="b1")) == 3


def test_suppressed_and_plain_matches_make_no_signal() -> None:
    """Only matches that count together with others, and are not expected, become signals."""
    plain, expected = match(signal=False), match(suppressed_by="backup")

    assert signals([plain, expected], batch="b1") == []


@pytest.mark.parametrize("requests", [MAX_REQUESTS, MAX_REQUESTS + 1, 2 * MAX_REQUESTS + 1])
def test_no_audit_id_is_dropped(requests: int) -> None:
    """More than 100 requests are split, and every audit ID is in exactly one part."""
    many = signals([match(i, f"id-{i}") for i in range(requests)], batch="b1")

    assert len(many) == -(-requests // MAX_REQUESTS)
    assert sorted(i for one in many for i in one.audit_ids) == sorted(
        f"id-{i}" for i in range(requests)
    )
    assert all(one.count <= MAX_REQUESTS for one in many)


def test_a_line_holds_its_fields_by_name() -> None:
    """The line is one JSON object with times in UTC to the microsecond, the same each time."""
    line = encode(signal())

    assert "\n" not in line
    assert json.loads(line) == {
        "v": 2,
        "detection": "secret-read-burst",
        "document": "secret_read",
        "first_seen": "2026-11-20T12:00:00.000000+00:00",
        "last_seen": "2026-11-20T12:00:01.500000+00:00",
        "count": 2,
        "audit_ids": ["a", "b"],
        "offsets": [0, 1_500_000],
        "batch": "b1",
        "partial": "",
        "facts": {"actor.name": "jane", "object.name": "db"},
        "reach": "short",
    }


@given(fact_maps, st.text(), st.floats(0, 1e9))
def test_any_signal_comes_back_from_its_line(
    facts: dict[str, Any], audit_id: str, seconds: float
) -> None:
    """Writing and reading a signal changes nothing, whatever its facts hold."""
    for one in signals([match(seconds, audit_id, facts=facts)], batch="b1"):
        assert decode(encode(one)) == one


@given(st.randoms(use_true_random=False))
def test_signals_do_not_depend_on_the_order_of_matches(random: Any) -> None:
    """Shuffled matches give the same signals in the same order."""
    matches = [*read(0, 1, 2), match(3, "x"), match(4, "y"), match(4, "y")]
    shuffled = random.sample(matches, len(matches))

    assert signals(shuffled, batch="b1") == signals(matches, batch="b1")


@settings(max_examples=12, deadline=None)
@given(st.sampled_from(["a", "\x00", "\u202e", "é", "😀", '"\\']), st.integers(1, 60))
def test_hostile_facts_stay_under_the_line_limit(character: str, fields: int) -> None:
    """Facts of megabytes, in the characters that JSON spells longest, still make a short line."""
    facts: dict[str, Any] = {f"f{i}": character * 3_000 for i in range(fields)}
    facts["list"] = tuple(character * i for i in range(300))
    many = [match(i, character * 300 + str(i), facts=facts) for i in range(MAX_REQUESTS)]
    (one,) = signals(many, batch=character * 9_999)

    assert len(encode(one).encode()) < MAX_LINE_BYTES
    assert one.count == MAX_REQUESTS


def test_cut_values_stay_different() -> None:
    """Two long values with the same beginning are still two values."""
    one, other = (match(0, "a", facts={"object.name": "x" * 5_000 + end}) for end in "12")

    assert len({s.facts["object.name"] for s in signals([one, other], batch="b")}) == 2


def test_a_lone_surrogate_does_not_stop_a_batch() -> None:
    """Text that is not Unicode is replaced, not fatal."""
    (one,) = signals([match(facts={"userAgent": "\ud800"})], batch="b1")

    assert decode(encode(one)).facts == {"userAgent": "?"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"v": 1}, "version"),
        ({"reach": "far"}, "not a signal"),
        ({"count": 3}, "differ"),
        ({"audit_ids": ["a"]}, "differ"),
        ({"audit_ids": [], "offsets": [], "count": 0}, "0 requests"),
        ({"offsets": [5, 1_500_000]}, "order"),
        ({"offsets": [0, -1]}, "order"),
        ({"last_seen": "2026-11-20T12:00:09+00:00"}, "last"),
        ({"first_seen": "2026-11-20T12:00:00"}, "not a signal"),
        ({"facts": {"x": {"deep": 1}}}, "not a signal"),
        ({"more": 1}, "not a signal"),
    ],
)
def test_contradictory_lines_are_refused(changes: dict[str, Any], reason: str) -> None:
    """A line that was changed or belongs to another version is refused with its reason."""
    with pytest.raises(BadSignal, match=reason):
        signal(**changes)


@given(st.text(max_size=50) | st.binary(max_size=50))
def test_anything_else_is_refused(line: str | bytes) -> None:
    """Reading never raises anything but BadSignal."""
    with pytest.raises(BadSignal):
        decode(line)


def test_too_many_requests_and_bytes_are_refused() -> None:
    """Limits hold on reading too: 101 requests, or 200 KB."""
    ids = [str(i) for i in range(MAX_REQUESTS + 1)]

    with pytest.raises(BadSignal, match="101 requests"):
        signal(audit_ids=ids, offsets=[0] * len(ids), count=len(ids))
    with pytest.raises(BadSignal, match="bytes"):
        decode(encode(signal()) + " " * MAX_LINE_BYTES)


def test_times_of_other_zones_are_written_in_utc() -> None:
    """A line always says UTC."""
    tokyo = timezone(timedelta(hours=9))
    (one,) = signals(
        [match(first_seen=at(0).astimezone(tokyo), last_seen=at(0).astimezone(tokyo))], batch="b"
    )

    assert decode(encode(one)).first_seen.tzinfo == UTC
