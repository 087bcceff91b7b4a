"""The `ekswatch` command. Results go to standard output, talk and progress to standard error."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ekswatch import __version__
from ekswatch.audit.intake import Batch
from ekswatch.cli import baseline, rules, suppress, table
from ekswatch.cli.content import detections_folder
from ekswatch.cli.doctor import DOCTOR_EXITS, doctor
from ekswatch.cli.exits import Exit
from ekswatch.cli.explain import EXPLAIN_EXITS, explain
from ekswatch.cli.options import BaselineFile, ClusterName, Detections, Level, SeedMode, Tuning
from ekswatch.cli.replay import REPLAY_EXITS, replay
from ekswatch.cli.report import REPORT_EXITS, report
from ekswatch.cli.scan import Report, Scan, audit_files, batches
from ekswatch.cli.selftest import SELFTEST_EXITS, selftest
from ekswatch.cli.status import STATUS_EXITS, status
from ekswatch.cli.streams import Stream, results, stop
from ekswatch.findings.asff import asff
from ekswatch.findings.finding import Finding, Scope, to_dict
from ekswatch.rules.compiler.compile import compile_ruleset, compile_what_loads
from ekswatch.rules.compiler.errors import RuleError, RuleErrors
from ekswatch.rules.detection import Severity
from ekswatch.rules.ruleset import Ruleset

app = typer.Typer(
    name="ekswatch",
    help="Detections over Amazon EKS audit logs.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

app.add_typer(rules.app, name="rules")
app.add_typer(baseline.app, name="baseline")
app.add_typer(suppress.app, name="suppress")

EXITS = """Exit codes: 0 nothing at or above --fail-on; 1 findings at or above it; 2 wrong use;
3 a detection has errors; 4 AWS errors; 5 some records could not be read."""


class Format(StrEnum):
    """How findings are written."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    ASFF = "asff"


@app.command(epilog=EXITS)
def scan(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Files or folders; '-' reads standard input. Gzip is recognised."),
    ],
    format_: Annotated[Format, typer.Option("--format", help="How to write findings.")] = (
        Format.TABLE
    ),
    fail_on: Annotated[
        Level | None,
        typer.Option(case_sensitive=False, help="Exit 1 when a finding is at least this severe."),
    ] = None,
    min_severity: Annotated[
        Level, typer.Option(case_sensitive=False, help="Leave out findings below this severity.")
    ] = Level.INFORMATIONAL,
    detections: Detections = None,
    tuning: Tuning = None,
    seed_mode: SeedMode = False,
    gaps: Annotated[
        bool, typer.Option(help="The files are the whole log: report when it went silent.")
    ] = False,
    baseline_file: BaselineFile = None,
    cluster: ClusterName = "local",
    account: Annotated[str, typer.Option(help="AWS account of the findings.")] = "000000000000",
    region: Annotated[str, typer.Option(help="AWS Region of the findings.")] = "us-east-1",
) -> None:
    """Run the detections over audit logs in files and show the findings, worst first."""
    talk = Stream(stderr=True)
    ruleset, errors = _what_loads(detections or detections_folder(), tuning)
    for error in table.rule_error_lines(errors):
        talk.print(error, soft_wrap=True)
    try:
        files = audit_files(paths)
    except FileNotFoundError as missing:
        raise stop(Exit.USAGE, f"{missing}: there is no such file or folder") from None

    def place(named: str) -> Scope:
        return Scope(partition="aws", account=account, region=region, cluster=named or cluster)

    known = baseline.read(baseline_file) if baseline_file else {}
    scanner = Scan(ruleset, place, seed_mode=seed_mode, gaps=gaps, baselines=known)
    started = time.perf_counter()
    for batch in _batches(files, scanner, talk):
        scanner.add(batch)
    report = scanner.report(seconds=time.perf_counter() - started)

    shown = [f for f in report.findings if f.severity >= Severity[min_severity.name]]
    with results():
        _write(shown, report, format_)
    for line in (
        *table.unreadable_lines(report),
        *table.failure_lines(report.rule_failures),
        *table.learning_lines(report),
    ):
        talk.print(line, soft_wrap=True)
    raise typer.Exit(_verdict(report, fail_on, rules_hold=not errors))


app.command(epilog=EXPLAIN_EXITS)(explain)
app.command(epilog=REPORT_EXITS)(report)
app.command(epilog=REPLAY_EXITS)(replay)
app.command(epilog=DOCTOR_EXITS)(doctor)
app.command(epilog=SELFTEST_EXITS)(selftest)
app.command(epilog=STATUS_EXITS)(status)


@app.command()
def demo() -> None:
    """Run recorded attacks through an AWS account in this process and show what comes out."""
    try:
        from ekswatch.cli.demo import run
    except ModuleNotFoundError as missing:
        raise stop(
            Exit.USAGE, f"{missing.name} is not installed: pip install 'ekswatch[demo]'"
        ) from None
    raise typer.Exit(run(_ruleset(detections_folder(), None)))


@app.command()
def version() -> None:
    """Print the version."""
    print(__version__)  # noqa: T201  # the result of this command


def _what_loads(folder: Path, tuning: Path | None) -> tuple[Ruleset, tuple[RuleError, ...]]:
    try:
        return compile_what_loads(folder, tuning)
    except RuleErrors as errors:
        raise stop(Exit.RULES, str(errors)) from None


def _ruleset(folder: Path, tuning: Path | None) -> Ruleset:
    try:
        return compile_ruleset(folder, tuning)
    except RuleErrors as errors:
        raise stop(Exit.RULES, str(errors)) from None


def _batches(files: Sequence[Path], scanner: Scan, talk: Console) -> Iterator[Batch]:
    """Every batch of every file, with progress on standard error when that is a terminal."""
    with _progress(talk, len(files)) as advance:
        for file in files:
            for batch in batches(file):
                yield batch
                advance(0, scanner.events)
            advance(1, scanner.events)


@contextmanager
def _progress(talk: Console, files: int) -> Iterator[Any]:
    columns = (
        TextColumn("Scanning"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("files  {task.fields[events]:,} events"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=talk, transient=True, disable=not talk.is_terminal) as bar:
        task = bar.add_task("scan", total=files, events=0)
        yield lambda done, events: bar.update(task, advance=done, events=events)


def _write(shown: Sequence[Finding], report: Report, format_: Format) -> None:
    if format_ is Format.TABLE:
        out = Stream()
        table.summary(out, report)
        if shown:
            out.print(table.findings_table(map(table.row, shown), out.width))
        return
    record = asff if format_ is Format.ASFF else to_dict
    records = [record(finding) for finding in shown]
    if format_ is Format.JSONL:
        for one in records:
            typer.echo(json.dumps(one, separators=(",", ":")))
    else:
        typer.echo(json.dumps(records, indent=2))


def _verdict(report: Report, fail_on: Level | None, *, rules_hold: bool) -> Exit:
    bar = Severity[fail_on.name] if fail_on else None
    if bar is not None and any(finding.severity >= bar for finding in report.findings):
        return Exit.FINDINGS
    if report.rule_failures or not rules_hold:
        return Exit.RULES
    return Exit.INCOMPLETE if report.unreadable else Exit.OK


if __name__ == "__main__":
    app()
