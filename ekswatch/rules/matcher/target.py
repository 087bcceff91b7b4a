"""Target: what all requests of a profile for one object have in common on one day.

Without a body a request says nothing else than who wants what of which object, when, and under
which ID. Most requests are of this kind, and most come again: leases, watches, lists, secrets.
Their matches differ in time and ID alone, so they are found once and told again.
"""

import re
from collections.abc import Hashable, Mapping, Sequence

import msgspec

from ekswatch.audit.event import NO_BODY, AuditEvent, Value
from ekswatch.audit.memory import Memory
from ekswatch.audit.views import EventRow
from ekswatch.rules.match import Match
from ekswatch.rules.matcher.kept import Keeper, Kept, ids_of
from ekswatch.rules.matcher.profile import Profile
from ekswatch.rules.novelty import day_of

MEMO_ROOM = 8_192
"""Targets and matches remembered; each takes one or two kilobytes."""


MEMO_CHARACTERS = 1_024
MEMO_MATCHES = 32
"""Those with longer names or more matches are judged anew, so that no event can fill the memory."""

OF_REQUEST = frozenset({"requestReceivedTimestamp", "requestURI"})
"""Fields in which requests for one target differ, but that a match may keep."""

OF_MOMENT = frozenset(
    {
        *("auditID", "requestReceivedTimestamp", "stageTimestamp"),
        *("kind", "apiVersion", "requestURI", "request.query"),
        *("objectRef.uid", "objectRef.resourceVersion", "objectRef.apiVersion"),
    }
)
"""The fields that differ between requests for one target; a test holds that no others do."""


_passing = re.compile(r"(?:^|&)(?:resourceVersion|timeout|timeoutSeconds|continue)=[^&]*")
"""Parameters that are others in every watch and list, and that no field holds by itself."""


def asked_for(uri: str) -> str:
    """The request URI without the parameters that say only how and since when to answer."""
    path, mark, query = uri.partition("?")
    return f"{path}?{_passing.sub('', query)}" if mark else uri


def target_key(event: AuditEvent, profile: Profile, cluster: str | None) -> Hashable | None:
    """What decides a target, None for an event with a body. Two days: as written, and as read.

    `cluster` is whose baseline says what is settled; None without one.
    """
    if event.requestObject is not NO_BODY or event.responseObject is not NO_BODY:
        return None
    acting = event.impersonatedUser
    return (
        profile,
        cluster,
        day_of(event),
        event.at.toordinal(),
        event.objectRef.name,
        asked_for(event.requestURI),
        event.responseStatus.message,
        event.user.uid,
        acting and acting.uid,
        event.stage,
        event.level,
    )


class Target:
    """What was found out about a target.

    Shape: `matches` are those of its first event that all others have, too; `open` are the
    rules that are to be asked again, as bits.
    """

    __slots__ = ("_own", "matches", "open")

    def __init__(self, matches: Sequence[Match], open_: int) -> None:
        self.matches = tuple(matches)
        self.open = open_
        self._own = any(not OF_REQUEST.isdisjoint(match.facts) for match in matches)

    def told(self, event: AuditEvent, keeper: Keeper) -> list[Match]:
        """The matches as those of another event."""
        if not self.matches:
            return []
        at, ids = event.at, ids_of(event)
        told = [
            msgspec.structs.replace(match, first_seen=at, last_seen=at, audit_ids=ids)
            for match in self.matches
        ]
        if not self._own:
            return told
        own = Kept(keeper, EventRow(event)).those(OF_REQUEST)
        return [_with(match, own) for match in told]


class Targets:
    """The memory of targets."""

    __slots__ = ("_memory", "get")

    def __init__(self) -> None:
        self._memory: Memory[Hashable, Target] = Memory(MEMO_ROOM, lambda t: 1 + len(t.matches))
        self.get = self._memory.get

    def __len__(self) -> int:
        return len(self._memory)

    def remember(self, event: AuditEvent, key: Hashable, target: Target) -> None:
        if len(target.matches) <= MEMO_MATCHES and _characters(event) <= MEMO_CHARACTERS:
            self._memory.put(key, target)


def _with(match: Match, own: Mapping[str, Value]) -> Match:
    """The match with the event's own values, of the fields that it keeps."""
    if OF_REQUEST.isdisjoint(match.facts):
        return match
    facts, samples = _replaced(match.facts, own), [_replaced(each, own) for each in match.samples]
    return msgspec.structs.replace(match, facts=facts, samples=tuple(samples))


def _replaced(values: Mapping[str, Value], own: Mapping[str, Value]) -> Mapping[str, Value]:
    return {name: own.get(name, value) for name, value in values.items()}


def _characters(event: AuditEvent) -> int:
    user, acting = event.user, event.impersonatedUser
    size = len(event.objectRef.name) + len(event.requestURI) + len(user.uid)
    size += len(event.responseStatus.message)
    return size + len(event.stage) + len(event.level) + (len(acting.uid) if acting else 0)
