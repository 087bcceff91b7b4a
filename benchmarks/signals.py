"""What the stream function writes of its own: the signals, which are paid for like any log."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from benchmarks.corpora import payloads
from benchmarks.ours import Ours
from ekswatch.aws.signals import STRETCH
from ekswatch.correlate.correlate import long_documents, lookback
from ekswatch.correlate.signal import encode, signals
from ekswatch.correlate.window import CLOSES, OPENS
from ekswatch.rules.ruleset import Ruleset

DIGEST = "0123456789abcdef"
"""As long as what names a batch."""


@dataclass(frozen=True, slots=True)
class Signals:
    """Bytes written per audit event, and how many hourly runs read each of them.

    `passes` are those over all signals; the few that count for longer are read apart.
    """

    bytes_per_event: float
    passes: float


def written(ruleset: Ruleset, lines: Sequence[str], batch: int) -> Signals:
    """The signals of recorded events in batches of this many, with nothing known before."""
    ours, long = Ours(ruleset), long_documents(ruleset)
    size = sum(
        len(encode(signal).encode())
        for payload in payloads(lines, batch)
        for signal in signals(ours.match(payload), batch=DIGEST, long=long)
    )
    read = OPENS - CLOSES + STRETCH + lookback(ruleset, without=long)
    return Signals(size / len(lines), read / timedelta(hours=1))
