"""Subscription payloads: sound, damaged and hostile ones."""

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekswatch.audit.event import AuditEvent, PartialEvent
from ekswatch.audit.intake import Batch, PayloadError, Unreadable, read_payload
from tests.audit.examples import attack_lines, envelope, lines, packed, payload

MESSAGES = [line.decode() for line in lines("exec_kubectl")]
DEEP = "[" * 100_000
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


def reasons(batch: Batch) -> list[tuple[str, str]]:
    return [(one.position, one.reason) for one in batch.unreadable]


def test_a_delivery_becomes_a_batch() -> None:
    """Cluster from the log group, account from the owner, every record an event."""
    batch = read_payload(payload(envelope(MESSAGES)))

    assert batch.cluster == "demo"
    assert batch.account == "111122223333"
    assert batch.source == "/aws/eks/demo/cluster:kube-apiserver-audit-1a2b"
    assert [e.auditID for e in batch.events] == [json.loads(m)["auditID"] for m in MESSAGES]
    assert (batch.received, batch.partial, batch.skipped) == (len(MESSAGES), 0, 0)
    assert batch.unreadable == ()


def test_another_log_group_stands_for_its_cluster() -> None:
    """Findings of two groups must not merge because neither names a cluster."""
    assert read_payload(payload(envelope([], group="/central/audit"))).cluster == "/central/audit"


@pytest.mark.parametrize("stream", ["kube-apiserver-1a2b", "authenticator-x", "kube-scheduler-x"])
def test_other_log_types_are_skipped_and_counted(stream: str) -> None:
    """The log group holds five types; the prefix of one is part of another's name."""
    batch = read_payload(payload(envelope(["I1120 text", *MESSAGES], stream=stream)))

    assert batch.events == ()
    assert batch.unreadable == ()
    assert batch.skipped == batch.received == len(MESSAGES) + 1


def test_a_control_message_is_an_empty_batch() -> None:
    """CloudWatch Logs asks whether the function can be reached."""
    body = envelope(["CWL CONTROL MESSAGE"], kind="CONTROL_MESSAGE", stream="", group="")

    assert read_payload(payload(body)).received == 0


BAD_RECORDS: list[tuple[Any, str]] = [
    ("", "empty"),
    ("  \n", "empty"),
    ("I1120 20:17:41.185 plain text", "not JSON"),
    ('{"kind":"Event","apiVersion":"v1","reason":"Pulled"}', "not an audit event"),
    ('{"hello":1}', "not an audit event"),
    ("null", "not an audit event"),
    ("5", "not an audit event"),
    (DEEP, "not an audit event"),
    (DEEP + "]" * 100_000, "not an audit event"),
    ('{"a":"' + "x" * 1_000_000 + '"}', "not an audit event"),
    ("y" * 1_000_000, "not JSON"),
    ('{"kind":"Event","apiVersion":"audit', "nothing of an audit event left"),
    (None, "no message"),
    (5, "no message"),
    ([1], "no message"),
]


@pytest.mark.parametrize(("message", "reason"), BAD_RECORDS, ids=range(len(BAD_RECORDS)))
def test_a_bad_record_is_set_aside_with_a_reason(message: Any, reason: str) -> None:
    """Its neighbours are read as if it were not there."""
    batch = read_payload(payload(envelope([MESSAGES[0], message, MESSAGES[1]])))

    assert len(batch.events) == 2
    assert reasons(batch) == [("id2", reason)]
    assert batch.received == 3


def test_all_bad_records_together_cost_no_good_one() -> None:
    """Each is counted by itself."""
    bad = [message for message, _ in BAD_RECORDS]
    batch = read_payload(payload(envelope([*bad, *MESSAGES])))

    assert len(batch.events) == len(MESSAGES)
    assert [reason for _, reason in reasons(batch)] == [reason for _, reason in BAD_RECORDS]


def test_a_cut_record_is_recovered_with_the_time_of_its_log_record() -> None:
    """The times of an event stand behind its bodies, so a cut loses them."""
    whole = attack_lines("exec_kubectl")[0].decode()
    message = whole[: whole.index('"requestReceived')] + "[Truncated...]"
    batch = read_payload(payload(envelope([message])))

    (event,) = batch.events
    assert isinstance(event, PartialEvent)
    assert batch.partial == 1
    assert event.objectRef.subresource == "exec"
    assert event.stageTimestamp == "2025-11-20T20:20:00.000Z"
    assert event.at.year == 2025


def test_an_object_in_place_of_the_message_text_is_read() -> None:
    """Some forwarders parse the message before they pass it on."""
    batch = read_payload(payload(envelope([json.loads(MESSAGES[0]), MESSAGES[1]])))

    assert [type(e) for e in batch.events] == [AuditEvent, AuditEvent]


