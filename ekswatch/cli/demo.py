"""`ekswatch demo`: recorded attacks through an AWS account in this process, and what comes out.

Nothing is shown that did not go the whole way: audit lines into the log group, through the
handlers of both functions, findings read back from Security Hub, messages from a queue.
"""

import gzip
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ekswatch.cli.content import scenarios_folder
from ekswatch.cli.exits import Exit
from ekswatch.cli.table import plain, severity_text, suppressed_table
from ekswatch.correlate.window import CLOSES, OPENS
from ekswatch.local import Account, Message, account
from ekswatch.rules.detection import Severity
from ekswatch.rules.ruleset import Ruleset

CLUSTER = "demo"
HOUR = timedelta(hours=1)
DAMAGED = "damaged.jsonl.gz"
"""Lines as they should not be; the recordings hold none."""

Asff = Mapping[str, Any]


def run(ruleset: Ruleset) -> Exit:
    """Play every recorded scenario, then show findings, messages, and what was hidden or lost."""
    out, talk = Console(), Console(stderr=True)
    recordings = sorted(scenarios_folder().glob("*.jsonl.gz"))
    started = time.perf_counter()
    with account(ruleset, clusters=(CLUSTER,)) as aws:
        _play(aws, recordings, talk)
        found = sorted(aws.findings(), key=_worst_first)
        messages = aws.messages()
        logged = aws.logged()
        received = int(aws.metric("EventsReceived", cluster=CLUSTER))
        unread = int(aws.metric("EventsUnreadable", cluster=CLUSTER))
        skipped = int(aws.metric("EventsSkipped", cluster=CLUSTER))
        partial = int(aws.metric("EventsPartial", cluster=CLUSTER))
        signals = len(aws.signals())
    seconds = time.perf_counter() - started

    out.rule("ekswatch demo")
    out.print(
        plain(
            f"{len(recordings)} recordings, {received:,} log lines delivered to the stream function "
            f"in {seconds:.0f} s: {unread} unreadable, {partial} read in part, {skipped} of other logs. "
            f"{signals:,} signals for the hourly function."
        )
    )
    _show_findings(out, found)
    _show_messages(out, messages)
    out.rule("Suppressed: expected by a filter, counted, not reported")
    out.print(suppressed_table(_suppressed(logged)))
    _show_unreadable(out, logged, unread, partial)
    out.print(plain("Your own files: ekswatch scan FILE. Into your account: see README.md, Deploy it."))
    return Exit.OK


def _play(aws: Account, recordings: Sequence[Path], talk: Console) -> None:
    """Deliver each recording, then run the hourly function for every hour they touch."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=talk, transient=True, disable=not talk.is_terminal) as bar:
        task = bar.add_task("Delivering audit logs", total=len(recordings))
        for recording in recordings:
            aws.put_audit_log(CLUSTER, _lines(recording))
            bar.advance(task)
        runs = list(hourly_runs(aws.times(CLUSTER)))
        task = bar.add_task("Hourly function", total=len(runs))
        for at in runs:
            aws.fire_hourly(at)
            bar.advance(task)


def hourly_runs(times: Iterable[datetime]) -> Iterator[datetime]:
    """The full hours whose runs judge these times, each once, in order.

    The run at hour H judges [H - 70 min, H - 10 min).
    """
    hours = {
        (at + OPENS).replace(minute=0, second=0, microsecond=0)
        for at in times
        if at + OPENS >= at + CLOSES
    }
    yield from sorted(hours)


def _lines(recording: Path) -> list[str]:
    with gzip.open(recording, "rt", encoding="utf-8") as file:
        return file.read().splitlines()


def _show_findings(out: Console, found: Sequence[Asff]) -> None:
    by_severity = Counter(_label(finding) for finding in found)
    numbers = ", ".join(f"{by_severity[s.name]} {s.name}" for s in reversed(Severity))
    out.rule(f"Security Hub: {len(found)} findings")
    out.print(plain(numbers))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=True)
    for name in ("Severity", "Detection", "Who", "What", "From", "Count", "First", "Last"):
        wide = name in ("Who", "What")
        table.add_column(name, overflow="fold", no_wrap=name in ("Severity", "First", "Last"),
                         ratio=3 if wide else None, justify="right" if name == "Count" else "left")
    for finding in found:
        fields = finding["ProductFields"]
        table.add_row(
            severity_text(Severity[_label(finding)]),
            plain(finding["GeneratorId"].removeprefix("ekswatch/")),
            plain(_who(fields)),
            plain(f"{_field(fields, 'verb')} {_field(fields, 'object.ref')}".strip()),
            plain(_field(fields, "source.address")),
            plain(_field(fields, "count")),
            plain(finding["FirstObservedAt"][11:19] + "Z"),
            plain(finding["LastObservedAt"][11:19] + "Z"),
        )
    out.print(table)


def _show_messages(out: Console, messages: Sequence[Message]) -> None:
    why = Counter(message.attributes.get("why", "") for message in messages)
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(why.items()))
    out.rule(f"SNS: {len(messages)} messages ({reasons})")
    if messages:
        one = max(messages, key=lambda message: (_severity(message), message.subject))
        out.print(Panel(plain_lines(one.text), title=plain(one.subject), title_align="left"))


def _show_unreadable(
    out: Console, logged: Sequence[Mapping[str, Any]], unread: int, partial: int
) -> None:
    out.rule(f"Unreadable: {unread} records; read in part: {partial}")
    for line in logged:
        if line.get("message") == "record unreadable" and "why" in line:
            out.print(plain(f"{line['record']}: {line['why']}"))


def plain_lines(text: str) -> Any:
    """Text of several lines, with nothing that a terminal or rich would interpret."""
    from rich.text import Text

    return Text("\n").join(plain(line) for line in text.splitlines())


def _suppressed(logged: Iterable[Mapping[str, Any]]) -> Counter[tuple[str, str]]:
    counts: Counter[tuple[str, str]] = Counter()
    for line in logged:
        for entry in line.get("suppressed", ()):
            counts[entry["detection"], entry["filter"]] += entry["matches"]
    return counts


def _worst_first(finding: Asff) -> tuple[int, int, str]:
    risk = int(_field(finding["ProductFields"], "risk") or 0)
    return (-Severity[_label(finding)], -risk, finding["FirstObservedAt"])


def _label(finding: Asff) -> str:
    label: str = finding["FindingProviderFields"]["Severity"]["Label"]
    return label


def _field(fields: Mapping[str, str], name: str) -> str:
    return fields.get(f"ekswatch/{name}", "")


def _who(fields: Mapping[str, str]) -> str:
    name = _field(fields, "actor.name") or "(no name)"
    impersonator = _field(fields, "impersonator")
    return f"{name} (impersonated by {impersonator})" if impersonator else name


def _severity(message: Message) -> int:
    return Severity[message.attributes.get("severity", "INFORMATIONAL")]
