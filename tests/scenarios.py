"""Recorded attacks as audit logs of a moment of one's choice."""

import gzip
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent.parent / "events" / "scenarios"


def audit_lines(scenario: str, *, until: datetime) -> list[str]:
    """The recorded audit log of a scenario, one JSON text per event, moved to end at `until`."""
    with gzip.open(FOLDER / f"{scenario}.jsonl.gz", "rt") as log:
        events = [json.loads(line) for line in log]
    shift = until - max(datetime.fromisoformat(event["stageTimestamp"]) for event in events)
    return [json.dumps(_moved(event, shift), separators=(",", ":")) for event in events]


def _moved(event: Mapping[str, Any], shift: timedelta) -> Mapping[str, Any]:
    times = {
        field: (datetime.fromisoformat(event[field]) + shift).isoformat().replace("+00:00", "Z")
        for field in ("requestReceivedTimestamp", "stageTimestamp")
    }
    return {**event, **times}
