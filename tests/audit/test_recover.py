"""Recovery: real events cut at every byte, and with every field of a wrong type."""

import json
import tracemalloc
from typing import Any

import msgspec
import pytest

from ekswatch.audit.event import AuditEvent, PartialEvent
from ekswatch.audit.recover import recover
from ekswatch.audit.scan import members
from tests.audit.examples import attack_lines, lines

EXEC = attack_lines("exec_kubectl")[0]
SECRET = attack_lines("secrets_get_unusual_ua")[0]
IMPERSONATED = attack_lines("impersonate_masters")[0]
POD = attack_lines("priv_pod_apply")[-1]

WHOLE = msgspec.json.Decoder(AuditEvent).decode
STRUCTS = ("user", "impersonatedUser", "objectRef", "responseStatus")
BODIES = ("requestObject", "responseObject")


def is_part_of(part: Any, whole: Any) -> bool:
    """Whether everything in the part is in the whole, at the same place, with the same value."""
    if isinstance(part, msgspec.Raw) and isinstance(whole, msgspec.Raw):
        part, whole = msgspec.json.decode(part) or {}, msgspec.json.decode(whole) or {}
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(key in whole and is_part_of(part[key], whole[key]) for key in part)
    if isinstance(part, list) and isinstance(whole, list):
        pairs = zip(part, whole, strict=False)
        return len(part) <= len(whole) and all(is_part_of(a, b) for a, b in pairs)
    return bool(part == whole)


def assert_equal_or_absent(cut: AuditEvent, whole: AuditEvent) -> None:
    """Every field is the original's, or has its default; of mappings and bodies a part."""
    for name in AuditEvent.__struct_fields__:
        found, original = getattr(cut, name), getattr(whole, name)
        if name in STRUCTS and found is not None:
            for inner in found.__struct_fields__:
                value = getattr(found, inner)
                empty = value in ("", (), 0)
                assert empty or is_part_of(value, getattr(original, inner))
        elif name in BODIES:
            continue
        else:
            assert found in ("", (), None) or is_part_of(found, original), name
    if cut.request is not None:
        assert is_part_of(cut.request, whole.request)
    if cut.response is not None:
        assert is_part_of(cut.response, whole.response)


@pytest.mark.parametrize("line", [EXEC, SECRET, IMPERSONATED], ids=["exec", "secret", "ghost"])
@pytest.mark.parametrize("suffix", [b"", b"[Truncated...]"], ids=["bare", "marked"])
def test_an_event_cut_at_any_byte_keeps_what_is_whole(line: bytes, suffix: bytes) -> None:
    """Never a crash, never a wrong value: recovered fields equal the original's."""
    whole = WHOLE(line)

    for length in range(len(line)):
        cut = recover(line[:length] + suffix)
        if cut is not None:
            assert isinstance(cut, PartialEvent)
            assert cut.partial
            assert_equal_or_absent(cut, whole)


@pytest.mark.parametrize("step", [23])
def test_an_event_with_bodies_cut_anywhere_keeps_what_is_whole(step: int) -> None:
    """A body keeps the part before the cut, numbers that may go on left out."""
    whole = WHOLE(POD)

    for length in range(0, len(POD), step):
        cut = recover(POD[:length])
        if cut is not None:
            assert_equal_or_absent(cut, whole)


def test_the_header_survives_a_cut_in_the_body() -> None:
    """Who, what and from where are written before the bodies."""
    cut = recover(POD[: POD.index(b'"securityContext"') + 40])

    assert cut is not None
    assert cut.partial == "cut in requestObject"
    assert cut.user == WHOLE(POD).user
    assert cut.objectRef == WHOLE(POD).objectRef
    assert cut.request["metadata"]["name"] == "nettool"


def test_a_number_at_the_cut_is_left_out() -> None:
    """1 may have been the beginning of 1000."""
    cut = recover(b'{"verb":"create","requestURI":"/x","requestObject":{"a":"b","runAsUser":1')

    assert cut is not None
    assert cut.request == {"a": "b"}


def test_a_list_at_the_cut_is_left_out() -> None:
    """Only the last source address can be trusted, so an unfinished list has none."""
    cut = recover(b'{"verb":"get","requestURI":"/x","sourceIPs":["198.51.100.1","10.0')

    assert cut is not None
    assert cut.sourceIPs == ()
    assert cut.partial == "cut in sourceIPs"


