"""The hourly function: signals in, findings of windowed detections out.

A run judges its own hour, and what the runs before it left: `ekswatch.aws.mark`.
"""

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from ekswatch.aws.clients import client
from ekswatch.aws.mark import Mark
from ekswatch.aws.settings import Settings
from ekswatch.aws.signals import STRETCH, Read, Reader
from ekswatch.aws.sinks import attempt
from ekswatch.correlate.correlate import correlate, long_documents, lookback, told
from ekswatch.correlate.signal import Signal, encode
from ekswatch.correlate.window import Window
from ekswatch.findings.finding import findings, suppressed
from ekswatch.rules.outcomes import Outcomes
from ekswatch.rules.ruleset import Ruleset, load
from lambdas.delivery import send, write_signals
from lambdas.live import rows
from lambdas.place import Context, scope
from lambdas.telemetry import Counts, counted, heeded, logger

ENVIRONMENT = "hourly"
"""Where the hourly function writes signals: one run at a time, one stream per cluster."""


def handler(event: Mapping[str, Any], context: Context) -> None:
    """Judge the window that the event's time names, from where the last finished run ended.

    The clock says only how long ago late signals were written.
    Raises: ReadFailed when the signals could not be read whole; DeliveryFailed, after every
    cluster and every sink was tried.
    """
    settings = Settings.from_env(os.environ)
    ruleset = _ruleset(settings.ruleset)
    started_at = datetime.now(UTC)
    with counted() as counts:
        mark = Mark(client("dynamodb"), settings.table_name)
        progress = mark.read()
        window = progress.opened(Window.of(run_time(event)))
        read = _read(window, ruleset, settings)
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
        steps = {c: partial(judge, c, signals) for c, signals in read.signals.items()}
        if settings.live_lists:
            steps["live lists"] = partial(_judge_lists, ruleset, settings, context, counts)
        attempt(steps)
        mark.finish(window, progress, started_at=started_at)
        counts.add("", WindowsJudged=1)


def _read(window: Window, ruleset: Ruleset, settings: Settings) -> Read:
    """Everything that the window's correlations look back on.

    Raises: ReadFailed, ClientError.
    """
    reader = Reader(client("logs"), settings.signals_log_group)
    short = lookback(ruleset, without=long_documents(ruleset))
    return reader.read(
        Window(window.start - short - STRETCH, window.end),
        long_since=window.start - lookback(ruleset) - STRETCH,
    )


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
    known = set(map(encode, signals))
    new = [signal for signal in told(matches, ruleset) if encode(signal) not in known]
    found = findings(matches, scope(context, cluster), ruleset.hash)
    found = heeded(found, ruleset.log_only)
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
    steps = {}
    if found:
        steps["findings"] = partial(send, found, settings=settings, cluster=cluster, counts=counts)
    if new:
        steps["signals"] = partial(
            write_signals, new, settings=settings, cluster=cluster, environment=ENVIRONMENT
        )
    attempt(steps)


def _judge_lists(ruleset: Ruleset, settings: Settings, context: Context, counts: Counts) -> None:
    """Say for each cluster which of the lists that judge it are old."""
    now = datetime.now(UTC)
    matches = Outcomes(ruleset).of_lists(rows(settings, now), now)
    for cluster in settings.clusters or ("",):
        found = heeded(findings(matches, scope(context, cluster), ruleset.hash), ruleset.log_only)
        counts.add(cluster, Matches=len(matches), Findings=len(found))
        if found:
            send(found, settings=settings, cluster=cluster, counts=counts)


@lru_cache(maxsize=1)
def _ruleset(path: Path) -> Ruleset:
    return load(path.read_bytes())
