"""`ekswatch report`: who touches sensitive objects, and how, as tables over a chosen period."""

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table as Shown

from ekswatch.audit.event import AuditEvent
from ekswatch.audit.intake import Batch
from ekswatch.cli import baseline, table
from ekswatch.cli.content import detections_folder
from ekswatch.cli.exits import Exit
from ekswatch.cli.measures import (
    COUNTINGS,
    OF_FINDINGS,
    Cell,
    Counted,
    Measure,
    Table,
    of_findings,
)
from ekswatch.cli.options import BaselineFile, ClusterName, Detections, Tuning
from ekswatch.cli.scan import Report, Scan, audit_files, batches
from ekswatch.cli.streams import Stream, results, stop, talk
from ekswatch.findings.escape import terminal
from ekswatch.findings.finding import Scope
from ekswatch.rules.compiler.compile import compile_what_loads
from ekswatch.rules.compiler.errors import RuleErrors
from ekswatch.rules.ruleset import Ruleset

SCHEMA_VERSION = 1

ROWS_SHOWN = 20
"""Of each table on a terminal, unless `--top` says otherwise; other formats have all."""

REPORT_EXITS = """Exit codes: 0 done; 2 wrong use; 3 a detection has errors, the others were used;
5 some records could not be read."""

UNITS = {"m": "minutes", "h": "hours", "d": "days"}
AGO = re.compile(r"(\d{1,6})([mhd])")


