"""`ekswatch baseline`: what is normal in a cluster, learnt from history, listed, moved."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.table import Table

from ekswatch.cli.content import detections_folder
from ekswatch.cli.exits import Exit
from ekswatch.cli.options import ClusterName, Detections, Tuning
from ekswatch.cli.scan import audit_files, batches
from ekswatch.cli.streams import Stream, results, say, stop, talk
from ekswatch.cli.table import plain
from ekswatch.correlate.baseline import Entry, Learner
from ekswatch.correlate.baseline_file import BadBaseline, line, read_lines, to_lines
from ekswatch.rules.compiler.compile import compile_ruleset
from ekswatch.rules.compiler.errors import RuleErrors
from ekswatch.rules.matcher.engine import Engine
from ekswatch.rules.ruleset import Ruleset

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

app = typer.Typer(
    name="baseline",
    help="What is normal in a cluster: learn it from history, list it, take it elsewhere.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Clusters = Mapping[str, Mapping[str, Entry]]
"""The entries of each cluster, by its name."""

EXITS = """Exit codes: 0 fine; 2 wrong use; 3 detections have errors; 4 AWS errors; 5 some records
could not be read."""

TableName = Annotated[
    str, typer.Option("--table", help="The DynamoDB table of the deployed stack.")
]
Region = Annotated[
    str, typer.Option(help="AWS Region of the table, if not that of your AWS settings.")
]
File = Annotated[Path | None, typer.Option("--baseline", help="A baseline in a file.")]


@app.command(epilog=EXITS)
def seed(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Audit logs, as for scan: files or folders; '-' is standard input."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the baseline to this file.")
    ] = None,
    table: TableName = "",
    baseline: File = None,
    cluster: ClusterName = "local",
    detections: Detections = None,
    tuning: Tuning = None,
    region: Region = "",
) -> None:
    """Learn from history what is normal, so that nothing has to wait.

    Goes to standard output, to a file, or to the table of a deployed stack, where it is added to
    what is known. `--baseline` adds a file; without audit logs it is all there is.
    """
    if not paths and not baseline:
        raise stop(Exit.USAGE, "there is nothing to learn from: name audit logs, or --baseline")
    found: dict[str, Mapping[str, Entry]] = dict(read(baseline)) if baseline else {}
    unreadable = 0
    if paths:
        files = _files(paths)
        learnt = _learnt(files, _ruleset(detections, tuning), found, cluster)
        found.update(learnt.clusters)
        unreadable = learnt.unreadable
    if table:
        with _aws():
            _put(found, table, region)
    if output or not table:
        _write(found, output)
    if unreadable:
        talk(f"{unreadable} records could not be read")
    raise typer.Exit(Exit.INCOMPLETE if unreadable else Exit.OK)


@app.command("list", epilog=EXITS)
def list_(
    baseline: File = None,
    table: TableName = "",
    cluster: Annotated[str, typer.Option(help="Only this cluster.")] = "",
    document: Annotated[str, typer.Option(help="Only what this rule saw.")] = "",
    json_: Annotated[bool, typer.Option("--json", help="Write JSON lines.")] = False,
    region: Region = "",
) -> None:
    """List what is known, and when it was first and last seen."""
    found = _chosen(_read_either(baseline, table, region), cluster, document)
    with results():
        if json_:
            for text in to_lines(found):
                say(text)
        else:
            out = Stream()
            out.print(_listing(found))
    talk(_summary(found))


@app.command(epilog=EXITS)
def export(
    table: TableName,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file.")
    ] = None,
    cluster: Annotated[str, typer.Option(help="Only this cluster.")] = "",
    region: Region = "",
) -> None:
    """Write what a deployed stack knows as a file, for `scan`, `list` and `seed`."""
    _write(_chosen(_read_either(None, table, region), cluster, ""), output)


def read(file: Path) -> Clusters:
    """The baselines in a file. Ends the command when there are none."""
    try:
        with file.open("rb") as lines:
            return read_lines(lines)
    except OSError as error:
        raise stop(Exit.USAGE, f"{file}: {error.strerror or error}") from None
    except BadBaseline as bad:
        raise stop(Exit.USAGE, f"{file}: {bad}") from None


class _Learnt:
    """What was learnt of each cluster, and how many records could not be read."""

    def __init__(self) -> None:
        self.clusters: dict[str, Mapping[str, Entry]] = {}
        self.unreadable = 0


def _files(paths: Sequence[Path]) -> list[Path]:
    try:
        return audit_files(paths)
    except FileNotFoundError as missing:
        raise stop(Exit.USAGE, f"{missing}: there is no such file or folder") from None


def _learnt(files: Sequence[Path], ruleset: Ruleset, known: Clusters, cluster: str) -> _Learnt:
    engine, learners, learnt = Engine(ruleset), dict[str, Learner](), _Learnt()
    for file in files:
        for batch in batches(file):
            name = batch.cluster or cluster
            if name not in learners:
                learners[name] = Learner(ruleset, name, known.get(name))
            learner = learners[name]
            learner.learn(engine.match(batch.events, learner), batch.events)
            learnt.unreadable += len(batch.unreadable)
    learnt.clusters = {name: learner.entries for name, learner in learners.items()}
    return learnt


def _ruleset(detections: Path | None, tuning: Path | None) -> Ruleset:
    try:
        return compile_ruleset(detections or detections_folder(), tuning)
    except RuleErrors as errors:
        raise stop(Exit.RULES, str(errors)) from None


def _write(found: Clusters, output: Path | None) -> None:
    if output is None:
        with results():
            for text in to_lines(found):
                say(text)
    else:
        try:
            output.write_text("".join(f"{text}\n" for text in to_lines(found)))
        except OSError as error:
            raise stop(Exit.USAGE, f"{output}: {error.strerror or error}") from None
    talk(_summary(found))


def _summary(found: Clusters) -> str:
    entries = [entry for entries in found.values() for entry in entries.values()]
    if not entries:
        return "nothing is known"
    first = min(line("", "", entry).first for entry in entries)
    last = max(line("", "", entry).last for entry in entries)
    clusters = ", ".join(sorted(found))
    return f"{len(entries)} entries of {clusters}, from {first} to {last}"


def _chosen(found: Clusters, cluster: str, document: str) -> Clusters:
    return {
        name: {k: entry for k, entry in entries.items() if document in ("", entry.document)}
        for name, entries in found.items()
        if cluster in ("", name)
    }


def _listing(found: Clusters) -> Table:
    listing = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("Cluster", "Rule", "What", "First", "Last"):
        listing.add_column(heading, overflow="fold")
    for text in to_lines(found):
        one = json.loads(text)
        shown = ", ".join(map(_shown, one["values"]))
        what = shown or "(the rule itself, or one entity)"
        cells = (one["cluster"], one["document"], what, one["first"], one["last"])
        listing.add_row(*map(plain, cells))
    return listing


def _shown(value: object) -> str:
    return "-" if value is None else str(value)


# What needs AWS


@contextmanager
def _aws() -> Iterator[None]:
    """Around what asks AWS: without the SDK it is wrong use, an error of AWS ends the command."""
    try:
        from botocore.exceptions import BotoCoreError, ClientError

        from ekswatch.aws.baseline import SeedFailed
    except ModuleNotFoundError as missing:
        raise stop(
            Exit.USAGE, f"{missing.name} is not installed: pip install 'ekswatch[demo]'"
        ) from None
    try:
        yield
    except (BotoCoreError, ClientError, SeedFailed) as error:
        raise stop(Exit.AWS, f"the table did not answer: {error}") from None


def _client(region: str) -> "DynamoDBClient":
    from ekswatch.aws.clients import CONFIG, session

    create: Any = session().create_client
    client: DynamoDBClient = create("dynamodb", region_name=region or None, config=CONFIG)
    return client


def _put(found: Clusters, name: str, region: str) -> None:
    from ekswatch.aws.baseline import Table

    client = _client(region)
    for cluster, entries in sorted(found.items()):
        changed = Table(client, name, cluster).seed(entries)
        talk(f"{cluster}: {changed} of {len(entries)} entries written to {name}")


def _read_either(file: Path | None, table: str, region: str) -> Clusters:
    if file and not table:
        return read(file)
    if not table or file:
        raise stop(Exit.USAGE, "name either a file with --baseline, or --table")
    with _aws():
        return _of_table(table, region)


def _of_table(name: str, region: str) -> Clusters:
    from ekswatch.aws.baseline import scan

    found: dict[str, dict[str, Entry]] = {}
    for cluster, key, entry in scan(_client(region), name):
        found.setdefault(cluster, {})[key] = entry
    return found
