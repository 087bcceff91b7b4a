"""AuditEvent: lazy bodies, the actor, the query, the time."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from ekswatch.audit.event import EPOCH
from tests.audit.examples import attack, event, made


def test_the_actor_is_the_impersonated_user() -> None:
    """Who authenticated is still there."""
    given = event(attack("impersonate_masters"))

    assert given.actor.username == "ghost"
    assert given.user.username.endswith("/eve")
    assert made(user={"username": "bob"}).actor.username == "bob"


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("/x?a=1&a=2&b=c+d%2Be&empty=", (("a", "1"), ("a", "2"), ("b", "c d+e"), ("empty", ""))),
        ("/x?", ()),
        ("/x", ()),
        ("", ()),
    ],
)
def test_the_query_keeps_order_and_repeats(uri: str, expected: Any) -> None:
    """The words of a command are repeated parameters."""
    assert made(requestURI=uri).query == expected


@pytest.mark.parametrize(
    ("received", "stage", "expected"),
    [
        ("2026-11-20T20:17:41.185123Z", "2026-11-20T20:17:42Z", 41),
        ("2026-11-20T21:17:41+01:00", "", 41),
        ("", "2026-11-20T20:17:42Z", 42),
        ("nonsense", "2026-11-20T20:17:42", 42),
        ("9999-12-31T23:59:59-14:00", "2026-11-20T20:17:42Z", 42),
        ("0001-01-01T00:00:00+14:00", "2026-11-20T20:17:42Z", 42),
    ],
)
def test_an_event_happens_when_its_request_arrives(
    received: str, stage: str, expected: int
) -> None:
    """The same moment for every stage; the stage's own only when that is lost."""
    at = made(requestReceivedTimestamp=received, stageTimestamp=stage).at

    assert at.replace(microsecond=0) == datetime(2026, 11, 20, 20, 17, expected, tzinfo=UTC)


def test_without_a_time_it_is_the_epoch() -> None:
    """A time is never invented here."""
    assert made().at == EPOCH


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"kind": "Event", "apiVersion": "audit.k8s.io/v1"}, True),
        ({"kind": "Event", "apiVersion": "audit.k8s.io/v1beta1"}, True),
        ({"kind": "Event", "apiVersion": "v1"}, False),
        ({"verb": "get", "user": {"username": "bob"}}, True),
        ({"verb": "get", "objectRef": {"resource": "pods"}}, True),
        ({"verb": "get", "requestURI": "/api"}, True),
        ({"verb": "get"}, False),
        ({"user": {"username": "bob"}}, False),
        ({}, False),
    ],
)
def test_sparse_records_are_audit_events_too(document: dict[str, Any], expected: bool) -> None:
    """Other collectors leave out the kind."""
    assert event(document).is_audit is expected


@pytest.mark.parametrize("raw", [b"{", b"\xff", b"[" * 100_000 + b"]" * 100_000, b'"\\ud800"'])
def test_a_body_that_cannot_be_decoded_is_none(raw: bytes) -> None:
    """Whatever the reason."""
    assert msgspec.structs.replace(made(), requestObject=msgspec.Raw(raw)).request is None
