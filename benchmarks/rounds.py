"""Rounds: variants of the same work in alternation in one process, in CPU time.

A ratio is taken within a round, where both sides had the same machine; then the median over
the rounds, with the quartiles as its spread.
"""

import base64
import gc
import statistics
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import orjson

from benchmarks.corpora import Payload

Work = Callable[[], object]

FLOOR = "floor"
GZIP_WINDOW = 31
"""zlib's word for: 32 KiB window, gzip header."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and quartiles over rounds."""

    median: float
    low: float
    high: float

    def times(self, factor: float) -> "Spread":
        return Spread(self.median * factor, self.low * factor, self.high * factor)


def spread(values: Sequence[float]) -> Spread:
    """The median and the quartiles; raises ValueError when there are no values."""
    if not values:
        raise ValueError("no rounds were measured")
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(median, low, high)


def ratios(above: Sequence[float], below: Sequence[float]) -> Spread:
    """The spread of the ratio within each round."""
    return spread([one / other for one, other in zip(above, below, strict=True)])


def floor(payloads: Sequence[Payload]) -> None:
    """The least that reading everything takes: base64, gunzip, JSON of envelope and events."""
    for payload in payloads:
        packed = base64.b64decode(payload["awslogs"]["data"])
        envelope = orjson.loads(zlib.decompress(packed, GZIP_WINDOW))
        for event in envelope["logEvents"]:
            orjson.loads(event["message"])


def cpu_seconds(work: Work) -> float:
    """CPU time of this process for the work; young garbage of before is none of its business."""
    gc.collect(1)
    start = time.process_time()
    work()
    return time.process_time() - start


def one_round(works: Mapping[str, Work], number: int) -> dict[str, float]:
    """CPU seconds by name; each round begins with another one, so that none is always first."""
    names = list(works)
    turn = number % len(names)
    return {name: cpu_seconds(works[name]) for name in (*names[turn:], *names[:turn])}


def alternate(
    works: Callable[[int], Mapping[str, Work]], rounds: int
) -> tuple[dict[str, float], dict[str, list[float]]]:
    """The times of a first round that warms up, and of `rounds` more, by name.

    `works` is asked before each round, so that a round may have events of its own.
    """
    gc.collect()
    gc.freeze()  # as the function does, when its rules are loaded
    first = one_round(works(0), 0)
    times: dict[str, list[float]] = {name: [] for name in first}
    for number in range(1, rounds + 1):
        for name, seconds in one_round(works(number), number).items():
            times[name].append(seconds)
    return first, times
