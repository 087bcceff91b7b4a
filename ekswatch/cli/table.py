"""Findings and a scan's summary as tables for a terminal: worst first, wide as the window is."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ekswatch.audit.intake import Unreadable
from ekswatch.cli.scan import Report
from ekswatch.findings.escape import terminal
from ekswatch.findings.finding import Finding
from ekswatch.rules.detection import Severity
from ekswatch.rules.match import Value

STYLES = {
    Severity.CRITICAL: "bold white on red",
    Severity.HIGH: "bold red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "cyan",
    Severity.INFORMATIONAL: "dim",
}

UNREADABLE_SHOWN = 20


def findings_table(found: Sequence[Finding]) -> Table:
    """One row per finding: severity, detection, who, what, where, how often, first and last."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=True)
    table.add_column("Severity", no_wrap=True)
    table.add_column("Detection", overflow="fold", ratio=3)
    table.add_column("Who", overflow="fold", ratio=4)
    table.add_column("What", overflow="fold", ratio=4)
    table.add_column("From", overflow="fold", ratio=2)
    table.add_column("Count", justify="right", no_wrap=True)
    table.add_column("First", no_wrap=True)
    table.add_column("Last", no_wrap=True)
    for finding in found:
        table.add_row(
            severity_text(finding.severity),
            plain(finding.detection.slug),
            plain(who(finding.facts)),
            plain(what(finding.facts)),
            plain(shown(finding.facts.get("source.address"))),
            str(finding.count),
            clock(finding.first_seen),
            clock(finding.last_seen),
        )
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
            f"  Unreadable {len(report.unreadable)}  Other lines {report.skipped}"
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


def unreadable_lines(unreadable: Sequence[Unreadable]) -> list[Text]:
    """The first unreadable records with position and reason, then how many more there are."""
    lines = [plain(f"{u.position}: {u.reason}") for u in unreadable[:UNREADABLE_SHOWN]]
    if (more := len(unreadable) - UNREADABLE_SHOWN) > 0:
        lines.append(plain(f"... and {more:,} more"))
    return lines


def who(facts: Mapping[str, Value]) -> str:
    """The actor, with the session or the impersonator where there is one."""
    name = shown(facts.get("actor.name")) or "(no name)"
    if impersonator := facts.get("impersonator"):
        return f"{name} (impersonated by {shown(impersonator)})"
    return name


def what(facts: Mapping[str, Value]) -> str:
    """The verb and its object, with its subresource: `create pods/exec web/frontend`."""
    verb, resource, ref = (facts.get(name) for name in ("verb", "resource", "object.ref"))
    if isinstance(resource, str) and isinstance(ref, str) and "/" in resource:
        ref = f"{resource} {ref.partition(' ')[2]}"
    return f"{shown(verb)} {shown(ref)}".strip()


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
