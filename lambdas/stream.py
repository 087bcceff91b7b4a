"""The stream function: a batch of audit events in, findings and signals out.

Nothing of the AWS SDK is loaded before there is something to send, or a baseline to ask.
"""

import gc
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache, partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ekswatch.audit.intake import Batch, read_parts
from ekswatch.aws.quiet import is_quiet
from ekswatch.aws.settings import CLUSTER_NAME, Settings
from ekswatch.aws.sinks import attempt
from ekswatch.findings.finding import findings, suppressed
from ekswatch.rules.match import Match
from ekswatch.rules.matcher.engine import Engine
from ekswatch.rules.matcher.outcomes import Outcomes
from ekswatch.rules.ruleset import Ruleset, read_artefact
from lambdas.baselines import Baselines
from lambdas.place import Context, environment, scope
from lambdas.telemetry import Counts, counted, heeded, logger, report

if TYPE_CHECKING:
    from lambdas.live import LiveEngine

MINUTES_HEARD = 120
"""Minutes remembered per cluster; one that is forgotten is told again."""

IN_THE_LINE = (
    *("EventsReceived", "EventsUnreadable", "EventsPartial", "EventsSkipped"),
    *("Matches", "Suppressed", "Findings"),
)
"""The counts in the log line of a delivery."""


def handler(event: Mapping[str, Any], context: Context) -> dict[str, int]:
    """Judge one batch, and return the counts of it; what cannot be read or judged is counted,
    not fatal. A quiet event makes findings as ever, and no message.

    Raises: DeliveryFailed, after every sink was tried, so that Lambda hands the batch in again.
    """
    settings = Settings.from_env(os.environ)
    if is_quiet(event):
        settings = settings.without_messages()
    baselines = _baselines(settings.ruleset, settings.table_name)
    outcomes, heard = _outcomes(settings.ruleset), _heard(settings.ruleset)
    with counted() as counts:
        engine = _current(settings, counts)
        matches: list[Match] = []
        minutes: list[Match] = []
        cluster = source = ""
        for batch in read_parts(event):
            cluster, source = batch.cluster, batch.source
            counts.cluster = cluster
            if cluster and not CLUSTER_NAME.fullmatch(cluster):
                _refuse(batch, counts)
                return counts.totals()
            matches += baselines.judged(_match(engine, batch, baselines, counts), batch, counts)
            minutes += heard.new(cluster, outcomes.of_events(batch.events))
            _count(batch, counts)
        found = findings(matches, scope(context, cluster), engine.ruleset.hash)
        found = heeded(found, engine.ruleset.log_only)
        matches += outcomes.of_findings(matches)
        counting = [match for match in matches if match.signal and not match.suppressed_by]
        counting += minutes
        _conclude(source, matches, counts, findings=[finding.id for finding in found])
        steps = {}
        if found:
            from lambdas.delivery import send

            steps["findings"] = partial(
                send, found, settings=settings, cluster=cluster, counts=counts
            )
        if counting:
            steps["signals"] = partial(
                _write, counting, settings, engine.ruleset, cluster, event, context, counts
            )
        attempt(steps)
        heard.add(cluster, minutes)
        return counts.totals()


def _refuse(batch: Batch, counts: Counts) -> None:
    """Leave alone what no cluster wrote: were it our own log, each line would make another."""
    counts.add("", PayloadsRefused=1)
    report("payload refused: not a cluster's log group", [{"source": batch.source}])


def _match(engine: Engine, batch: Batch, baselines: Baselines, counts: Counts) -> list[Match]:
    before = engine.errors.copy()
    matches = engine.match(batch.events, baselines.of(batch.cluster))
    failures = engine.errors - before
    counts.add(batch.cluster, RuleFailures=failures.total())
    report(
        "rule failed",
        [{"document": d, "error": error, "events": n} for (d, error), n in failures.items()],
    )
    return matches


def _count(batch: Batch, counts: Counts) -> None:
    """Count what came in, with one line per record that was not read."""
    counts.add(
        batch.cluster,
        EventsReceived=batch.received,
        EventsUnreadable=len(batch.unreadable),
        EventsPartial=batch.partial,
        EventsSkipped=batch.skipped,
    )
    report("record unreadable", [{"record": u.position, "why": u.reason} for u in batch.unreadable])


def _conclude(
    source: str, matches: Sequence[Match], counts: Counts, *, findings: Sequence[str]
) -> None:
    """Count what came of it, with one line for the delivery."""
    expected = suppressed(matches)
    counts.add(
        counts.cluster,
        Matches=len(matches),
        Suppressed=expected.total(),
        Findings=len(findings),
    )
    logger.info(
        "batch",
        source=source,
        cluster=counts.cluster,
        finding_ids=findings,
        suppressed=[
            {"detection": slug, "filter": name, "matches": count}
            for (slug, name), count in sorted(expected.items())
        ],
        extra={name: counts.of(counts.cluster)[name] for name in IN_THE_LINE},
    )


def _write(
    matches: Sequence[Match],
    settings: Settings,
    ruleset: Ruleset,
    cluster: str,
    event: Mapping[str, Any],
    context: Context,
    counts: Counts,
) -> None:
    from lambdas.delivery import write_matches

    written = write_matches(
        matches,
        settings=settings,
        ruleset=ruleset,
        cluster=cluster,
        batch=_digest(event),
        environment=environment(context),
    )
    counts.add(cluster, Signals=written)


def _digest(event: Mapping[str, Any]) -> str:
    """Names a payload by its content, so that the same one again writes the same signals."""
    return sha256(event["awslogs"]["data"].encode()).hexdigest()[:16]


@lru_cache(maxsize=1)
def _engine(ruleset: Path) -> Engine:
    engine = Engine(read_artefact(ruleset))
    gc.freeze()  # rules and libraries stay: the collector need not look through them each time
    return engine


def _current(settings: Settings, counts: Counts) -> Engine:
    """The engine, with the live lists of the moment where there are any."""
    if not settings.live_lists:
        return _engine(settings.ruleset)
    return _live(settings.ruleset, settings.live_lists).current(counts)


@lru_cache(maxsize=1)
def _live(ruleset: Path, sources: tuple[tuple[str, str], ...]) -> "LiveEngine":
    from ekswatch.aws.live_lists import LiveLists  # loads the AWS SDK
    from lambdas.live import LiveEngine

    return LiveEngine(ruleset, LiveLists(sources))


@lru_cache(maxsize=1)
def _baselines(ruleset: Path, table_name: str) -> Baselines:
    return Baselines(_engine(ruleset).ruleset, table_name)


@lru_cache(maxsize=1)
def _outcomes(ruleset: Path) -> Outcomes:
    return Outcomes(_engine(ruleset).ruleset)


class Heard:
    """The newest minutes of each cluster that this execution environment has told of.

    A minute has many deliveries, and one signal of it says as much as all.
    """

    def __init__(self) -> None:
        self._minutes: dict[str, dict[tuple[str, datetime], None]] = {}

    def new(self, cluster: str, minutes: Sequence[Match]) -> list[Match]:
        known = self._minutes.get(cluster, {})
        return [one for one in minutes if (one.document, one.first_seen) not in known]

    def add(self, cluster: str, minutes: Sequence[Match]) -> None:
        known = self._minutes.setdefault(cluster, {})
        known |= dict.fromkeys((one.document, one.first_seen) for one in minutes)
        for oldest in list(known)[:-MINUTES_HEARD]:
            del known[oldest]


@lru_cache(maxsize=1)
def _heard(ruleset: Path) -> Heard:  # noqa: ARG001 - as long as these rules are loaded
    return Heard()
