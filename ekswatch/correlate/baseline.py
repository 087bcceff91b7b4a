"""Baseline: whether what a rule saw is new to a cluster, was seen before, or is being learnt.

Time is counted in days, in UTC, of the events themselves. What is first seen on a day is new on
that whole day: a batch that comes twice, or is cut or ordered otherwise, gives the same
findings, and functions that run side by side need not agree who was first.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum
from functools import lru_cache
from typing import Generic, Protocol, TypeVar

import msgspec

from ekswatch.audit.event import EPOCH, AuditEvent, Value
from ekswatch.rules.match import Match
from ekswatch.rules.novelty import Sighting, histories
from ekswatch.rules.ruleset import Ruleset

UNKNOWN = "the baseline did not answer: this may have been seen before"
"""What makes a match partial whose novelty nobody could tell."""

ROOM = 10_000
"""Keys that an execution environment remembers; the one used longest ago makes room."""

Day = int
"""A day's number, as of `date.toordinal`."""


class Verdict(Enum):
    """What a baseline says of a key on a day; only the last two make a finding."""

    KNOWN = 1
    LEARNING = 2
    NEW = 3
    UNKNOWN = 4


class Entry(msgspec.Struct, frozen=True):
    """What is remembered of a key: when it was first and last seen, and what it stands for.

    `since` is the first day after it was last forgotten; on that day it is new.
    """

    since: Day
    last: Day
    document: str
    values: tuple[Value, ...]
    forget_days: int


class Change(msgspec.Struct, frozen=True):
    """An entry that takes the place of another, or of none."""

    entry: Entry
    replacing: Entry | None


class Store(Protocol):
    """Where the entries of one cluster are kept. It never raises: what fails has no answer."""

    def read(self, keys: Collection[str]) -> Mapping[str, Entry | None]:
        """The entry of each key, None where there is none; a key without an answer is left out."""

    def write(self, changes: Mapping[str, Change]) -> Mapping[str, Entry | None]:
        """Keep what still stands as it was read, and return what stands there now.

        A key whose change could not be tried, or that nobody answers for, is left out.
        """


class Memory:
    """A store in memory, for files, examples and tests; `entries` is all there is."""

    def __init__(self, entries: Mapping[str, Entry] | None = None) -> None:
        self.entries: dict[str, Entry] = dict(entries or {})

    def read(self, keys: Collection[str]) -> Mapping[str, Entry | None]:
        return {key: self.entries.get(key) for key in keys}

    def write(self, changes: Mapping[str, Change]) -> Mapping[str, Entry | None]:
        for key, change in changes.items():
            if self.entries.get(key) == change.replacing:
                self.entries[key] = change.entry
        return self.read(changes)


@dataclass(frozen=True, slots=True)
class Judged:
    """What a baseline leaves of matches.

    Shape: `matches` are those that are not novel, are new, or that it could not judge, in their
    order; the counts are of matches.
    """

    matches: list[Match]
    new: int = 0
    learning: int = 0
    known: int = 0
    unknown: int = 0


