"""Profile: what all requests of one caller and client for one action have in common.

A cluster's requests repeat: the same controllers do the same things to the same kinds of
object all day. What depends on nothing else is worked out once and remembered: first by the
action (verb, kind of object, outcome), of which there are few however many callers an attacker
invents, then by the caller.
"""

from collections.abc import Callable, Hashable
from typing import Any

from ekswatch.audit.event import AuditEvent, Value
from ekswatch.audit.vocabulary import lookup
from ekswatch.rules.expression import KEYWORDS, fields_of
from ekswatch.rules.ruleset import Expression

MEMO_ENTRIES = 4_096
"""Actions and profiles remembered; when there are more all are forgotten, as attackers choose."""

MEMO_CHARACTERS = 2_048
"""Those with longer values are made anew each time, so that no event can fill the memory."""

OF_ACTION = frozenset(
    {
        *("verb", "verb.class", "resource", "request.creates", "outcome"),
        *("objectRef.resource", "objectRef.subresource", "objectRef.apiGroup"),
        *("responseStatus.code", "responseStatus.status"),
        *("authorization.decision", "authorization.reason"),
        *("authorization.grant", "authorization.role"),
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
        *("source.any_public", "userAgent", "client.family"),
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


def caller_key(event: AuditEvent) -> Hashable:
    """What decides a profile beside its action. `partial`, as a lost name proves nothing."""
    user, acting = event.user, event.impersonatedUser
    return (
        user.username,
        user.groups,
        bytes(user.extra_json),
        acting and (acting.username, acting.groups),
        event.sourceIPs,
        event.userAgent,
        event.objectRef.namespace,
        event.partial,
    )


class Profile:
    """What was worked out for a caller's action.

    Shape: `rules` are the rules that it leaves possible, as bits. `facts` are the steady ones
    of a match's summary, made at the first match; `standings` what is known of a rule's
    matches, by its name.
    """

    __slots__ = ("facts", "rules", "standings")

    def __init__(self, rules: int) -> None:
        self.rules = rules
        self.facts: dict[str, Value] | None = None
        self.standings: dict[str, Any] = {}


class Action:
    """What was worked out for an action: rules that it leaves possible, as bits; profiles."""

    __slots__ = ("profiles", "rules")

    def __init__(self, rules: int) -> None:
        self.rules = rules
        self.profiles: dict[Hashable, Profile] = {}


class Profiles:
    """The memory of actions and profiles; bounded in number and in size."""

    __slots__ = ("_actions", "_entries", "action")

    def __init__(self) -> None:
        self._actions: dict[Hashable, Action] = {}
        self._entries = 0
        self.action = self._actions.get

    def __len__(self) -> int:
        """How many actions and profiles are remembered."""
        return self._entries

    def remember_action(self, event: AuditEvent, key: Hashable, action: Action) -> None:
        if len(bytes(event.annotations_json)) <= MEMO_CHARACTERS and _is_short_reference(event):
            self._make_room()
            self._actions[key] = action

    def remember(self, event: AuditEvent, action: Action, key: Hashable, profile: Profile) -> None:
        if _caller_characters(event) <= MEMO_CHARACTERS:
            self._make_room()
            action.profiles[key] = profile

    def _make_room(self) -> None:
        if self._entries >= MEMO_ENTRIES:
            for action in self._actions.values():
                action.profiles.clear()
            self._actions.clear()
            self._entries = 0
        self._entries += 1


def _is_short_reference(event: AuditEvent) -> bool:
    ref, status = event.objectRef, event.responseStatus
    texts = (event.verb, ref.resource, ref.subresource, ref.apiGroup, status.status)
    return sum(map(len, texts)) <= MEMO_CHARACTERS


def _caller_characters(event: AuditEvent) -> int:
    user, acting = event.user, event.impersonatedUser
    groups, size = "\n".join(user.groups), len(user.username) + len(event.userAgent)
    if acting:
        size += len(acting.username) + len("\n".join(acting.groups))
    size += len(groups) + len("\n".join(event.sourceIPs)) + len(event.objectRef.namespace)
    return size + len(bytes(user.extra_json)) + len(event.partial)
