"""`ekswatch demo`: recorded attacks through an AWS account in this process, and what comes out.

Nothing is shown that did not go the whole way: audit lines into the log group, through the
handlers of both functions, findings read back from Security Hub, messages from a queue.
"""

import gzip
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from ekswatch.cli.content import recordings
from ekswatch.cli.exits import Exit
from ekswatch.cli.table import Row, findings_table, plain, suppressed_table, what, who
from ekswatch.correlate.window import OPENS
from ekswatch.local import Account, Message, account
from ekswatch.rules.detection import Severity
from ekswatch.rules.ruleset import Ruleset

CLUSTER = "demo"
COUNTED = (
    "EventsReceived",
    "EventsUnreadable",
    "EventsPartial",
    "EventsSkipped",
    "Matches",
    "Suppressed",
)
"""Metrics of the stream function that the demo shows."""

Asff = Mapping[str, Any]


def run(ruleset: Ruleset) -> Exit:
    """Play every recorded scenario, then show findings, messages, and what was hidden or lost."""
    out, talk = Console(), Console(stderr=True)
    files = recordings()
    started = time.perf_counter()
    with account(ruleset, clusters=(CLUSTER,)) as aws:
        _play(aws, files, talk)
        found = sorted(aws.findings(), key=_worst_first)
        messages = aws.messages()
        logged = aws.logged()
        count = {name: int(aws.metric(name, cluster=CLUSTER)) for name in COUNTED}
        signals = len(aws.signals())
    seconds = time.perf_counter() - started

    out.rule("ekswatch demo")
    lines = (
        f"{len(files)} files, {count['EventsReceived']:,} log lines, through the stream"
        f" function in {seconds:.0f} s.",
        f"{count['Matches']:,} matches, {count['Suppressed']:,} of them suppressed;"
        f" {signals:,} signals for the hourly function.",
    )
    out.print(_plain_lines("\n".join(lines)))
    _show_findings(out, found)
    _show_messages(out, messages)
    out.rule("Suppressed: expected by a filter, counted, not reported")
    out.print(suppressed_table(_suppressed(logged)))
    _show_unreadable(out, logged, count)
    out.rule()
    out.print(plain("Your own files: ekswatch scan FILE. Into your account: README.md, Deploy it."))
    return Exit.OK


def _play(aws: Account, files: Sequence[Path], talk: Console) -> None:
    """Deliver each recording, then run the hourly function for every hour they touch."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=talk, transient=True, disable=not talk.is_terminal) as bar:
        task = bar.add_task("Delivering audit logs", total=len(files))
        for file in files:
            aws.put_audit_log(CLUSTER, _lines(file))
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
    yield from sorted({(at + OPENS).replace(minute=0, second=0, microsecond=0) for at in times})


def _lines(file: Path) -> list[str]:
    raw = file.read_bytes()
    return (gzip.decompress(raw) if file.suffix == ".gz" else raw).decode().splitlines()


def _show_findings(out: Console, found: Sequence[Asff]) -> None:
    by_severity = Counter(_label(finding) for finding in found)
    numbers = ", ".join(f"{by_severity[s.name]} {s.name}" for s in reversed(Severity))
    out.rule(f"Security Hub: {len(found)} findings")
    out.print(plain(numbers))
    out.print(findings_table(map(_row, found), out.width))


def _row(finding: Asff) -> Row:
    def field(name: str) -> str:
        return _field(finding["ProductFields"], name)

    return Row(
        severity=Severity[_label(finding)],
        detection=finding["GeneratorId"].removeprefix("ekswatch/"),
        who=who(field("actor.name"), field("impersonator")),
        what=what(field("verb"), field("resource"), field("object.ref")),
        source=field("source.address"),
        count=field("count"),
        first=finding["FirstObservedAt"][11:19] + "Z",
        last=finding["LastObservedAt"][11:19] + "Z",
    )


def _show_messages(out: Console, messages: Sequence[Message]) -> None:
    why = Counter(message.attributes.get("why", "") for message in messages)
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(why.items()))
    out.rule(f"SNS: {len(messages)} messages ({reasons})")
    if messages:
        one = max(messages, key=lambda message: (_severity(message), message.subject))
        out.print(Panel(_plain_lines(one.text), title=plain(one.subject), title_align="left"))


def _show_unreadable(
    out: Console, logged: Sequence[Mapping[str, Any]], count: Mapping[str, int]
) -> None:
    out.rule(
        f"Unreadable: {count['EventsUnreadable']} records; "
        f"read in part: {count['EventsPartial']}; of other logs: {count['EventsSkipped']}"
    )
    for line in logged:
        if line.get("message") == "record unreadable" and "why" in line:
            out.print(plain(f"{line['record']}: {line['why']}"))


def _plain_lines(text: str) -> Text:
    """Text of several lines, with nothing that a terminal or rich would interpret."""
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


def _severity(message: Message) -> int:
    return Severity[message.attributes.get("severity", "INFORMATIONAL")]
