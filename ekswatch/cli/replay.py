"""`ekswatch replay`: what failed every attempt, handed to the functions of the stack again."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ekswatch.aws.failed import BadRecord, Record, Store, read_record, records
from ekswatch.cli.account import Format, Profile, Region, StackName, asking_aws
from ekswatch.cli.exits import Exit
from ekswatch.cli.scan import audit_files
from ekswatch.cli.streams import Stream, results, stop, talk
from ekswatch.cli.table import plain

if TYPE_CHECKING:
    from ekswatch.aws.replay import Event, Judged
    from ekswatch.aws.stack import Stack

REPLAY_EXITS = """Exit codes: 0 every record was replayed, or there is none; 2 wrong use; 4 AWS
refused, or a function failed again; 5 some records are none of the stack's."""

SCHEMA_VERSION = 1


class Outcome(StrEnum):
    """What became of a record."""

    REPLAYED = "replayed"
    FAILED = "failed"
    """The function failed again."""
    UNUSABLE = "unusable"
    """It is no record, or none of this stack's functions."""
    READY = "ready"
    """It could be replayed, and `--dry-run` was given."""


@dataclass(frozen=True, slots=True)
class Result:
    """One record: where it lies, what it holds as far as it is known, and what became of it."""

    place: str
    outcome: Outcome
    why: str = ""
    record: Record | None = None
    event: "Event | None" = None
    judged: "Judged | None" = None
    removed: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A record that waits, or why it is none; `key` in the bucket, where it lies there."""

    place: str
    record: Record | BadRecord
    key: str = ""


@dataclass(slots=True)
class Run:
    """What the command was told, and the results so far; `refusal` is why it ended early."""

    stack: "Stack"
    notify: bool
    delete: bool
    dry_run: bool
    any_function: bool
    results: list[Result] = field(default_factory=list)
    refusal: str = ""

    def count(self, outcome: Outcome) -> int:
        return sum(result.outcome is outcome for result in self.results)

    @property
    def store(self) -> Store:
        from ekswatch.aws.clients import client

        return Store(client("s3"), self.stack.failed_events_bucket)


def replay(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Records in files or folders, as Lambda keeps them; or use --failed."),
    ] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="The records in the stack's bucket of failed events.")
    ] = False,
    notify: Annotated[
        bool, typer.Option("--notify", help="Tell people of what nobody was told of yet.")
    ] = False,
    delete: Annotated[
        bool, typer.Option("--delete", help="Remove each record from the bucket once replayed.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what there is, and hand in nothing.")
    ] = False,
    any_function: Annotated[
        bool,
        typer.Option("--any-function", help="Take records of functions that the stack had before."),
    ] = False,
    stack: StackName = "ekswatch",
    region: Region = "",
    profile: Profile = "",
    format_: Annotated[Format, typer.Option("--format", help="How to write the outcome.")] = (
        Format.TABLE
    ),
) -> None:
    """Hand events that failed to the deployed functions again, one after the other, oldest first.

    Findings come as they would have; nobody gets a message of them unless --notify is given.
    """
    _check(paths, failed=failed, delete=delete)
    files = _files(paths or ())
    with asking_aws(region, profile):
        run = Run(_found(stack), notify, delete and not dry_run, dry_run, any_function)
        waiting = _stored(run.store) if failed else (len(files), _read(files))
        _replay(run, *waiting)
    with results():
        _write(run, format_)
    talk(*_summary(run, stored=failed))
    raise typer.Exit(_verdict(run))


def _found(name: str) -> "Stack":
    from ekswatch.aws.stack import NotDeployed, find

    try:
        return find(name)
    except NotDeployed as error:
        message = f"{error}: name it with --stack, and where it is with --region"
        raise stop(Exit.USAGE, message) from None


def _check(paths: Sequence[Path] | None, *, failed: bool, delete: bool) -> None:
    if bool(paths) == failed:
        raise stop(Exit.USAGE, "name records in files, or --failed for those in the bucket")
    if delete and not failed:
        raise stop(Exit.USAGE, "--delete is for the bucket: it goes with --failed, not with files")


def _files(paths: Iterable[Path]) -> list[Path]:
    try:
        return audit_files(paths)
    except FileNotFoundError as missing:
        raise stop(Exit.USAGE, f"{missing}: there is no such file or folder") from None


# Where the records are


def _read(files: Iterable[Path]) -> Iterator[Found]:
    for file in files:
        try:
            raw = file.read_bytes()
        except OSError as error:
            yield Found(str(file), BadRecord(f"it cannot be read: {error.strerror or error}"))
            continue
        for record in records(raw):
            yield Found(str(file), record)


def _stored(store: Store) -> tuple[int, Iterator[Found]]:
    """How many records the bucket has, and each of them, read when it is asked for."""
    keys = store.keys()
    return len(keys), (_fetched(store, key) for key in keys)


def _fetched(store: Store, key: str) -> Found:
    """Raises: ClientError, BotoCoreError."""
    place = f"s3://{store.bucket}/{key}"
    try:
        return Found(place, read_record(store.read(key)), key)
    except BadRecord as error:
        return Found(place, error)
    except store.client.exceptions.NoSuchKey:
        return Found(place, BadRecord("it is gone: it has expired, or somebody removed it"))


# What becomes of them


def _replay(run: Run, total: int, waiting: Iterator[Found]) -> None:
    """Hand in every record; AWS's own refusal would meet the next one too, so it ends the run."""
    from botocore.exceptions import BotoCoreError, ClientError

    from ekswatch.aws.replay import patient_client

    functions = patient_client()
    with _progress(total) as advance:
        try:
            for found in waiting:
                run.results.append(_result(run, found, functions))
                advance()
        except (BotoCoreError, ClientError) as error:
            run.refusal = _refusal(error)


