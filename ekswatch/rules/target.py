"""Target: what all requests of a profile for one object have in common on one day.

Without a body a request says nothing else than who wants what of which object, when, and under
which ID. Most requests are of this kind, and most come again: leases, watches, lists, secrets.
Their matches differ in time and ID alone, so they are found once and told again.
"""

from collections.abc import Hashable, Sequence

import msgspec

from ekswatch.audit.event import NO_BODY, AuditEvent
from ekswatch.rules.kept import ids_of
from ekswatch.rules.match import Match
from ekswatch.rules.novelty import day_of
from ekswatch.rules.profile import Profile

MEMO_ENTRIES = 4_096
"""Targets remembered; when there are more all are forgotten. What comes again does so soon."""

MEMO_CHARACTERS = 1_024
MEMO_MATCHES = 32
"""Those with longer names or more matches are judged anew, so that no event can fill the memory."""

RECEIVED = "requestReceivedTimestamp"
"""The one field that a match may keep although requests for one target differ in it."""

OF_MOMENT = frozenset(
    {
        *("auditID", "requestReceivedTimestamp", "stageTimestamp"),
        *("kind", "apiVersion"),
        *("objectRef.uid", "objectRef.resourceVersion", "objectRef.apiVersion"),
    }
)
"""The fields that differ between requests for one target; a test holds that no others do."""


def target_key(event: AuditEvent, profile: Profile, cluster: str) -> Hashable | None:
    """What decides a target, None for an event with a body. Two days: as written, and as read."""
    if event.requestObject is not NO_BODY or event.responseObject is not NO_BODY:
        return None
    acting = event.impersonatedUser
    return (
        profile,
        cluster,
        day_of(event),
        event.at.toordinal(),
        event.objectRef.name,
        event.requestURI,
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

    __slots__ = ("_timed", "matches", "open")

    def __init__(self, matches: Sequence[Match], open_: int) -> None:
        self.matches = tuple(matches)
        self.open = open_
        self._timed = any(RECEIVED in match.facts for match in matches)

    def told(self, event: AuditEvent) -> list[Match]:
        """The matches as those of another event."""
        if not self.matches:
            return []
        at, ids = event.at, ids_of(event)
        told = [
            msgspec.structs.replace(match, first_seen=at, last_seen=at, audit_ids=ids)
            for match in self.matches
        ]
        return [_timed(match, event) for match in told] if self._timed else told


class Targets:
    """The memory of targets; bounded."""

    __slots__ = ("_targets", "get")

    def __init__(self) -> None:
        self._targets: dict[Hashable, Target] = {}
        self.get = self._targets.get

    def __len__(self) -> int:
        return len(self._targets)

    def remember(self, event: AuditEvent, key: Hashable, target: Target) -> None:
        if len(target.matches) > MEMO_MATCHES or _characters(event) > MEMO_CHARACTERS:
            return
        if len(self._targets) >= MEMO_ENTRIES:
            self._targets.clear()
        self._targets[key] = target


def _timed(match: Match, event: AuditEvent) -> Match:
    """The match with the event's own time, where it keeps one."""
    if RECEIVED not in match.facts:
        return match
    received = {RECEIVED: event.requestReceivedTimestamp}
    return msgspec.structs.replace(
        match,
        facts={**match.facts, **received},
        samples=tuple(
            [{**each, **received} if RECEIVED in each else each for each in match.samples]
        ),
    )


def _characters(event: AuditEvent) -> int:
    user, acting = event.user, event.impersonatedUser
    size = len(event.objectRef.name) + len(event.requestURI) + len(user.uid)
    return size + len(event.stage) + len(event.level) + (len(acting.uid) if acting else 0)
