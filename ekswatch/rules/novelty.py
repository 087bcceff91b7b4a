"""Novelty: what a rule asks to be new, read from an event as a key that a baseline remembers.

A key is a digest: it has one length whatever an event holds, and says nothing to whom the
values are no business of. Values are redacted and bounded before.
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Protocol

import msgspec

from ekswatch.audit.event import AuditEvent, Value
from ekswatch.rules.ruleset import Novel, Rule, Ruleset

DIGEST_DIGITS = 32

_written = json.JSONEncoder(separators=(",", ":"), sort_keys=True).encode


class Sighting(msgspec.Struct, frozen=True, gc=False):
    """What a rule saw: `key` is what must be new, `values` are its fields' values.

    `history` are the keys from whose first day the learning period is counted: that of the
    rule, and where the rule learns per entity also that of the entity. What does not count only
    teaches the baseline.
    """

    document: str
    key: str
    history: tuple[str, ...]
    values: tuple[Value, ...]
    forget_days: int
    learn_days: int
    counts: bool = True


class Settled(Protocol):
    """What needs no match, because a baseline has decided it for that day."""

    cluster: str

    def __call__(self, key: str, day: str, /) -> bool: ...


def day_of(event: AuditEvent) -> str:
    """The day of a request as the API server writes it, in UTC: 2026-11-20."""
    return event.requestReceivedTimestamp[:10]


def sighting(document: str, novel: Novel, values: Mapping[str, Value]) -> Sighting:
    """What a rule saw, from the values of the fields it names; an absent one is a value, too."""
    seen = tuple(values.get(field) for field in novel.key)
    history: tuple[str, ...] = (history_key(document, novel),)
    if novel.per:
        entity = [values.get(field) for field in novel.per]
        history = (*history, digest([document, "per", novel.per, entity]))
    return Sighting(
        document,
        digest([document, "key", novel.key, seen]),
        history,
        seen,
        novel.forget_days,
        novel.learn_days,
    )


@lru_cache(maxsize=1_024)
def history_key(document: str, novel: Novel) -> str:
    """The key that says since when a rule is known to a baseline; another key starts anew."""
    return digest([document, "rule", novel.key, novel.per])


def histories(ruleset: Ruleset) -> tuple[Sighting, ...]:
    """What every event is a sighting of: the rules themselves, whose learning it starts."""
    return tuple(_itself(rule, rule.novel) for rule in ruleset.rules if rule.novel)


def _itself(rule: Rule, novel: Novel) -> Sighting:
    key = history_key(rule.name, novel)
    return Sighting(rule.name, key, (), (), novel.forget_days, novel.learn_days)


def digest(parts: Sequence[object]) -> str:
    return sha256(_written(parts).encode()).hexdigest()[:DIGEST_DIGITS]