def test_wrong_types_around_the_records_cost_no_record() -> None:
    """Owner, group and stream may be nonsense."""
    body = envelope(MESSAGES) | {"owner": 5, "logGroup": None, "subscriptionFilters": {}}

    batch = read_payload(payload(body))

    assert len(batch.events) == len(MESSAGES)
    assert (batch.cluster, batch.account) == ("", "")


def test_invalid_utf8_costs_no_record() -> None:
    """One bad byte anywhere must not fail the delivery."""
    raw = json.dumps(envelope(MESSAGES)).encode().replace(b"kubectl/", b"kub\xff/")

    batch = read_payload(payload(raw))

    assert len(batch.events) == len(MESSAGES)
    assert batch.unreadable == ()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty payload"),
        (gzip.compress(b"")[:8], "truncated gzip"),
        (b"plain text, no gzip", "corrupt gzip"),
        (gzip.compress(b""), "not JSON"),
        (gzip.compress(b"hello"), "not JSON"),
    ],
)
def test_a_payload_without_any_record_is_one_unreadable(data: bytes, reason: str) -> None:
    """Nothing is raised, and nothing passes as an empty delivery."""
    assert reasons(read_payload(packed(data))) == [("payload", reason)]


@pytest.mark.parametrize("data", ["!!!!", "é", "abc"])
def test_invalid_base64_is_one_unreadable(data: str) -> None:
    """As for gzip."""
    batch = read_payload({"awslogs": {"data": data}})

    assert batch.unreadable == (Unreadable("payload", "invalid base64"),)


def test_base64_with_line_breaks_is_read() -> None:
    """A payload that was saved to a file may be folded."""
    data = payload(envelope(MESSAGES))["awslogs"]["data"]
    folded = "\n".join(data[start : start + 76] for start in range(0, len(data), 76))

    assert len(read_payload({"awslogs": {"data": folded}}).events) == len(MESSAGES)


def test_a_payload_cut_anywhere_keeps_the_whole_records() -> None:
    """The rest is one Unreadable, whatever the cut hits."""
    raw = json.dumps(envelope(MESSAGES)).encode()
    data = gzip.compress(raw)
    counts = []

    for length in range(1, len(data), 61):
        batch = read_payload(packed(data[:length]))
        assert [reason for _, reason in reasons(batch)] == ["truncated gzip"]
        counts.append(len(batch.events))

    assert counts == sorted(counts)
    assert counts[0] == 0
    assert counts[-1] >= len(MESSAGES) - 1


def test_an_envelope_cut_before_compression_keeps_the_whole_records() -> None:
    """Whoever wrote it may have died."""
    raw = json.dumps(envelope(MESSAGES)).encode()

    batch = read_payload(payload(raw[: raw.index(b'"id3"')]))

    assert len(batch.events) == 2
    assert reasons(batch) == [("record 3", "cut, with all that follows")]


def test_a_bomb_is_cut_at_64_mib_and_the_records_before_it_are_kept() -> None:
    """A megabyte may not become a gigabyte."""
    raw = json.dumps(envelope(MESSAGES)).encode()
    bomb = raw[:-2] + b',{"id":"bomb","message":"' + b"a" * (70 * 1024 * 1024) + b'"}]}'

    batch = read_payload(packed(gzip.compress(bomb, 1)))

    assert len(batch.events) == len(MESSAGES)
    assert reasons(batch) == [(f"record {len(MESSAGES) + 1}", "over 64 MiB decompressed")]


@pytest.mark.parametrize(
    "given_", [{}, {"awslogs": None}, {"awslogs": {}}, {"awslogs": {"data": 5}}, {"Records": []}]
)
def test_what_is_no_subscription_payload_is_an_error(given_: Any) -> None:
    """The function was wired to something else: that must be loud."""
    with pytest.raises(PayloadError, match="not a CloudWatch Logs subscription payload"):
        read_payload(given_)


@given(JSON)
def test_any_json_in_place_of_the_envelope_is_counted(body: Any) -> None:
    """No document makes the reading raise."""
    read_payload(payload(json.dumps(body).encode()))


@given(st.dictionaries(st.sampled_from(sorted(envelope([]))), JSON), st.lists(JSON, max_size=3))
def test_any_json_inside_the_envelope_is_counted(changes: Any, messages: Any) -> None:
    """Received is what came in: each record an event, unreadable or skipped."""
    body = envelope(messages) | {k: v for k, v in changes.items() if k != "logEvents"}

    batch = read_payload(payload(body))

    assert batch.received == (0 if body["messageType"] == "CONTROL_MESSAGE" else len(messages))


@given(st.binary(max_size=200))
def test_any_bytes_are_no_crash(data: bytes) -> None:
    """Neither as gzip nor as what gzip holds."""
    read_payload(packed(data))
    read_payload(payload(data))
