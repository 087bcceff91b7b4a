"""From findings to the people and services that get them.

Imported only when there is something to send, because it loads the AWS SDK.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

from botocore.exceptions import BotoCoreError, ClientError

from ekswatch.aws import security_hub, signals, sns
from ekswatch.aws.clients import client
from ekswatch.aws.mark import Mark, judged_before
from ekswatch.aws.settings import Settings
from ekswatch.aws.sinks import Sink, deliver
from ekswatch.aws.state import Memory, Remembered
from ekswatch.correlate.correlate import long_documents
from ekswatch.correlate.signal import Signal
from ekswatch.correlate.signal import signals as signals_of
from ekswatch.findings.finding import Finding
from ekswatch.rules.match import Match
from ekswatch.rules.ruleset import Ruleset
from lambdas.telemetry import Counts, report


def send(found: Sequence[Finding], *, settings: Settings, cluster: str, counts: Counts) -> None:
    """Merge the findings with what is known of them, and deliver them to every sink.

    Raises: DeliveryFailed, after every sink was tried.
    """
    memory = Memory(client("dynamodb"), settings.table_name)
    remembered = memory.remember(found)
    forgotten = [r for r in remembered if r.error]
    report("state unavailable", [{"finding": r.finding.id, "error": r.error} for r in forgotten])
    counts.add(cluster, StateErrors=len(forgotten), Notifications=sum(r.due for r in remembered))

    def published(finding: Finding) -> None:
        try:
            memory.mark_notified(finding)
        except (ClientError, BotoCoreError) as error:  # told, but not noted: told again next time
            report("message not noted", [{"finding": finding.id, "error": str(error)}])
            counts.add(cluster, StateErrors=1)

    deliver([r.finding for r in remembered], _sinks(settings, remembered, published))


def write_matches(
    matches: Sequence[Match],
    *,
    settings: Settings,
    ruleset: Ruleset,
    cluster: str,
    batch: str,
    environment: str,
) -> int:
    """Write the signals of the matches, and return how many there were.

    Those that come after the run of their window began are noted for the next one.
    Raises: WriteFailed and ClientError when CloudWatch Logs does not take them all.
    """
    long = long_documents(ruleset)
    made = [
        signal
        for stretch in signals.stretches(matches)
        for signal in signals_of(stretch, batch=batch, long=long)
    ]
    write_signals(made, settings=settings, cluster=cluster, environment=environment)
    now = datetime.now(UTC)
    judged = judged_before(now, minute=settings.schedule_minute)
    if late := [signal.first_seen for signal in made if signal.first_seen < judged]:
        Mark(client("dynamodb"), settings.table_name).note_late(min(late), now=now)
    return len(made)


def write_signals(
    made: Sequence[Signal], *, settings: Settings, cluster: str, environment: str
) -> None:
    """Raises: WriteFailed and ClientError when CloudWatch Logs does not take them all."""
    signals.write(
        made,
        client=client("logs"),
        group=settings.signals_log_group,
        stream=signals.stream_name(cluster=cluster, environment=environment),
        now=datetime.now(UTC),
    )


def _sinks(
    settings: Settings, remembered: Sequence[Remembered], published: Callable[[Finding], None]
) -> dict[str, Sink]:
    sinks: dict[str, Sink] = {}
    if settings.security_hub:
        sinks["Security Hub"] = partial(security_hub.deliver, client=client("securityhub"))
    if settings.sns_topic_arn:
        sinks["SNS"] = partial(
            sns.deliver,
            client=client("sns"),
            topic_arn=settings.sns_topic_arn,
            due={r.finding.id: r.why for r in remembered if r.due},
            published=published,
        )
    return sinks