class Baseline:
    """What is normal in one cluster, for the novel rules of a ruleset.

    It remembers what it last read, in bounded memory, so that what is known costs no question.
    """

    def __init__(self, ruleset: Ruleset, store: Store, cluster: str, *, room: int = ROOM) -> None:
        self.cluster = cluster
        self._store = store
        self._histories = histories(ruleset)
        self._entries: Recent[Entry] = Recent(room)
        self._settled: Recent[str] = Recent(room)
        self._noted = UNDATED
        """The last day that the history of every rule holds; what is said of it again is known."""

    def learning(self, on: Day) -> tuple[str, ...]:
        """The documents of the rules that are still quiet on a day."""
        held = self._store.read([rule.key for rule in self._histories])
        return tuple(
            rule.document
            for rule in self._histories
            if (entry := held.get(rule.key)) is None or on - entry.since < rule.learn_days
        )

    def __call__(self, key: str, day: str) -> bool:
        """Whether a key makes no match on a day, because it is known or being learnt."""
        return self._settled.get(key) == day

    def judge(self, matches: Iterable[Match], events: Iterable[AuditEvent]) -> Judged:
        """The matches of some events without those whose key was seen before, or is learnt.

        Order makes no difference. Suppressed matches are judged, too: what is expected and new
        is counted, what is expected every day is not.
        """
        matches = list(matches)
        if not self._histories:
            return Judged(matches)
        on = days(events)
        news = max(on, default=UNDATED) > self._noted
        verdicts = self._verdicts(Seen(matches, self._histories if news else (), on))
        if news:
            self._noted = self._last_noted()
        kept = []
        counts = dict.fromkeys(Verdict, 0)
        for match in matches:
            if match.novel is None:
                kept.append(match)
                continue
            if not match.novel.counts:
                continue
            verdict = verdicts[match.novel.key, day(match.first_seen)]
            counts[verdict] += 1
            if verdict is Verdict.NEW:
                kept.append(match)
            elif verdict is Verdict.UNKNOWN:
                kept.append(_doubtful(match))
        return Judged(
            kept,
            new=counts[Verdict.NEW],
            learning=counts[Verdict.LEARNING],
            known=counts[Verdict.KNOWN],
            unknown=counts[Verdict.UNKNOWN],
        )

    def _verdicts(self, seen: "Seen") -> dict[tuple[str, Day], Verdict]:
        held = self._held(seen)
        changes = seen.changes(held)
        now = self._store.write(changes) if changes else {}
        for key, change in changes.items():
            entry = now.get(key)
            if entry is None:
                self._entries.drop(key)
            else:
                self._entries.put(key, entry)
                if entry != change.entry:  # somebody else was first, and is right
                    held[key] = entry
        verdicts = seen.verdicts(held)
        self._settle(verdicts)
        return verdicts

    def _held(self, seen: "Seen") -> dict[str, Entry | None]:
        """The entries of the keys, from memory where that is as good as asking."""
        held: dict[str, Entry | None] = {}
        for key, days_ in seen.days.items():
            entry = self._entries.get(key)
            if entry is not None and entry.last >= max(days_, default=0):
                held[key] = entry
        missing = [key for key in seen.days if key not in held]
        if missing:
            read = self._store.read(missing)
            held.update(read)
            for key, entry in read.items():
                if entry is not None:
                    self._entries.put(key, entry)
        return held

    def _last_noted(self) -> Day:
        """The day up to which no further event changes the history of a rule."""
        held = [self._entries.get(rule.key) for rule in self._histories]
        return min((entry.last if entry else UNDATED for entry in held), default=UNDATED)

    def _settle(self, verdicts: Mapping[tuple[str, Day], Verdict]) -> None:
        for (key, at), verdict in verdicts.items():
            if verdict in (Verdict.KNOWN, Verdict.LEARNING) and at != UNDATED:
                entry = self._entries.get(key)
                if entry is not None and entry.last >= at:
                    self._settled.put(key, date.fromordinal(at).isoformat())


class Learner:
    """Collects the entries of one cluster from its history, in any order; judges nothing.

    `entries` is what is known by now: what was given, and everything seen since.
    """

    def __init__(
        self, ruleset: Ruleset, cluster: str, entries: Mapping[str, Entry] | None = None
    ) -> None:
        self.cluster = cluster
        self.entries: dict[str, Entry] = dict(entries or {})
        self._histories = histories(ruleset)

    def __call__(self, key: str, day: str) -> bool:
        """Whether a key was seen on a day, or both before and after it."""
        entry = self.entries.get(key)
        return entry is not None and entry.since <= _ordinal(day) <= entry.last

    def learn(self, matches: Iterable[Match], events: Iterable[AuditEvent]) -> None:
        """Note what novel rules saw in some events."""
        for key, seen in Seen(matches, self._histories, days(events)).each():
            known = self.entries.get(key)
            self.entries[key] = merged(known, seen) if known else seen


