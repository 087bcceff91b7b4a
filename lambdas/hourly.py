"""The hourly function: signals in, findings of windowed detections out.

A run judges its own hour, and what the runs before it left: `ekswatch.aws.mark`.
"""

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from ekswatch.audit.views import CLUSTER, LIST
from ekswatch.aws.clients import client
from ekswatch.aws.failed import Store
from ekswatch.aws.mark import Mark
from ekswatch.aws.quiet import is_quiet
from ekswatch.aws.settings import Settings
from ekswatch.aws.signals import STRETCH, Read, Reader
from ekswatch.aws.sinks import attempt
from ekswatch.correlate.correlate import correlate, long_documents, lookback, told
from ekswatch.correlate.signal import Signal, encode
from ekswatch.correlate.window import Window
from ekswatch.findings.finding import findings, suppressed
from ekswatch.rules.match import Match
from ekswatch.rules.matcher.outcomes import Outcomes
from ekswatch.rules.ruleset import Ruleset, load
from lambdas.clusters import standings
from lambdas.delivery import send, write_signals
from lambdas.live import rows
from lambdas.place import Context, scope
from lambdas.telemetry import Counts, counted, heeded, logger, measure

ENVIRONMENT = "hourly"
"""Where the hourly function writes signals: one run at a time, one stream per cluster."""


def handler(event: Mapping[str, Any], context: Context) -> dict[str, int]:
    """Judge the window that the event's time names, from where the last finished run ended, and
    return the counts of it.

    The clock says only how long ago late signals were written. A quiet event makes findings
    without messages and leaves the mark where it is, so that the next run judges what no run has,
    and tells of it.
    Raises: ReadFailed when the signals could not be read whole; DeliveryFailed, after every
    cluster and every sink was tried.
    """
    quiet, settings = is_quiet(event), Settings.from_env(os.environ)
    if quiet:
        settings = settings.without_messages()
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
        steps["states"] = partial(_judge_states, ruleset, settings, context, counts)
        attempt(steps)
        if not quiet:
            mark.finish(window, progress, started_at=started_at)
            counts.add("", WindowsJudged=1)
        _measure_failed(settings)
        return counts.totals()


def _measure_failed(settings: Settings) -> None:
    """Say how many failed events wait. Raises: ClientError, when everything else is done."""
    if settings.failed_events_bucket:
        store = Store(client("s3"), settings.failed_events_bucket)
        measure("FailedEventsKept", store.count())


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


def _judge_states(ruleset: Ruleset, settings: Settings, context: Context, counts: Counts) -> None:
    """Say how each cluster stands, and for each watched one which lists that judge it are old."""
    now = datetime.now(UTC)
    outcomes = Outcomes(ruleset)
    clusters = {one.name: one for one in standings(settings, counts)}
    stale = outcomes.of_rows(LIST, rows(settings, now), now)
    watched = settings.clusters or [one.name for one in clusters.values() if one.watched] or ("",)
    steps = {}
    for name in dict.fromkeys((*watched, *clusters)):
        known = [clusters[name].row] if name in clusters else []
        matches = outcomes.of_rows(CLUSTER, known, now) + (stale if name in watched else [])
        counted_as = name if name in watched else ""  # a cluster with metrics costs money
        steps[name] = partial(
            _tell,
            name,
            matches,
            counted_as=counted_as,
            ruleset=ruleset,
            settings=settings,
            context=context,
            counts=counts,
        )
    attempt(steps)


def _tell(
    cluster: str,
    matches: Sequence[Match],
    *,
    counted_as: str,
    ruleset: Ruleset,
    settings: Settings,
    context: Context,
    counts: Counts,
) -> None:
    found = heeded(findings(matches, scope(context, cluster), ruleset.hash), ruleset.log_only)
    counts.add(
        counted_as,
        Matches=len(matches),
        Suppressed=suppressed(matches).total(),
        Findings=len(found),
    )
    if found:
        send(found, settings=settings, cluster=counted_as, counts=counts)


@lru_cache(maxsize=1)
def _ruleset(path: Path) -> Ruleset:
    return load(path.read_bytes())
