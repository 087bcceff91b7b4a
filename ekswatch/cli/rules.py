"""`ekswatch rules`: write, check, test and list detections, those that ship or your own."""

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from ekswatch.audit.vocabulary import OUTCOMES
from ekswatch.cli import coverage as attack_coverage
from ekswatch.cli import linting, readable
from ekswatch.cli.content import detections_folder
from ekswatch.cli.examples import events_folder, find_examples
from ekswatch.cli.exits import Exit
from ekswatch.cli.options import Detections, Level, Tuning
from ekswatch.cli.portrait import VERSION, Gallery
from ekswatch.cli.scaffold import Kind, Taken, is_slug, write
from ekswatch.cli.starts import STARTS
from ekswatch.cli.streams import Stream, results, say, stop, talk
from ekswatch.cli.verdicts import verdicts
from ekswatch.rules.compiler.attack import TACTIC_IDS, TACTICS
from ekswatch.rules.compiler.compile import compile_ruleset
from ekswatch.rules.compiler.errors import RuleErrors
from ekswatch.rules.compiler.sources import OWN, SPECIAL, Sources, read_sources
from ekswatch.rules.compiler.suggest import suggestion
from ekswatch.rules.compiler.writing import written
from ekswatch.rules.ruleset import write_artefact

app = typer.Typer(
    name="rules",
    help="Write, check, test and list detections: those that ship, or a folder of your own.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


class Talk(StrEnum):
    """How results for people or programs are written."""

    TEXT = "text"
    JSON = "json"


class Listing(StrEnum):
    """How the list is written."""

    TABLE = "table"
    JSON = "json"


class Showing(StrEnum):
    """How one detection is written; sigma is its file as it is."""

    TEXT = "text"
    JSON = "json"
    SIGMA = "sigma"


class Covering(StrEnum):
    """How coverage is written; navigator is a layer for the ATT&CK Navigator."""

    TABLE = "table"
    JSON = "json"
    NAVIGATOR = "navigator"


class Status(StrEnum):
    """Which detections to list."""

    LIVE = "live"
    ALL = "all"


def slugs(incomplete: str) -> list[str]:
    """The slugs that ship and begin so, for completion in a shell."""
    files = detections_folder().glob("*/*.yml")
    names = {file.stem for file in files if file.parent.name not in SPECIAL}
    return sorted(name for name in names if name.startswith(incomplete))


Output = Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file.")]

EXITS = "Exit codes: 0 fine; 2 wrong use; 3 detections have errors."
EVENT = "event"
"""What the view without a name is called here."""


@app.command(epilog=EXITS)
def lint(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files or folders of detections; all by default.")
    ] = None,
    format_: Annotated[Talk, typer.Option("--format", help="How to write.")] = Talk.TEXT,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail, too.")] = False,
    detections: Detections = None,
    tuning: Tuning = None,
) -> None:
    """Say what is wrong with detections, or could be better.

    Lists and filters beside them, and the tuning folder, are looked at, too.
    """
    paths = paths or [detections or detections_folder()]
    for path in (*paths, *filter(None, (detections, tuning))):
        _must_exist(path)
    found = linting.problems(paths, folder=detections, tuning=tuning, today=_today())
    errors = sum(problem.level == "error" for problem in found)
    warnings = len(found) - errors
    with results():
        if format_ is Talk.JSON:
            _json(problems=msgspec.to_builtins(found), errors=errors, warnings=warnings)
        for problem in found if format_ is Talk.TEXT else ():
            say(linting.line(problem))
    talk(f"{_many(errors, 'error')}, {_many(warnings, 'warning')}")
    raise typer.Exit(Exit.RULES if errors or (strict and warnings) else Exit.OK)


@app.command("list", epilog=EXITS)
def list_(
    format_: Annotated[Listing, typer.Option("--format", help="How to write.")] = Listing.TABLE,
    tactic: Annotated[
        str, typer.Option(help="Only those of this ATT&CK tactic, as in credential-access.")
    ] = "",
    severity: Annotated[
        Level | None, typer.Option(case_sensitive=False, help="Only those of this severity.")
    ] = None,
    status: Annotated[
        Status, typer.Option(help="Those that run, or also those that are switched off.")
    ] = Status.LIVE,
    detections: Detections = None,
    tuning: Tuning = None,
) -> None:
    """List detections, and whether they run."""
    wanted = TACTICS[_tactic(tactic, TACTICS)] if tactic else ""
    sources = _sources(detections, tuning)
    rows = [
        row
        for row in Gallery.of(sources).rows
        if (not wanted or wanted in row.tactics)
        and (severity is None or row.severity == severity.name)
        and (row.is_on or status is Status.ALL)
    ]
    with results():
        if format_ is Listing.JSON:
            _json(detections=msgspec.to_builtins(rows))
        else:
            out = Stream()
            out.print(readable.rows_table(rows, out.width))
    raise typer.Exit(_after(sources))