@pytest.mark.parametrize("wrong", [5, True, "text", [1], {"a": [1]}, 1.5, {}, []])
def test_a_wrong_type_costs_only_its_field(wrong: Any) -> None:
    """Nothing else is lost, and the field is named."""
    document = json.loads(SECRET)
    whole = WHOLE(SECRET)
    for name in document:
        changed = recover(json.dumps({**document, name: wrong}).encode())
        if changed is None:
            assert name in ("kind", "apiVersion")
            continue
        for other in document:
            if other != name:
                assert getattr(changed, other) == getattr(whole, other)
        if isinstance(changed, PartialEvent):
            assert name in changed.partial


@pytest.mark.parametrize(
    ("path", "lost"),
    [
        (("user", "groups"), "user.groups has the wrong type"),
        (("user", "extra", "arn"), "user.extra.arn has the wrong type"),
        (("annotations", "note"), "annotations.note has the wrong type"),
        (("responseStatus", "code"), "responseStatus.code has the wrong type"),
    ],
)  # fmt: skip
def test_a_wrong_type_inside_an_object_costs_only_that(path: tuple[str, ...], lost: str) -> None:
    """The user keeps the name when the groups are nonsense."""
    document = json.loads(SECRET)
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = {"x": 1}

    changed = recover(json.dumps(document).encode())

    assert isinstance(changed, PartialEvent)
    assert changed.partial.startswith(lost)
    assert changed.user.username == WHOLE(SECRET).user.username


def test_nulls_mean_absent_and_are_no_loss() -> None:
    """Other collectors write every field."""
    document = json.loads(SECRET) | dict.fromkeys(("impersonatedUser", "annotations", "sourceIPs"))
    document["user"]["uid"] = None

    found = recover(json.dumps(document).encode())

    assert type(found) is AuditEvent
    assert found.user.username == WHOLE(SECRET).user.username
    assert found.annotations == {}


def test_a_body_nested_too_deeply_is_dropped_and_named() -> None:
    """The header of a hostile record is still judged."""
    deep = b"[" * 100_000 + b"]" * 100_000
    raw = SECRET[:-1] + b',"requestObject":' + deep + b"}"

    found = recover(raw)

    assert isinstance(found, PartialEvent)
    assert found.partial == "requestObject is nested too deeply"
    assert found.user == WHOLE(SECRET).user
    assert found.request is None


@pytest.mark.parametrize("bad", [b"kub\xff\xfe", b"kub\\ud800"])
def test_invalid_characters_are_replaced_and_named(bad: bytes) -> None:
    """Neither raw bytes nor half a surrogate pair make a record unreadable."""
    agent = next(one.value for one in members(SECRET)[0] if one.key == "userAgent")

    found = recover(SECRET.replace(agent, b'"' + bad + b'"'))

    assert isinstance(found, PartialEvent)
    assert found.partial == "userAgent has invalid characters"
    assert found.userAgent.startswith("kub\ufffd")
    assert found.user == WHOLE(SECRET).user


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"{}", b"[]", b"null", b"text", b'{"kind":"Event"', b'{"a":1}', b"\xff\xfe",
     b'{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Meta', b"[Truncated...]"],
)  # fmt: skip
def test_nothing_left_is_none(raw: bytes) -> None:
    """A record that does not say what was asked, or by whom, is no event."""
    assert recover(raw) is None


def test_what_follows_a_record_is_noticed() -> None:
    """Two records that ran together are not taken for one."""
    found = recover(SECRET + EXEC)

    assert isinstance(found, PartialEvent)
    assert found.partial == "text after the record"


def test_a_million_values_behind_a_record_take_no_memory() -> None:
    """The second value already says that something follows."""
    raw = EXEC + b" 1" * 1_000_000
    tracemalloc.start()

    found = recover(raw)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert isinstance(found, PartialEvent)
    assert found.partial == "text after the record"
    assert peak < 10 * len(raw)


def test_whole_events_come_back_unchanged() -> None:
    """Recovery of a sound record is the decoder's own result."""
    for line in lines("benign", 300):
        found, whole = recover(line), WHOLE(line)
        assert type(found) is AuditEvent
        assert (found.request, found.response) == (whole.request, whole.response)
        for name in set(AuditEvent.__struct_fields__) - set(BODIES):
            assert getattr(found, name) == getattr(whole, name)