def _result(run: Run, found: Found, functions: Any) -> Result:
    from ekswatch.aws.replay import FailedAgain, hand_in, read_event

    record = found.record
    if isinstance(record, BadRecord):
        return Result(found.place, Outcome.UNUSABLE, str(record))
    try:
        event = read_event(record, run.stack, any_function=run.any_function)
    except BadRecord as error:
        return Result(found.place, Outcome.UNUSABLE, str(error), record)
    if run.dry_run:
        return Result(found.place, Outcome.READY, "", record, event)
    try:
        judged = hand_in(event.function, record.payload, notify=run.notify, functions=functions)
    except FailedAgain as error:
        return Result(found.place, Outcome.FAILED, str(error), record, event)
    removed = run.delete and _removed(run.store, found.key)
    return Result(found.place, Outcome.REPLAYED, "", record, event, judged, removed)


def _removed(store: Store, key: str) -> bool:
    """Raises: ClientError, BotoCoreError."""
    store.remove(key)
    return True


# What is said of it


def _write(run: Run, format_: Format) -> None:
    if format_ is Format.JSON:
        typer.echo(json.dumps(_as_json(run), indent=2))
        return
    usable = [result for result in run.results if result.outcome is not Outcome.UNUSABLE]
    if usable:
        out = Stream()
        out.print(_table(usable))


def _table(shown: Iterable[Result]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("Failed at", "Holds", "Outcome"):
        table.add_column(heading, overflow="fold")
    for result in shown:
        record = result.record
        table.add_row(
            *map(plain, (record.failed_at if record else "", _holds(result), _said(result)))
        )
    return table


def _holds(result: Result) -> str:
    event = result.event
    if event is None:
        return ""
    if event.run:
        return f"the hourly run of {event.run}"
    unreadable = f", {event.unreadable} unreadable" if event.unreadable else ""
    return f"{event.cluster or 'unknown cluster'}: {_number(event.events, 'event')}{unreadable}"


def _said(result: Result) -> str:
    """The outcome in words; of what is only looked at, why it failed."""
    record, judged = result.record, result.judged
    if judged is None:
        why = result.why or (record.error if record else "")
        return f"{result.outcome}: {why}" if why else str(result.outcome)
    if judged.refused:
        return "replayed: refused, as it is of no cluster's log group"
    return f"replayed: {_number(judged.findings, 'finding')}"


def _summary(run: Run, *, stored: bool) -> Iterator[str]:
    for result in run.results:
        if result.outcome is Outcome.UNUSABLE:
            yield f"{result.place}: {result.why}"
    counts = Counter(result.outcome for result in run.results)
    said = [f"{counts[outcome]} {_WORDS[outcome]}" for outcome in Outcome if counts[outcome]]
    yield f"{_number(len(run.results), 'record')}{': ' if said else ''}{', '.join(said)}"
    yield from _told(run)
    if stored and (kept := counts[Outcome.REPLAYED] - sum(one.removed for one in run.results)):
        yield (
            f"{kept} replayed {'records remain' if kept > 1 else 'record remains'} in"
            f" s3://{run.stack.failed_events_bucket}: run it again with --delete, which changes no"
            " finding"
        )
    if run.refusal:
        yield f"the rest was not tried: {run.refusal}"


_WORDS = {
    Outcome.REPLAYED: "replayed",
    Outcome.FAILED: "failed again",
    Outcome.UNUSABLE: "not of this stack, or no record",
    Outcome.READY: "to be replayed",
}


def _told(run: Run) -> Iterator[str]:
    judged = [result.judged for result in run.results if result.judged]
    findings, due = sum(one.findings for one in judged), sum(one.due for one in judged)
    if not judged:
        return
    if run.notify:
        yield f"{_number(findings, 'finding')}, {_number(due, 'message')} due"
    elif due:
        yield (
            f"{_number(findings, 'finding')}, of which nobody was told of {due}: run it again with"
            " --notify to send the messages"
        )
    else:
        yield f"{_number(findings, 'finding')}, no message due"


def _as_json(run: Run) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "stack": run.stack.name,
        "notify": run.notify,
        "refusal": run.refusal,
        "records": [_entry(result) for result in run.results],
    }


def _entry(result: Result) -> dict[str, Any]:
    record, event, judged = result.record, result.event, result.judged
    return {
        "record": result.place,
        "outcome": str(result.outcome),
        "why": result.why,
        "function": record.function if record else "",
        "failed_at": record.failed_at if record else "",
        "condition": record.condition if record else "",
        "attempts": record.attempts if record else 0,
        "error": record.error if record else "",
        "cluster": event.cluster if event else "",
        "events": event.events if event else 0,
        "unreadable": event.unreadable if event else 0,
        "hourly_run": event.run if event else "",
        "findings": judged.findings if judged else 0,
        "due": judged.due if judged else 0,
        "removed": result.removed,
    }


def _verdict(run: Run) -> Exit:
    if run.refusal or run.count(Outcome.FAILED):
        return Exit.AWS
    return Exit.INCOMPLETE if run.count(Outcome.UNUSABLE) else Exit.OK


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _refusal(error: Exception) -> str:
    from ekswatch.aws.answers import missing_right

    right = missing_right(error)
    return f"you lack the right {right} ({error})" if right else str(error)


@contextmanager
def _progress(total: int) -> Iterator[Any]:
    """A bar on standard error, where that is a terminal."""
    talking = Stream(stderr=True)
    columns = (TextColumn("Replaying"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(
        *columns, console=talking, transient=True, disable=not talking.is_terminal
    ) as bar:
        task = bar.add_task("replay", total=total)
        yield lambda: bar.update(task, advance=1)
