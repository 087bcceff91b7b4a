"""Profiles: what they claim to decide they decide, and their memory is bounded."""

import msgspec
import pytest

from ekswatch.audit.event import AuditEvent, ObjectRef, ResponseStatus, User, locate
from ekswatch.audit.places import Places
from ekswatch.audit.vocabulary import FIELDS, reader
from ekswatch.rules.matcher import profile
from ekswatch.rules.matcher.profile import (
    MEMO_CHARACTERS,
    MEMO_ENTRIES,
    OF_ACTION,
    OF_CALLER,
    Profile,
    Profiles,
    action_key,
    profile_key,
)
from tests import places
from tests.rules import build
from tests.scenarios import some_events

POISON = "poison"


def poisoned(event: AuditEvent, *, keep_caller: bool) -> AuditEvent:
    """The event with everything replaced that its keys leave out."""
    ref, status, user = event.objectRef, event.responseStatus, event.user
    kept_user = User(user.username, POISON, user.groups, user.extra_json)
    acting = event.impersonatedUser
    return AuditEvent(
        verb=event.verb,
        auditID=POISON,
        level=POISON,
        stage=POISON,
        requestURI=f"/{POISON}",
        user=kept_user if keep_caller else User(POISON),
        impersonatedUser=acting and User(acting.username, POISON, acting.groups)
        if keep_caller
        else None,
        sourceIPs=event.sourceIPs if keep_caller else (POISON,),
        userAgent=event.userAgent if keep_caller else POISON,
        objectRef=ObjectRef(
            resource=ref.resource,
            subresource=ref.subresource,
            apiGroup=ref.apiGroup,
            namespace=ref.namespace if keep_caller else POISON,
            name=POISON,
            uid=POISON,
        ),
        responseStatus=ResponseStatus(
            status.code, status.status, status.reason if keep_caller else POISON, POISON
        ),
        requestObject=msgspec.Raw(b'{"metadata":{"name":"poison"}}'),
        responseObject=msgspec.Raw(b'{"metadata":{"name":"poison"}}'),
        requestReceivedTimestamp=POISON,
        annotations_json=event.annotations_json,
    )


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Places:
    """Where the recordings' public addresses lie."""
    folder = tmp_path_factory.mktemp("geo")
    return Places(
        country=places.write_country(folder / "city.mmdb"),
        asn=places.write_asn(folder / "asn.mmdb"),
    )


def test_the_recordings_have_public_addresses(known: Places) -> None:
    """Else the next test would say nothing of the facts of places."""
    addresses = {event.sourceIPs[-1] for event in some_events(9) if event.sourceIPs}

    assert {known.of(address).country for address in addresses} > {""}


@pytest.mark.parametrize(
    ("fields", "keep_caller"), [(OF_ACTION, False), (OF_CALLER, True)], ids=["action", "caller"]
)
def test_what_a_key_decides_depends_on_nothing_else(
    fields: frozenset[str], keep_caller: bool, known: Places
) -> None:
    """Every such field reads the same from an event of which nothing else is left."""
    for event in some_events(9):
        other = poisoned(event, keep_caller=keep_caller)
        locate(event, known)
        locate(other, known)
        assert action_key(other) == action_key(event)
        assert (profile_key(other) == profile_key(event)) or not keep_caller
        for field in fields:
            assert reader(field)(other) == reader(field)(event), field


def test_the_fields_are_known_header_fields() -> None:
    """A field that reads a body could not be decided by a key."""
    assert {*OF_ACTION, *OF_CALLER} <= {name for name, field in FIELDS.items() if field.header}


def test_extra_and_annotations_are_part_of_the_keys() -> None:
    """Facts of the caller's token and of the authorizer's answer are steady."""
    one, two = (build.event(user={"extra": {"arn": [arn]}}) for arn in ("a", "b"))
    allowed, denied = (build.event(annotations={"d": text}) for text in ("allow", "forbid"))

    assert profile_key(one) != profile_key(two)
    assert profile_key(allowed) != profile_key(denied)
    assert action_key(allowed) != action_key(denied)
    assert profile.is_steady("user.extra.arn")
    assert profile.is_of_action("annotations.d")


def remember(memory: Profiles, event: AuditEvent) -> None:
    memory.remember_action(event, action_key(event), 1)
    memory.remember(event, profile_key(event), Profile(1))


def test_the_memory_is_bounded() -> None:
    """Actions and callers that nobody saw before take the place of others."""
    memory = Profiles()

    sizes = []
    for number in range(2 * MEMO_ENTRIES + 10):
        remember(memory, build.event(verb=f"verb-{number}", userAgent=f"agent-{number}"))
        sizes.append(len(memory))

    assert max(sizes) == 4 * MEMO_ENTRIES
    assert sizes[-1] == 2 * (MEMO_ENTRIES + 10)


@pytest.mark.parametrize(
    "fields",
    [
        lambda size: {"userAgent": "x" * size},
        lambda size: {"user": {"username": "x" * size}},
        lambda size: {"user": {"groups": ["x" * 7] * (size // 8 + 1)}},
        lambda size: {"user": {"extra": {"x": ["x" * size]}}},
        lambda size: {"sourceIPs": ["1234567"] * (size // 8 + 1)},
        lambda size: {"impersonatedUser": {"username": "x" * size}},
        lambda size: {"impersonatedUser": {"groups": ["x" * size]}},
        lambda size: {"objectRef": {"namespace": "x" * size}},
        lambda size: {"objectRef": {"resource": "x" * size}},
        lambda size: {"annotations": {"x": "x" * size}},
        lambda size: {"responseStatus": {"reason": "x" * size}},
    ],
)
def test_long_values_are_not_remembered(fields: object) -> None:
    """No single event can fill the memory."""
    assert callable(fields)
    short, long = Profiles(), Profiles()

    remember(short, build.event(**fields(MEMO_CHARACTERS // 2)))
    remember(long, build.event(**fields(MEMO_CHARACTERS + 1)))

    assert len(short) == 2
    assert len(long) < 2