@app.command(epilog=EXITS)
def show(
    slug: Annotated[str, typer.Argument(metavar="SLUG", help="A detection.", autocompletion=slugs)],
    format_: Annotated[Showing, typer.Option("--format", help="How to write.")] = Showing.TEXT,
    events: Annotated[
        Path | None, typer.Option(help="The folder of examples, when it is elsewhere.")
    ] = None,
    detections: Detections = None,
    tuning: Tuning = None,
) -> None:
    """Show everything about one detection."""
    sources = _sources(detections, tuning)
    _must_be_known([slug], sources)
    portrait = Gallery.of(sources).portrait(slug, find_examples(*_events(events, sources)))
    with results():
        if format_ is Showing.SIGMA:
            typer.echo(Path(portrait.row.file).read_text(), nl=False)
        elif format_ is Showing.JSON:
            typer.echo(json.dumps(portrait.as_json(), indent=2))
        else:
            for line in readable.text(portrait).splitlines():
                say(line)
    raise typer.Exit(_after(sources))


@app.command("test", epilog="Exit codes: 0 all pass; 1 some fail; 2 wrong use; 3 errors.")
def run(
    only: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SLUG]...", help="Detections; all by default.", autocompletion=slugs
        ),
    ] = None,
    events: Annotated[
        Path | None,
        typer.Option(
            help="The folder of examples. By default 'events' in the folder of detections, "
            "or beside it when that is called 'detections'; likewise in the tuning folder."
        ),
    ] = None,
    format_: Annotated[Talk, typer.Option("--format", help="How to write.")] = Talk.TEXT,
    detections: Detections = None,
    tuning: Tuning = None,
) -> None:
    """Run the examples of detections.

    Every match_ must be found, every ignore_ must not.
    """
    sources = _sources(detections, tuning)
    folders = _events(events, sources)
    _must_be_known(only or [], sources)
    for slug in only or ():
        if slug in sources.settings.disabled.detections:
            talk(f"{slug} is switched off by the tuning folder")
    found = verdicts(written(sources), folders, only=only or (), known=_slugs(sources))
    with results():
        if format_ is Talk.JSON:
            _json(**found.as_json())
        for line in found.lines() if format_ is Talk.TEXT else ():
            say(line)
    judged = f"{_many(len(found.outcomes), 'example')} of {_many(found.detections, 'detection')}"
    talk(f"{judged}, {found.failed} failed")
    raise typer.Exit(_after(sources) or (Exit.FINDINGS if found.failed else Exit.OK))


@app.command(epilog="Exit codes: 0 written; 2 wrong use, or the name is taken.")
def new(
    slug: Annotated[
        str, typer.Argument(metavar="SLUG", help="Its name: lower case words joined by hyphens.")
    ],
    kind: Annotated[
        Kind, typer.Option(help="One event, a count within a time, or steps in order.")
    ] = Kind.STREAM,
    view: Annotated[
        str,
        typer.Option(
            help=f"What it looks at: {', '.join(name or EVENT for name in STARTS)}; "
            "docs/vocabulary.md has their fields. "
            f"No event has rows in {', '.join(OUTCOMES)}: these have no start."
        ),
    ] = EVENT,
    tactic: Annotated[
        str, typer.Option(help="The ATT&CK tactic, whose folder it goes to. [default: by view]")
    ] = "",
    folder: Annotated[
        Path | None,
        typer.Option(help="The folder of detections to write it into. [default: detections]"),
    ] = None,
    tuning: Tuning = None,
) -> None:
    """Write a new detection and its examples.

    They pass lint and test as they are, for you to change.
    """
    if not is_slug(slug):
        raise stop(Exit.USAGE, f"{slug!r}: use lower case words joined by hyphens, as in pod-exec")
    tactic = _tactic(tactic, TACTIC_IDS) if tactic else ""
    view = "" if view == EVENT else view
    if view in OUTCOMES:
        raise stop(
            Exit.USAGE,
            f"no event has rows in the view {view!r}, so no example could show them; "
            "docs/commands.md says which detection to begin with",
        )
    if view not in STARTS:
        hint = suggestion(view, filter(None, STARTS))
        raise stop(Exit.USAGE, f"there is no view {view!r}{hint}")
    if folder is not None and tuning is not None:
        raise stop(Exit.USAGE, "give either --folder or --tuning: a detection lies in one of them")
    home = tuning / OWN if tuning is not None else folder or Path("detections")
    taken = () if tuning is None else (detections_folder(),)
    try:
        made = write(home, slug, kind=kind, view=view, tactic=tactic, today=_today(), beside=taken)
    except Taken as taken:
        raise stop(Exit.USAGE, f"{taken}; nothing was written") from None
    except OSError as failed:
        raise stop(Exit.USAGE, f"{failed.filename}: {failed.strerror}") from None
    with results():
        for path in (made.rule, *made.examples):
            typer.echo(str(path))
    named = f"--tuning {tuning}" if tuning else ""
    talk(
        f"Next: 1. change the condition in {made.rule} (fields: docs/vocabulary.md), then title, "
        "description, falsepositives, message and tags.",
        "2. Replace the examples by events of yours; keep the nearest innocent neighbour.",
        f"3. ekswatch rules lint {named or home} && "
        f"ekswatch rules test {slug} {named or f'--detections {home}'}",
    )


