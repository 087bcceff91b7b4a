"""Recorded attacks: as audit logs of a moment of one's choice, and as events."""

import gzip
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from ekswatch.audit.event import AuditEvent

FOLDER = Path(__file__).resolve().parent.parent / "events" / "scenarios"


def audit_lines(scenario: str, *, until: datetime) -> list[str]:
    """The recorded audit log of a scenario, one JSON text per event, moved to end at `until`."""
    with gzip.open(FOLDER / f"{scenario}.jsonl.gz", "rt") as log:
        events = [json.loads(line) for line in log]
    shift = until - max(datetime.fromisoformat(event["stageTimestamp"]) for event in events)
    return [json.dumps(_moved(event, shift), separators=(",", ":")) for event in events]


@cache
def some_events(step: int) -> tuple[AuditEvent, ...]:
    """Every so many-th event of each scenario."""
    logs = [gzip.decompress(file.read_bytes()) for file in sorted(FOLDER.glob("*.jsonl.gz"))]
    lines = [line for log in logs for line in log.splitlines()[::step]]
    return tuple(msgspec.json.decode(line, type=AuditEvent) for line in lines)


def _moved(event: Mapping[str, Any], shift: timedelta) -> Mapping[str, Any]:
    times = {
        field: (datetime.fromisoformat(event[field]) + shift).isoformat().replace("+00:00", "Z")
        for field in ("requestReceivedTimestamp", "stageTimestamp")
    }
    return {**event, **times}
