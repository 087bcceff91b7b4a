"""Profile: what all requests of one caller and client for one action have in common.

A cluster's requests repeat: the same controllers do the same things to the same kinds of
object all day. What depends on nothing else is worked out once and remembered: first by the
action (verb, kind of object, outcome), of which there are few however many callers an attacker
invents, then by the caller.
"""

from collections.abc import Callable, Hashable
from functools import cache
from typing import Any

from ekswatch.audit.event import AuditEvent, Value
from ekswatch.audit.memory import Memory
from ekswatch.audit.vocabulary import lookup
from ekswatch.rules.expression import KEYWORDS, fields_of
from ekswatch.rules.ruleset import Expression

MEMO_ENTRIES = 2_048
"""Profiles remembered, and actions."""

MEMO_CHARACTERS = 2_048
"""Those with longer values are made anew each time, so that no event can fill the memory."""

OF_ACTION = frozenset(
    {
        *("verb", "verb.class", "resource", "request.creates", "outcome"),
        *("objectRef.resource", "objectRef.subresource", "objectRef.apiGroup"),
        *("responseStatus.code", "responseStatus.status"),
        *("authorization.decision", "authorization.reason"),
        *("authorization.grant", "authorization.role", "admission.failed_open"),
    }
)
"""Header fields that depend on the action alone; a test holds that each of them does."""

OF_CALLER = frozenset(
    {
        *("objectRef.namespace", "object.namespace"),
        *("user.username", "user.groups", "impersonator"),
        *("impersonatedUser.username", "impersonatedUser.groups"),
        *("actor.name", "actor.kind", "actor.groups", "actor.arn", "actor.role"),
        *("actor.session", "actor.access_key_id", "actor.principal_id", "actor.pod"),
        *("actor.node", "actor.namespace", "actor.account", "actor.at_own_node"),
        *("sourceIPs", "source.address", "source.addresses", "source.class"),
        *("source.network", "source.country", "source.city", "source.asn", "source.as_org"),
        *("source.any_public", "userAgent", "client.family"),
        "responseStatus.reason",
    }
)
"""Header fields that depend on the caller alone, or on both."""


def is_of_action(field: str) -> bool:
    """Whether the field of an event depends on its action alone."""
    return field in OF_ACTION or field.startswith("annotations.")


def is_steady(field: str) -> bool:
    """Whether the field of an event depends on its profile alone."""
    return field in OF_CALLER or field.startswith("user.extra.") or is_of_action(field)


def reads_only(part: Expression, kind: Callable[[str], bool]) -> bool:
    """Whether all that an expression reads is of one kind."""
    return all(map(kind, fields_of(part)))


@cache
def is_of_event(field: str) -> bool:
    """Whether a field is the event's, and not that of a view's row."""
    return field == KEYWORDS or lookup(field) is not None


def action_key(event: AuditEvent) -> Hashable:
    """What decides an action. The annotations hold the authorizer's decision and reason."""
    ref, status = event.objectRef, event.responseStatus
    return (
        event.verb,
        ref.resource,
        ref.subresource,
        ref.apiGroup,
        status.code,
        status.status,
        bytes(event.annotations_json),
    )


def profile_key(event: AuditEvent) -> Hashable:
    """What decides a profile: the action and its caller. `partial`, as a lost name proves nothing.

    All in one, as most events need nothing else than to be recognised.
    """
    user, acting, ref, status = (
        event.user,
        event.impersonatedUser,
        event.objectRef,
        event.responseStatus,
    )
    return (
        event.verb,
        ref.resource,
        ref.subresource,
        ref.apiGroup,
        ref.namespace,
        status.code,
        status.status,
        status.reason,
        bytes(event.annotations_json),
        user.username,
        user.groups,
        bytes(user.extra_json),
        acting and (acting.username, acting.groups),
        event.sourceIPs,
        event.userAgent,
        event.partial,
    )


class Profile:
    """What was worked out for a caller's action.

    Shape: `rules` are the rules that it leaves possible, as bits. `facts` are the steady ones
    of a match's summary, made at the first match; `filters` what it says of some filters, by
    their bits; `standings` what is known of a rule's matches, by its name. Novel rules rest for
    a cluster and a day once what they see is settled.
    """

    __slots__ = ("_resting", "_rests_on", "facts", "filters", "rules", "standings")

    def __init__(self, rules: int) -> None:
        self.rules = rules
        self.facts: dict[str, Value] | None = None
        self.filters: dict[int, tuple[int, str]] = {}
        self.standings: dict[str, Any] = {}
        self._rests_on = ("", "")
        self._resting = 0

    def resting(self, cluster: str, day: str) -> int:
        """The rules that rest, as bits; another cluster or day wakes them."""
        if self._rests_on != (cluster, day):
            self._rests_on = (cluster, day)
            self._resting = 0
        return self._resting

    def rest(self, rule: int) -> None:
        """Let a rule rest for the cluster and day that were asked for last."""
        self._resting |= rule


class Profiles:
    """The memory of profiles, and of the rules that actions leave possible."""

    __slots__ = ("_actions", "_profiles", "action", "lately", "profile")

    def __init__(self) -> None:
        self._actions: Memory[Hashable, int] = Memory(MEMO_ENTRIES)
        self._profiles: Memory[Hashable, Profile] = Memory(MEMO_ENTRIES)
        self.action = self._actions.get
        self.profile = self._profiles.get
        self.lately = self._profiles.lately
        """Most of what `profile` finds, at less cost."""

    def __len__(self) -> int:
        """How many profiles and actions are remembered."""
        return len(self._profiles) + len(self._actions)

    def remember_action(self, event: AuditEvent, key: Hashable, rules: int) -> None:
        if _action_characters(event) <= MEMO_CHARACTERS:
            self._actions.put(key, rules)

    def remember(self, event: AuditEvent, key: Hashable, profile: Profile) -> None:
        if _action_characters(event) + _caller_characters(event) <= MEMO_CHARACTERS:
            self._profiles.put(key, profile)


def _action_characters(event: AuditEvent) -> int:
    ref, status = event.objectRef, event.responseStatus
    size = len(event.verb) + len(ref.resource) + len(ref.subresource) + len(ref.apiGroup)
    return size + len(status.status) + len(bytes(event.annotations_json))


def _caller_characters(event: AuditEvent) -> int:
    user, acting = event.user, event.impersonatedUser
    groups, size = "\n".join(user.groups), len(user.username) + len(event.userAgent)
    size += len(event.responseStatus.reason)
    if acting:
        size += len(acting.username) + len("\n".join(acting.groups))
    size += len(groups) + len("\n".join(event.sourceIPs)) + len(event.objectRef.namespace)
    return size + len(bytes(user.extra_json)) + len(event.partial)
