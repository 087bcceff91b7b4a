"""Detections, matches and signals to correlate, with times in seconds after a fixed noon."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ekswatch.correlate.signal import Signal, signals
from ekswatch.correlate.window import Window
from ekswatch.rules.detection import Detection, Severity
from ekswatch.rules.match import Match, Value
from ekswatch.rules.ruleset import SCHEMA, Correlation, Ruleset

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
DAY = Window(NOON - timedelta(hours=12), NOON + timedelta(hours=12))


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def window(start: float, end: float) -> Window:
    return Window(at(start), at(end))


def detection(**changes: Any) -> Detection:
    fields: dict[str, Any] = {
        "slug": "secret-read-burst",
        "id": "b4c2",
        "title": "Many different secrets read in a short time",
        "description": "Harvesting shows as breadth.",
        "severity": Severity.MEDIUM,
        "message": "{actor.name} read {correlation.count} secrets",
        "dedup": ("actor.name",),
        "dedup_seconds": 3600,
        "fields": ("object.name",),
    }
    return Detection(**(fields | changes))


def correlation(**changes: Any) -> Correlation:
    fields: dict[str, Any] = {
        "name": "secret-read-burst",
        "detection": "secret-read-burst",
        "kind": "event_count",
        "rules": ("secret_read",),
        "timespan_seconds": 600,
        "severity": Severity.MEDIUM,
        "group_by": ("actor.name",),
        "count": 3,
    }
    return Correlation(**(fields | changes))


def ruleset(*correlations: Correlation, about: Detection | None = None) -> Ruleset:
    return Ruleset(SCHEMA, (about or detection(),), (), correlations, (), hash="r1")


def match(
    seconds: float = 0,
    audit_id: str = "a",
    document: str = "secret_read",
    facts: Mapping[str, Value] | None = None,
    **changes: Any,
) -> Match:
    fields: dict[str, Any] = {
        "detection": detection(),
        "document": document,
        "severity": Severity.MEDIUM,
        "reason": "",
        "facts": {"actor.name": "jane", "object.name": "db"} if facts is None else facts,
        "evidence": (("verb", "get"),),
        "samples": (),
        "count": 1,
        "first_seen": at(seconds),
        "last_seen": at(seconds),
        "audit_ids": (audit_id,),
        "signal": True,
    }
    return Match(**(fields | changes))


def read(*times: float, document: str = "secret_read", actor: str | None = "jane") -> list[Match]:
    """One match per time, each with its own audit ID and object name."""
    return [
        match(
            seconds,
            f"{document}-{actor}-{seconds}",
            document,
            {"actor.name": actor, "object.name": f"s{seconds}"},
        )
        for seconds in times
    ]


def as_signals(matches: Sequence[Match], size: int = 3) -> list[Signal]:
    """The signals of matches that arrived in batches of a few."""
    batches = [matches[i : i + size] for i in range(0, len(matches), size)]
    return [s for n, batch in enumerate(batches) for s in signals(batch, batch=f"b{n}")]
