"""The view certificate: subjects out of real and broken requests."""

import base64
import random
from typing import Any

import pytest

from ekswatch.audit.event import Value
from ekswatch.audit.views import rows
from ekswatch.audit.views.certificate import REQUEST_CHARACTERS, read_subject
from tests.audit.examples import attack, event

ASKED = attack("csr_create_approve", verb="create")
APPROVED = attack("csr_create_approve", verb="update")
REQUEST = ASKED["requestObject"]["spec"]["request"]

CN, O = b"\x55\x04\x03", b"\x55\x04\x0a"  # noqa: E741 (as subjects are written)


def tlv(tag: int, *content: bytes) -> bytes:
    inner = b"".join(content)
    size = len(inner)
    length = bytes([size]) if size < 0x80 else b"\x82" + size.to_bytes(2)
    return bytes([tag]) + length + inner


def attribute(kind: bytes, value: bytes, tag: int = 0x0C) -> bytes:
    return tlv(0x30, tlv(0x06, kind), tlv(tag, value))


def request(*sets: bytes) -> bytes:
    """A request with these relative names, and an empty key."""
    return tlv(0x30, tlv(0x30, tlv(0x02, b"\0"), tlv(0x30, *sets), tlv(0x30)))


def armoured(der: bytes, header: str = "", before: str = "") -> str:
    body = base64.encodebytes(der).decode()
    kind = "CERTIFICATE REQUEST"
    text = f"{before}-----BEGIN {kind}-----\n{header}{body}-----END {kind}-----\n"
    return base64.b64encode(text.encode()).decode()


def row_of(written: Any) -> dict[str, Value]:
    spec = {**ASKED["requestObject"]["spec"], "request": written}
    found = event(ASKED, requestObject={"spec": spec}, responseObject=None)
    (row,) = rows(found, "certificate")
    return dict(row)


def test_a_real_request() -> None:
    """Signer, usages and the subject, and who asked as the API server recorded."""
    (row,) = rows(event(ASKED), "certificate")

    assert row == {
        "certificate.signer": "kubernetes.io/kube-apiserver-client",
        "certificate.usages": ("client auth",),
        "certificate.expiration_seconds": 31536000,
        "certificate.requester": "arn:aws:sts::111122223333:assumed-role/platform-ops/eve",
        "certificate.common_name": "k8s-ops",
        "certificate.organizations": ("ops",),
        "certificate.readable": True,
    }


def test_a_real_approval() -> None:
    """It carries the request, so the subject is known there too."""
    (row,) = rows(event(APPROVED), "certificate")

    assert row["certificate.conditions"] == ("Approved",)
    assert row["certificate.common_name"] == "k8s-ops"


MASTERS = tlv(0x31, attribute(O, b"system:masters"))


@pytest.mark.parametrize(
    ("sets", "common_name", "organizations"),
    [
        ((), "", ()),
        ((MASTERS,), "", ("system:masters",)),
        ((tlv(0x31, attribute(O, b"a"), attribute(O, b"b")),), "", ("a", "b")),
        ((tlv(0x31, attribute(CN, b"a")), tlv(0x31, attribute(CN, b"b"))), "b", ()),
        ((tlv(0x31, attribute(CN, "x".encode("utf-16-be"), 0x1E)),), "x", ()),
        ((tlv(0x31, attribute(CN, "x".encode("utf-32-be"), 0x1C)),), "x", ()),
        ((tlv(0x31, attribute(CN, b"x", 0x13)),), "x", ()),
        ((tlv(0x31, attribute(b"\x55\x04\x06", b"DE")),), "", ()),
        ((tlv(0x31, attribute(O, b"o" * 200)),), "", ("o" * 200,)),
    ],
)
def test_subjects(
    sets: tuple[bytes, ...], common_name: str, organizations: tuple[str, ...]
) -> None:
    """Every organisation is a group; of several common names the last one counts."""
    subject = read_subject(request(*sets))

    assert subject is not None
    assert (subject.common_name, subject.organizations) == (common_name, organizations)


@pytest.mark.parametrize("before", ["", "system notes: none\n"])
@pytest.mark.parametrize("header", ["", "Comment: hello\n\n"])
def test_the_armour_may_have_headers(header: str, before: str) -> None:
    """Kubernetes reads past both, so nothing hides behind them."""
    row = row_of(armoured(request(MASTERS), header, before))

    assert row["certificate.organizations"] == ("system:masters",)


def test_an_unreadable_request_shows_its_words() -> None:
    """A search for words still finds what it asks for, wide characters included."""
    row = row_of(armoured(b"\x30\x05junk system:masters \0k\0u\0b\0e"))

    assert row["certificate.readable"] is False
    assert "system:masters" in str(row["certificate.text"])
    assert "kube" in str(row["certificate.text"])


@pytest.mark.parametrize("written", [None, 5, "", "%%%", "x", base64.b64encode(b"x").decode()])
def test_no_request_is_not_readable(written: Any) -> None:
    """Whatever stands in its place."""
    assert row_of(written)["certificate.readable"] is False


@pytest.mark.parametrize(("extra", "readable"), [(0, True), (1, False)])
def test_a_long_request_is_not_read(extra: int, readable: bool) -> None:
    """Up to the limit it is; spaces at its end mean nothing."""
    written = REQUEST + " " * (REQUEST_CHARACTERS - len(REQUEST) + extra)

    assert row_of(written)["certificate.readable"] is readable


def test_mutated_requests_never_raise() -> None:
    """Any byte of a real one may be anything."""
    pem = base64.b64decode(REQUEST).splitlines()[1:-1]
    der = base64.b64decode(b"".join(pem))
    assert read_subject(der) is not None

    for seed in range(400):
        chance = random.Random(seed)  # noqa: S311 (a repeatable choice, no secret)
        mutated = bytearray(der[: chance.randrange(len(der))] if seed % 2 else der)
        for _ in range(min(3, len(mutated))):
            mutated[chance.randrange(min(90, len(mutated)))] = chance.randrange(256)
        read_subject(bytes(mutated))
