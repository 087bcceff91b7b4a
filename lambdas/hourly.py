"""The hourly function: the last hour's signals in, findings of windowed detections out."""

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from ekswatch.aws.clients import client
from ekswatch.aws.settings import Settings
from ekswatch.aws.signals import STRETCH, Reader
from ekswatch.aws.sinks import attempt
from ekswatch.correlate.correlate import correlate, lookback
from ekswatch.correlate.signal import Signal
from ekswatch.correlate.window import Window
from ekswatch.findings.finding import findings, suppressed
from ekswatch.rules.ruleset import Ruleset, load
from lambdas.delivery import send
from lambdas.place import Context, scope
from lambdas.telemetry import Counts, counted, logger


def handler(event: Mapping[str, Any], context: Context) -> None:
    """Judge the window that the event's time names; the clock is never asked.

    Raises: ReadFailed when the signals could not be read whole; DeliveryFailed, after every
    cluster and every sink was tried.
    """
    settings = Settings.from_env(os.environ)
    ruleset = _ruleset(settings.ruleset)
    window = Window.of(run_time(event))
    with counted() as counts:
        reader = Reader(client("logs"), settings.signals_log_group)
        read = reader.read(Window(window.start - lookback(ruleset) - STRETCH, window.end))
        counts.add("", SignalsUnreadable=read.bad)
        for cluster in settings.clusters:
            counts.add(cluster)
        judge = partial(
            _judge,
            ruleset=ruleset,
            window=window,
            settings=settings,
            context=context,
            counts=counts,
        )
        attempt({c: partial(judge, c, signals) for c, signals in read.signals.items()})


def run_time(event: Mapping[str, Any]) -> datetime:
    """The time of a scheduled event.

    Raises: ValueError for an event without one, or with one that is no time.
    """
    text = event.get("time")
    if not isinstance(text, str):
        raise ValueError("the event has no `time`, which says what hour to judge")
    return datetime.fromisoformat(text).astimezone(UTC)


def _judge(
    cluster: str,
    signals: Sequence[Signal],
    *,
    ruleset: Ruleset,
    window: Window,
    settings: Settings,
    context: Context,
    counts: Counts,
) -> None:
    matches = correlate(signals, ruleset, window)
    found = findings(matches, scope(context, cluster), ruleset.hash)
    counts.add(
        cluster,
        Signals=len(signals),
        Matches=len(matches),
        Suppressed=suppressed(matches).total(),
        Findings=len(found),
    )
    logger.info(
        "window",
        cluster=cluster,
        start=window.start.isoformat(),
        end=window.end.isoformat(),
        signals=len(signals),
        matches=len(matches),
        findings=[finding.id for finding in found],
    )
    if found:
        send(found, settings=settings, cluster=cluster, counts=counts)


@lru_cache(maxsize=1)
def _ruleset(path: Path) -> Ruleset:
    return load(path.read_bytes())