class Format(StrEnum):
    """How tables are written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class Period:
    """When requests arrived that are reported: from `since`, before `until`; None is open."""

    since: datetime | None
    until: datetime | None

    def within(self, batch: Batch) -> Batch:
        """The batch with the events of the period; all of them where it is open on both sides."""
        if self.since is None and self.until is None:
            return batch
        return replace(batch, events=tuple(filter(self._holds, batch.events)))

    def _holds(self, event: AuditEvent) -> bool:
        begun = self.since is None or event.at >= self.since
        return begun and (self.until is None or event.at < self.until)


def report(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Audit logs, as for scan: files or folders; '-' is standard input."),
    ],
    format_: Annotated[Format, typer.Option("--format", help="How to write the tables.")] = (
        Format.TABLE
    ),
    only: Annotated[
        list[Measure] | None, typer.Option(help="Only this table; may be given several times.")
    ] = None,
    since: Annotated[
        str, typer.Option(help="Requests from then on: 2026-11-20, 2026-11-20T12:00Z, 24h ago.")
    ] = "",
    until: Annotated[str, typer.Option(help="Requests before then, written likewise.")] = "",
    top: Annotated[
        int | None, typer.Option(min=1, help="Rows of each table; 20 on a terminal, else all.")
    ] = None,
    detections: Detections = None,
    tuning: Tuning = None,
    baseline_file: BaselineFile = None,
    cluster: ClusterName = "local",
) -> None:
    """Tell who touched secrets, config maps and roles, and what is unusual about it.

    Counts requests over audit logs and adds the findings of the detections that the measures
    name. Run it over each day's log to watch, or over months to hunt.
    """
    period = read_period(since, until, now=datetime.now(UTC))
    ruleset, rules_hold = _what_loads(detections or detections_folder(), tuning)
    try:
        files = audit_files(paths)
    except FileNotFoundError as missing:
        raise stop(Exit.USAGE, f"{missing}: there is no such file or folder") from None

    def place(named: str) -> Scope:
        return Scope(partition="aws", account="000000000000", region="", cluster=named or cluster)

    known = baseline.read(baseline_file) if baseline_file else {}
    scanner = Scan(ruleset, place, baselines=known)
    counted = [Counted(what) for what in COUNTINGS]
    for file in files:
        for batch in batches(file):
            chosen = period.within(batch)
            scanner.add(chosen)
            for one in counted:
                for event in chosen.events:
                    one.add(event)
    scanned = scanner.report()
    tables = _chosen(_tables(counted, scanned), only)

    with results():
        _write(tables, scanned, period, format_, top)
    _say_what_is_missing(tables, scanned, ruleset)
    if scanned.rule_failures or not rules_hold:
        raise typer.Exit(Exit.RULES)
    raise typer.Exit(Exit.INCOMPLETE if scanned.unreadable else Exit.OK)


def _what_loads(folder: Path, tuning: Path | None) -> tuple[Ruleset, bool]:
    try:
        ruleset, errors = compile_what_loads(folder, tuning)
    except RuleErrors as errors_:
        raise stop(Exit.RULES, str(errors_)) from None
    talk(*(line.plain for line in table.rule_error_lines(errors)))
    return ruleset, not errors


def read_period(since: str, until: str, *, now: datetime) -> Period:
    """The period that two options name; a time that is long ago counts from now."""
    found = Period(_moment("--since", since, now), _moment("--until", until, now))
    if found.since and found.until and found.since >= found.until:
        raise stop(Exit.USAGE, f"--since {since} is not before --until {until}")
    return found


def _moment(option: str, given: str, now: datetime) -> datetime | None:
    """A date, a time (UTC unless it says), or how long ago: 90m, 24h, 7d."""
    if not given:
        return None
    if ago := AGO.fullmatch(given.removesuffix(" ago")):
        return now - timedelta(**{UNITS[ago[2]]: int(ago[1])})
    try:
        at = datetime.fromisoformat(given)
    except ValueError:
        wanted = "a time such as 2026-11-20, 2026-11-20T12:00Z or 24h"
        raise stop(Exit.USAGE, f"{option} {given}: {wanted} is needed") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _tables(counted: Iterable[Counted], scanned: Report) -> list[Table]:
    made = [one.table() for one in counted]
    made += (of_findings(what, scanned.findings) for what in OF_FINDINGS)
    return sorted(made, key=lambda one: list(Measure).index(one.name))


def _chosen(tables: Sequence[Table], only: Sequence[Measure] | None) -> list[Table]:
    return [one for one in tables if not only or one.name in only]


def _write(
    tables: Sequence[Table], scanned: Report, period: Period, format_: Format, top: int | None
) -> None:
    if format_ is Format.JSON:
        typer.echo(json.dumps(_data(tables, scanned, period, top), indent=2))
    elif format_ is Format.CSV:
        typer.echo(_csv(tables, top), nl=False)
    else:
        _show(tables, scanned, ROWS_SHOWN if top is None else top)


def _data(
    tables: Sequence[Table], scanned: Report, period: Period, top: int | None
) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "since": period.since and period.since.isoformat(),
        "until": period.until and period.until.isoformat(),
        "events": scanned.events,
        "first_at": scanned.first_at and scanned.first_at.isoformat(),
        "last_at": scanned.last_at and scanned.last_at.isoformat(),
        "unreadable": scanned.unreadable,
        "learning": list(scanned.learning),
        "tables": [
            {
                "name": one.name,
                "title": one.title,
                "columns": list(one.columns),
                "count": len(one.rows),
                "left_out": one.left_out,
                "rows": list(one.rows[:top]),
            }
            for one in tables
        ],
    }


def _csv(tables: Sequence[Table], top: int | None) -> str:
    """One table of all: the first column says which, then the columns that any of them has."""
    columns = dict.fromkeys(name for one in tables for name in one.columns)
    out = io.StringIO()
    writer = csv.DictWriter(out, ["table", *columns], restval="", lineterminator="\n")
    writer.writeheader()
    for one in tables:
        for row in one.rows[:top]:
            cells = {name: _spreadsheet(_text(cell)) for name, cell in row.items()}
            writer.writerow({"table": one.name, **cells})
    return out.getvalue()


def _text(cell: Cell) -> str:
    return "; ".join(cell) if isinstance(cell, tuple) else str(cell)


def _spreadsheet(text: str) -> str:
    """Text that no spreadsheet takes for a formula and no terminal for a command."""
    shown = terminal(text)
    return f"'{shown}" if shown.startswith(("=", "+", "-", "@")) else shown


def _show(tables: Sequence[Table], scanned: Report, top: int) -> None:
    out = Stream()
    table.summary(out, scanned)
    for one in tables:
        out.print()
        out.print(table.plain(f"{one.title} ({one.name}): {len(one.rows):,}"))
        if one.rows:
            out.print(_grid(one, top))
        if (more := len(one.rows) - top) > 0:
            out.print(table.plain(f"... and {more:,} more; --top shows them"))


def _grid(one: Table, top: int) -> Shown:
    columns = [name for name in one.columns if name not in ("first_seen", "finding")]
    grid = Shown(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        number = name == "requests"
        heading = name.replace("_", " ").capitalize()
        grid.add_column(heading, overflow="fold", justify="right" if number else "left")
    for row in one.rows[:top]:
        grid.add_row(*(table.plain(_short(row[name])) for name in columns))
    return grid


def _short(cell: Cell) -> str:
    return (
        table.shown(cell)
        if isinstance(cell, tuple)
        else f"{cell:,}"
        if isinstance(cell, int)
        else cell
    )


def _say_what_is_missing(tables: Sequence[Table], scanned: Report, ruleset: Ruleset) -> None:
    """What a reader must know to trust an empty table."""
    shown = {one.name for one in tables}
    here = {one.slug for one in ruleset.detections}
    asked = [slug for what in OF_FINDINGS if what.name in shown for slug in what.detections]
    talk(
        *(
            f"the detection {slug} is not there, or switched off"
            for slug in asked
            if slug not in here
        )
    )
    for one in tables:
        if one.left_out:
            talk(f"{one.name}: {one.left_out:,} requests had no room in the table")
    learning = tuple(slug for slug in scanned.learning if slug in asked)
    lines = (
        *table.unreadable_lines(scanned),
        *table.failure_lines(scanned.rule_failures),
        *table.learning_lines(replace(scanned, learning=learning)),
    )
    talk(*(line.plain for line in lines))