class Seen:
    """The sightings of a batch: keys, and the days on which each was seen."""

    def __init__(self, matches: Iterable[Match], rules: Iterable[Sighting], on: set[Day]) -> None:
        self.sightings: dict[str, Sighting] = {}
        self.days: defaultdict[str, set[Day]] = defaultdict(set)
        for rule in rules:
            self._add(rule, on)
        self._asked: dict[tuple[str, Day], None] = {}
        for match in matches:
            if match.novel is not None:
                at = day(match.first_seen)
                self._asked[match.novel.key, at] = None
                for sighting in (match.novel, *_histories(match.novel)):
                    self._add(sighting, {at} if at != UNDATED else set())

    def _add(self, sighting: Sighting, on: set[Day]) -> None:
        self.sightings.setdefault(sighting.key, sighting)
        self.days[sighting.key] |= on

    def each(self) -> Iterator[tuple[str, Entry]]:
        """Each key that was seen, from its first day here to its last."""
        for key, sighting in self.sightings.items():
            if on := self.days[key]:
                seen = seen_on(min(on), sighting, None)
                yield key, msgspec.structs.replace(seen, last=max(on))

    def changes(self, held: Mapping[str, Entry | None]) -> dict[str, Change]:
        """What the sightings change in the entries that are held."""
        changes = {}
        for key, entry in held.items():
            *_, (_, after) = (UNDATED, entry), *self._lives(key, entry)
            if after is not None and after != entry:
                changes[key] = Change(after, entry)
        return changes

    def verdicts(self, held: Mapping[str, Entry | None]) -> dict[tuple[str, Day], Verdict]:
        """The verdict on each key and day, given the entries before these sightings."""
        lives = {key: dict(self._lives(key, entry)) for key, entry in held.items()}
        return {(key, at): self._verdict(key, at, held, lives) for key, at in self._asked}

    def _verdict(
        self,
        key: str,
        at: Day,
        held: Mapping[str, Entry | None],
        lives: Mapping[str, dict[Day, Entry]],
    ) -> Verdict:
        sighting = self.sightings[key]
        if key not in held:
            return Verdict.UNKNOWN
        if at == UNDATED:
            return self._undated(held[key], sighting, held, lives)
        if lives[key][at].since < at:
            return Verdict.KNOWN
        if any(one not in held for one in sighting.history):
            return Verdict.UNKNOWN
        youngest = max(lives[one][at].since for one in sighting.history)
        return Verdict.LEARNING if at - youngest < sighting.learn_days else Verdict.NEW

    def _undated(
        self,
        entry: Entry | None,
        sighting: Sighting,
        held: Mapping[str, Entry | None],
        lives: Mapping[str, dict[Day, Entry]],
    ) -> Verdict:
        """The verdict on a record that lost its time: as if it were of the newest day."""
        if any(one not in held for one in sighting.history):
            return Verdict.UNKNOWN
        now = [next(reversed(lives[one].values()), held[one]) for one in sighting.history]
        past = [one for one in now if one is not None]
        if len(past) < len(now):  # nothing with a time was ever seen
            return Verdict.LEARNING
        today = past[0].last
        if entry is not None and entry.since < today <= entry.last + sighting.forget_days:
            return Verdict.KNOWN
        youngest = max(one.since for one in past)
        return Verdict.LEARNING if today - youngest < sighting.learn_days else Verdict.NEW

    def _lives(self, key: str, entry: Entry | None) -> Iterator[tuple[Day, Entry]]:
        """The entry as it stands on each day on which the key was seen."""
        for at in sorted(self.days[key]):
            entry = seen_on(at, self.sightings[key], entry)
            yield at, entry


def seen_on(at: Day, sighting: Sighting, entry: Entry | None) -> Entry:
    """The entry of a key once it was seen on a day.

    A day before the first one changes nothing: it was new on either, and stays so however
    often the requests of both come again.
    """
    if entry is None or at > entry.last + sighting.forget_days:
        return Entry(at, at, sighting.document, sighting.values, sighting.forget_days)
    if at > entry.last:
        return msgspec.structs.replace(entry, last=at)
    return entry


def merged(one: Entry, other: Entry) -> Entry:
    """What two baselines know of a key, together."""
    return msgspec.structs.replace(
        one, since=min(one.since, other.since), last=max(one.last, other.last)
    )


def day(at: datetime) -> Day:
    """The day of a time, in UTC; that of the epoch stands for no time at all."""
    return at.astimezone(UTC).toordinal()


UNDATED = day(EPOCH)


@lru_cache(maxsize=1_024)
def _ordinal(text: str) -> Day:
    try:
        return date.fromisoformat(text).toordinal()
    except ValueError:
        return UNDATED


def days(events: Iterable[AuditEvent]) -> set[Day]:
    """The days on which there are events."""
    found = set()
    for event in {event.requestReceivedTimestamp[:10]: event for event in events}.values():
        found.add(day(event.at))
    return found - {UNDATED}


def _histories(sighting: Sighting) -> Iterator[Sighting]:
    """The keys from whose first day a sighting's learning is counted, as sightings."""
    for key in sighting.history:
        yield msgspec.structs.replace(sighting, key=key, history=(), values=())


def _doubtful(match: Match) -> Match:
    partial = "; ".join(filter(None, (match.partial, UNKNOWN)))
    return msgspec.structs.replace(match, partial=partial)


Kept = TypeVar("Kept")


class Recent(Generic[Kept]):
    """The values put last, up to so many; to look at one counts as putting it."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._values: OrderedDict[str, Kept] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: str) -> Kept | None:
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def put(self, key: str, value: Kept) -> None:
        self._values[key] = value
        self._values.move_to_end(key)
        if len(self._values) > self._room:
            self._values.popitem(last=False)

    def drop(self, key: str) -> None:
        self._values.pop(key, None)