@app.command(epilog=EXITS)
def coverage(
    format_: Annotated[Covering, typer.Option("--format", help="How to write.")] = Covering.TABLE,
    output: Output = None,
    detections: Detections = None,
    tuning: Tuning = None,
) -> None:
    """Show which ATT&CK techniques are covered, and the gaps."""
    sources = _sources(detections, tuning)
    found = written(sources).detections
    cells = attack_coverage.coverage(found)
    if format_ is Covering.NAVIGATOR:
        text = json.dumps(attack_coverage.layer(found), indent=2) + "\n"
    elif format_ is Covering.JSON:
        text = json.dumps(attack_coverage.as_json(cells), indent=2) + "\n"
    else:
        text = attack_coverage.text(cells)
    _put(text.encode(), output)
    raise typer.Exit(_after(sources))


@app.command("compile", epilog="Exit codes: 0 written; 2 wrong use; 3 detections have errors.")
def compile_(
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")],
    detections: Detections = None,
    tuning: Tuning = None,
) -> None:
    """Compile detections to the file that functions read.

    Nothing is written unless everything compiles.
    """
    for path in filter(None, (detections, tuning)):
        _must_exist(path)
    try:
        ruleset = compile_ruleset(detections or detections_folder(), tuning)
        made = write_artefact(output, ruleset)
    except RuleErrors as errors:
        raise stop(Exit.RULES, str(errors)) from None
    except OSError as failed:
        raise stop(Exit.USAGE, f"{output}: {failed.strerror}") from None
    with results():
        say(f"hash {made.hash}")
        say(
            f"{_many(made.detections, 'detection')}, {_many(len(made.rules), 'rule')}, "
            f"{_many(len(made.correlations), 'correlation')}, "
            f"{_many(len(made.filters), 'filter')}"
        )
    talk(f"written to {output}")


# What the commands share


def _sources(detections: Path | None, tuning: Path | None) -> Sources:
    """What loads of the folders, the rest said on standard error; stops when that is nothing."""
    for path in filter(None, (detections, tuning)):
        _must_exist(path)
    sources = read_sources(detections or detections_folder(), tuning)
    talk(*map(str, sources.errors))
    if not sources.files or not sources.settings_hold:
        raise typer.Exit(Exit.RULES)
    return sources


def _after(sources: Sources) -> Exit:
    """The exit code of a command that went on without the files that have errors."""
    return Exit.RULES if sources.errors else Exit.OK


def _must_exist(path: Path) -> None:
    if not path.exists():
        raise stop(Exit.USAGE, f"{path}: there is no such file or folder")


def _events(given: Path | None, sources: Sources) -> tuple[Path, ...]:
    if given is None:
        return tuple(map(events_folder, sources.roots))
    if not given.is_dir():
        raise stop(Exit.USAGE, f"{given}: there is no such folder")
    return (given,)


def _slugs(sources: Sources) -> frozenset[str]:
    """The slugs of all detections, those with errors included."""
    return frozenset(file.slug for file in sources.files) | sources.names.broken


def _must_be_known(slugs: Iterable[str], sources: Sources) -> None:
    known = {file.slug for file in sources.files}
    for slug in slugs:
        if slug in sources.names.broken:
            raise typer.Exit(Exit.RULES)  # its errors have been said
        if slug not in known:
            raise stop(Exit.USAGE, f"there is no detection {slug!r}{suggestion(slug, known)}")


def _tactic(name: str, known: Iterable[str]) -> str:
    word = name.lower().replace(" ", "-").replace("_", "-")
    if word not in known:
        raise stop(Exit.USAGE, f"there is no tactic {name!r}{suggestion(word, known)}")
    return word


def _today() -> date:
    return datetime.now(UTC).date()


def _many(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def _json(**parts: Any) -> None:
    typer.echo(json.dumps({"schema_version": VERSION, **parts}, indent=2))


def _put(content: bytes, output: Path | None) -> None:
    if output is None:
        with results():
            typer.echo(content, nl=False)
        return
    try:
        output.write_bytes(content)
    except OSError as failed:
        raise stop(Exit.USAGE, f"{output}: {failed.strerror}") from None
    talk(f"written to {output}")
