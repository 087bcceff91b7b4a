"""The view certificate: which identity a certificate signing request asks for.

The subject is in the request that the client made, a PKCS#10 structure in PEM in Base64. As
much of its DER encoding is read as leads to the subject, with the standard library alone.
Source: RFC 2986 (PKCS#10), RFC 5280 (names), ITU-T X.690 (DER).
"""

from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from ekswatch.audit.event import AuditEvent, Json
from ekswatch.audit.lenient import at, mapping, objects, text, texts
from ekswatch.audit.views.row import Fields, Row
from ekswatch.audit.views.written import Target, Written, written

REQUESTS = Target(
    {"certificatesigningrequests": "CertificateSigningRequest"},
    groups=("certificates.k8s.io",),
    subresources=("", "approval"),
)

REQUEST_CHARACTERS = 65_536
"""Longer requests are not read; one for a key of 16,384 bits has some 7,000 characters."""

SEQUENCE = 0x30
COMMON_NAME, ORGANIZATION = b"\x55\x04\x03", b"\x55\x04\x0a"

STRINGS = {
    0x0C: "utf-8",
    0x13: "ascii",
    0x14: "latin-1",
    0x16: "ascii",
    0x1C: "utf-32-be",
    0x1E: "utf-16-be",
}
"""Encodings by the tag of a text: UTF8, printable, teletex, IA5, universal, BMP."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a certificate is to name. `organizations` become groups."""

    common_name: str
    organizations: tuple[str, ...]


@dataclass(frozen=True)
class Certificate:
    """A certificate signing request under the hands of a request."""

    request: Written

    @property
    def spec(self) -> Mapping[str, Json]:
        return mapping(self.request.object.get("spec"))

    @cached_property
    def der(self) -> bytes:
        """What the client signed; empty when there is none or its armour cannot be read."""
        return _unpacked(text(self.spec.get("request")))

    @cached_property
    def subject(self) -> Subject | None:
        return read_subject(self.der)


def certificate_rows(event: AuditEvent) -> tuple[Row, ...]:
    found = written(event, REQUESTS)
    return () if found is None else (Row((CERTIFICATE, Certificate(found))),)


def read_subject(der: bytes) -> Subject | None:
    """Return the subject of a PKCS#10 request in DER, None where it cannot be read."""
    try:
        names = list(_names(der))
    except (ValueError, IndexError):  # UnicodeDecodeError is a ValueError
        return None
    common = [value for kind, value in names if kind == COMMON_NAME]
    organizations = tuple(value for kind, value in names if kind == ORGANIZATION)
    return Subject(common[-1] if common else "", organizations)


def _unpacked(request: str) -> bytes:
    """Base64 around PEM around DER. Lines with a colon are headers, which nobody reads."""
    if len(request) > REQUEST_CHARACTERS:
        return b""
    try:
        _, _, armoured = b64decode(request).partition(b"-----BEGIN")
        lines = armoured.partition(b"-----END")[0].splitlines()[1:]
        return b64decode(b"".join(line for line in lines if b":" not in line))
    except ValueError:
        return b""


def _names(der: bytes) -> Iterator[tuple[bytes, str]]:
    """The attributes of the subject in order: what each is, and its text."""
    (_, signed), *_ = _members(_inside(der, SEQUENCE))
    (_, _version), (tag, name), *_ = _members(signed)
    if tag != SEQUENCE:
        raise ValueError(tag)
    for _, relative in _members(name):
        for _, attribute in _members(relative):
            (_, kind), (encoding, value) = _members(attribute)
            if encoding in STRINGS:
                yield kind, value.decode(STRINGS[encoding])


def _inside(der: bytes, wanted: int) -> bytes:
    (tag, content), *_ = _members(der)
    if tag != wanted:
        raise ValueError(tag)
    return content


def _members(der: bytes) -> Iterator[tuple[int, bytes]]:
    """The elements that stand side by side: tag and content. Raises: IndexError, ValueError."""
    at_ = 0
    while at_ < len(der):
        tag, length, at_ = der[at_], der[at_ + 1], at_ + 2
        if length >= 0x80:
            size = length - 0x80
            if not 1 <= size <= 4:
                raise ValueError(size)
            length, at_ = int.from_bytes(der[at_ : at_ + size]), at_ + size
        if at_ + length > len(der):
            raise ValueError(length)
        yield tag, der[at_ : at_ + length]
        at_ += length


def _readable(der: bytes) -> str:
    """The printable characters of what could not be read, zeros of wide characters left out."""
    shown = (chr(byte) if 0x20 <= byte < 0x7F else " " for byte in der if byte)
    return "".join(shown).strip()


def _seconds(certificate: Certificate) -> int | None:
    value = certificate.spec.get("expirationSeconds")
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _conditions(certificate: Certificate) -> tuple[str, ...]:
    conditions = objects(at(certificate.request.object, ("status", "conditions")))
    return tuple(filter(None, (text(one.get("type")) for one in conditions)))


CERTIFICATE: Fields[Certificate] = Fields(
    {
        "certificate.signer": lambda one: text(one.spec.get("signerName")),
        "certificate.usages": lambda one: texts(one.spec.get("usages")),
        "certificate.expiration_seconds": _seconds,
        "certificate.requester": lambda one: text(one.spec.get("username")),
        "certificate.conditions": _conditions,
        "certificate.common_name": lambda one: one.subject.common_name if one.subject else "",
        "certificate.organizations": lambda one: one.subject.organizations if one.subject else (),
        "certificate.readable": lambda one: one.subject is not None,
        "certificate.text": lambda one: "" if one.subject else _readable(one.der),
    }
)
