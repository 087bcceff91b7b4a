"""The stream function: a batch of audit events in, findings and signals out.

Nothing of the AWS SDK is loaded before there is something to send.
"""

import os
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from ekswatch.audit.intake import Batch, read_parts
from ekswatch.aws.settings import CLUSTER_NAME, Settings
from ekswatch.aws.sinks import attempt
from ekswatch.findings.finding import findings, suppressed
from ekswatch.rules.engine import Engine
from ekswatch.rules.match import Match
from ekswatch.rules.ruleset import load
from lambdas.place import Context, environment, scope
from lambdas.telemetry import Counts, counted, logger, report

IN_THE_LINE = (
    *("EventsReceived", "EventsUnreadable", "EventsPartial", "EventsSkipped"),
    *("Matches", "Suppressed", "Findings"),
)
"""The counts in the log line of a delivery."""


def handler(event: Mapping[str, Any], context: Context) -> None:
    """Judge one batch; what cannot be read or judged is counted, not fatal.

    Raises: DeliveryFailed, after every sink was tried, so that Lambda hands the batch in again.
    """
    settings = Settings.from_env(os.environ)
    engine = _engine(settings.ruleset)
    with counted() as counts:
        matches: list[Match] = []
        cluster = source = ""
        for batch in read_parts(event):
            cluster, source = batch.cluster, batch.source
            counts.cluster = cluster
            if cluster and not CLUSTER_NAME.fullmatch(cluster):
                _refuse(batch, counts)
                return
            matches += _match(engine, batch, counts)
            _count(batch, counts)
        found = findings(matches, scope(context, cluster), engine.ruleset.hash)
        counting = [match for match in matches if match.signal and not match.suppressed_by]
        _conclude(source, matches, counts, findings=[finding.id for finding in found])
        steps = {}
        if found:
            from lambdas.delivery import send

            steps["findings"] = partial(
                send, found, settings=settings, cluster=cluster, counts=counts
            )
        if counting:
            steps["signals"] = partial(
                _write, counting, settings, cluster, _digest(event), context, counts
            )
        attempt(steps)


def _refuse(batch: Batch, counts: Counts) -> None:
    """Leave alone what no cluster wrote: were it our own log, each line would make another."""
    counts.add("", PayloadsRefused=1)
    report("payload refused: not a cluster's log group", [{"source": batch.source}])


def _match(engine: Engine, batch: Batch, counts: Counts) -> list[Match]:
    before = engine.errors.copy()
    matches = engine.match(batch.events)
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
    cluster: str,
    batch: str,
    context: Context,
    counts: Counts,
) -> None:
    from lambdas.delivery import write_signals

    written = write_signals(
        matches,
        settings=settings,
        cluster=cluster,
        batch=batch,
        environment=environment(context),
    )
    counts.add(cluster, Signals=written)


def _digest(event: Mapping[str, Any]) -> str:
    """Names a payload by its content, so that the same one again writes the same signals."""
    return sha256(event["awslogs"]["data"].encode()).hexdigest()[:16]


@lru_cache(maxsize=1)
def _engine(ruleset: Path) -> Engine:
    return Engine(load(ruleset.read_bytes()))
