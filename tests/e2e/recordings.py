"""Recorded audit logs, moved to where the last hourly run of the clock's hour judges them.

What was recorded is older than that, and how late a signal is would decide what happens to it.
"""

import gzip
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ekswatch.correlate.window import Window

EVENTS = Path(__file__).resolve().parents[2] / "events"
BENIGN_LINES = 500
TIMES = re.compile(r'("(?:requestReceivedTimestamp|stageTimestamp)":")([^"]+)(")')


def attacks_and_benign() -> list[str]:
    """Every recorded scenario, and the beginning of the recorded quiet day."""
    scenarios = sorted((EVENTS / "scenarios").glob("*.jsonl.gz"))
    lines = [line for file in scenarios for line in _lines(file)]
    return lines + _lines(EVENTS / "benign.jsonl.gz")[:BENIGN_LINES]


def scenario(name: str) -> list[str]:
    return _lines(EVENTS / "scenarios" / f"{name}.jsonl.gz")


def moved(lines: Sequence[str], *, newest: datetime) -> list[str]:
    """The lines in order of arrival, all times changed by as much as brings the last to `newest`.

    Raises: ValueError for a line without the time of its arrival.
    """
    by = newest - max(map(arrived, lines))

    def later(found: re.Match[str]) -> str:
        at = datetime.fromisoformat(found[2]) + by
        return f"{found[1]}{at.strftime('%Y-%m-%dT%H:%M:%S.%fZ')}{found[3]}"

    return sorted((TIMES.sub(later, line) for line in lines), key=arrived)


def arrived(line: str) -> datetime:
    """When the request of an audit line arrived."""
    for name, text, _ in TIMES.findall(line):
        if "Received" in name:
            return datetime.fromisoformat(text)
    raise ValueError(f"no time in {line[:200]}")


def last_run(now: datetime) -> datetime:
    """The last full hour, at which the schedule fired."""
    return now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def newest_judged(run: datetime) -> datetime:
    """The newest time that the run of this hour still judges, to the second."""
    return Window.of(run).end - timedelta(seconds=1)


def write(lines: Iterable[str], file: Path) -> Path:
    file.write_text("".join(f"{line}\n" for line in lines))
    return file


def _lines(file: Path) -> list[str]:
    return gzip.decompress(file.read_bytes()).decode().splitlines()
