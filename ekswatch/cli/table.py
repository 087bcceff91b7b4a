"""Findings and a scan's summary as tables for a terminal: worst first, wide as the window is."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ekswatch.audit.event import Value
from ekswatch.cli.scan import Report
from ekswatch.findings.escape import terminal
from ekswatch.findings.finding import Finding
from ekswatch.rules.compiler.errors import RuleError
from ekswatch.rules.detection import Severity

STYLES = {
    Severity.CRITICAL: "bold white on red",
    Severity.HIGH: "bold red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "cyan",
    Severity.INFORMATIONAL: "dim",
}

WIDE_CHARS = 120
HEADINGS = {"source": "From"}
LEFT_OUT = ("source", "first")
"""Columns of a wide table only."""

SHORT_NAMES = (
    (re.compile(r"^arn:[\w-]+:(?:sts|iam)::\d{12}:(?:assumed-role/)?"), ""),
    (re.compile(r"^system:serviceaccount:"), "sa:"),
)
"""How a principal is written in a column; the finding itself has the whole name."""


@dataclass(frozen=True, slots=True)
class Row:
    """One finding as a line of a table; times are those of a clock in UTC."""

    severity: Severity
    detection: str
    who: str
    what: str
    source: str
    count: str
    first: str
    last: str


def row(finding: Finding) -> Row:
    """The line of a finding."""
    facts = finding.facts
    return Row(
        severity=finding.severity,
        detection=finding.detection.slug,
        who=who(shown(facts.get("actor.name")), shown(facts.get("impersonator"))),
        what=what(*(shown(facts.get(name)) for name in ("verb", "resource", "object.ref"))),
        source=shown(facts.get("source.address")),
        count=str(finding.count),
        first=clock(finding.first_seen),
        last=clock(finding.last_seen),
    )


def findings_table(rows: Iterable[Row], width: int) -> Table:
    """One line per finding: severity, detection, who, what, where, how often, first and last.

    Units: `width` is in characters; below 120 there is no room for where and when it began.
    """
    names = [field.name for field in fields(Row)]
    shown_names = names if width >= WIDE_CHARS else [n for n in names if n not in LEFT_OUT]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in shown_names:
        free = name in ("who", "what", "source")
        table.add_column(
            HEADINGS.get(name, name.title()),
            no_wrap=not free and (width >= WIDE_CHARS or name != "detection"),
            overflow="fold",
            justify="right" if name == "count" else "left",
        )
    for one in rows:
        cells = {name: plain(getattr(one, name)) for name in shown_names if name != "severity"}
        table.add_row(severity_text(one.severity), *cells.values())
    return table


def summary(console: Console, report: Report) -> None:
    """The numbers around the table: read, lost, by severity, suppressed."""
    by_severity = Counter(finding.severity for finding in report.findings)
    span = (
        f"  {stamp(report.first_at)} to {stamp(report.last_at)}"
        if report.first_at and report.last_at
        else ""
    )
    speed = f"  {report.events / report.seconds:,.0f}/s" if report.seconds else ""
    console.print(
        plain(
            f"Events {report.events:,}{span}{speed}  Partial {report.partial}"
            f"  Unreadable {report.unreadable}  Other lines {report.skipped}"
        )
    )
    line = Text()
    for severity in reversed(Severity):
        line.append(f"{severity.name} {by_severity[severity]}", STYLES[severity]).append("   ")
    console.print(line.append(f"Suppressed {sum(report.suppressed.values())}"))


def suppressed_table(counts: Mapping[tuple[str, str], int]) -> Table:
    """How often each filter explained a match away, per detection."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("Filter")
    table.add_column("Detection")
    table.add_column("Matches", justify="right")
    for (detection, name), count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        table.add_row(plain(name), plain(detection), str(count))
    return table


def unreadable_lines(report: Report) -> list[Text]:
    """The first unreadable records with position and reason, then how many more there are."""
    lines = [plain(f"{u.position}: {u.reason}") for u in report.unreadable_shown]
    if (more := report.unreadable - len(report.unreadable_shown)) > 0:
        lines.append(plain(f"... and {more:,} more"))
    return lines


def rule_error_lines(errors: Sequence[RuleError]) -> list[Text]:
    """Every error in the detections, and in how many files they are."""
    files = len({error.file for error in errors})
    left_out = f"{files} {'file' if files == 1 else 'files'} with errors left out"
    return [*(plain(str(error)) for error in errors), *([plain(left_out)] if errors else [])]


def learning_lines(report: Report) -> Sequence[Text]:
    """A line for the detections that are quiet because they still learn what is normal."""
    if not report.learning:
        return ()
    many = f"{len(report.learning)} detections wait" if report.learning[1:] else "1 detection waits"
    named = ", ".join(report.learning)
    return [
        plain(
            f"{many} for a baseline ({named}): without history they cannot tell what is new; "
            "see `ekswatch baseline seed`"
        )
    ]


def failure_lines(failures: Mapping[tuple[str, str], int]) -> list[Text]:
    """The detections that failed, on how many events, and how."""
    return [
        plain(f"{document} failed on {count:,} events: {error}")
        for (document, error), count in sorted(failures.items())
    ]


def who(name: str, impersonator: str) -> str:
    """The actor, short enough for a column, and who stands behind an impersonation."""
    if impersonator:
        return f"{_short(name)} (impersonated by {_short(impersonator)})"
    return _short(name) or "(no name)"


def what(verb: str, resource: str, ref: str) -> str:
    """The verb and its object, with its subresource: `create pods/exec web/frontend`."""
    if "/" in resource and "," not in resource:
        ref = f"{resource} {ref.partition(' ')[2]}"
    return f"{verb} {ref}".strip()


def _short(name: str) -> str:
    """Role and session of an STS ARN, `sa:` for a service account, else the name."""
    for pattern, short in SHORT_NAMES:
        name = pattern.sub(short, name)
    return name


def shown(value: Value) -> str:
    """A fact as text: several values joined, the first three and how many more."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        more = f" and {len(value) - 3} more" if len(value) > 3 else ""
        return ", ".join(value[:3]) + more
    return str(value)


def severity_text(severity: Severity) -> Text:
    """The label in its colour; the word alone says it too."""
    return Text(severity.name, STYLES[severity])


def plain(text: str) -> Text:
    """Text from an event, with nothing that a terminal or rich would interpret."""
    return Text(terminal(text))


def clock(at: datetime) -> str:
    """The time of day, in UTC."""
    return f"{at:%H:%M:%SZ}"


def stamp(at: datetime) -> str:
    """A date and time, in UTC."""
    return f"{at:%Y-%m-%d %H:%M:%SZ}"
