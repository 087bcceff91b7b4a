"""`ekswatch suppress`: say that something is expected, and see what that hides.

Suppressions lie in `ekswatch.yml` of the tuning folder. Before one is written, it is tried on
the recorded attacks: what hides one of those needs `--force`.
"""

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from rich.table import Table

from ekswatch.audit.intake import read_file
from ekswatch.cli.content import detections_folder, recordings
from ekswatch.cli.exits import Exit
from ekswatch.cli.options import Detections
from ekswatch.cli.scan import audit_files
from ekswatch.cli.streams import Stream, results, say, stop, talk
from ekswatch.rules.compiler.compile import compile_ruleset
from ekswatch.rules.compiler.errors import RuleErrors
from ekswatch.rules.match import Match
from ekswatch.rules.matcher.engine import Engine
from ekswatch.rules.ruleset import Filter, Ruleset

SETTINGS = "ekswatch.yml"
KEY = "suppressions:"
SHOWN = 10

app = typer.Typer(
    name="suppress",
    help="Say that something is expected, with reason, owner and expiry; see what that hides.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Tuning = Annotated[Path, typer.Option(help="Your tuning folder; it holds ekswatch.yml.")]


@dataclass(frozen=True, slots=True)
class Hidden:
    """What one suppression hides.

    Shape: `attacks` maps recorded attacks to how many of the attacker's requests are hidden;
    `matches` counts all that it hides in recordings and files, by detection; `said` are the
    first of them.
    """

    attacks: dict[str, int]
    matches: Counter[str]
    said: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        for slug, count in sorted(self.matches.items()):
            yield f"hides {count} matches of {slug}"
        yield from (f"  {one}" for one in self.said)
        for name, count in sorted(self.attacks.items()):
            yield f"hides {count} requests of the recorded attack {name}"
        if not self.matches:
            yield "hides nothing in these events"


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Under this name it is counted.")],
    rule: Annotated[list[str], typer.Option(help="Detection or rule it is for; may be repeated.")],
    when: Annotated[
        list[str],
        typer.Option(help="field=value, or field|modifier=value; all of them must hold."),
    ],
    reason: Annotated[str, typer.Option(help="Why these matches are expected.")],
    owner: Annotated[str, typer.Option(help="Who answers for that.")],
    tuning: Tuning,
    expires: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The last day it holds.")
    ] = None,
    view: Annotated[str, typer.Option(help="The view whose fields --when uses.")] = "",
    detections: Detections = None,
    on: Annotated[
        list[Path] | None, typer.Option(help="Audit logs of your own to try it on, too.")
    ] = None,
    force: Annotated[bool, typer.Option(help="Also when it hides a recorded attack.")] = False,
) -> None:
    """Add a suppression, unless it would hide one of the recorded attacks."""
    made: dict[str, Any] = {"name": name, "rules": rule, "when": _selection(when)}
    made |= {"view": view} if view else {}
    made |= {"reason": reason, "owner": owner}
    made |= {"expires": expires.date()} if expires else {}
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / "tuning"
        if tuning.is_dir():
            shutil.copytree(tuning, trial)
        trial.mkdir(exist_ok=True)
        insert(trial / SETTINGS, made)
        found = hidden(_compiled(detections, trial, shown_as=tuning), name, _files(on))
    talk(*found.lines())
    if found.attacks and not force:
        raise stop(Exit.FINDINGS, "not added: it hides a recorded attack; --force adds it anyway")
    tuning.mkdir(parents=True, exist_ok=True)
    insert(tuning / SETTINGS, made)
    say(f"added to {tuning / SETTINGS}")


@app.command(name="list")
def list_(
    tuning: Tuning,
    detections: Detections = None,
    json_: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List your suppressions and how long they hold, those that end first in front."""
    ruleset = _compiled(detections, tuning)
    own = sorted(
        (f for f in ruleset.filters if not f.default),
        key=lambda f: (not f.expires, f.expires, f.name),
    )
    today = datetime.now(UTC).date()
    with results():
        if json_:
            typer.echo(json.dumps([_plain(each, today) for each in own], indent=2))
            return
        table = Table("Suppression", "For", "Owner", "Because", "Ends", "Days left")
        for each in own:
            left = days_left(each, today)
            table.add_row(
                each.name,
                ", ".join(each.rules) or "all",
                each.owner,
                each.reason,
                each.expires or "never",
                "" if left is None else str(left) if left >= 0 else "over",
            )
        Stream().print(table)


@app.command()
def check(
    tuning: Tuning,
    names: Annotated[
        list[str] | None, typer.Argument(help="Suppressions to check; all without.")
    ] = None,
    detections: Detections = None,
    on: Annotated[list[Path] | None, typer.Option(help="Audit logs to try them on, too.")] = None,
) -> None:
    """Show what your suppressions hide in the recordings; exit 1 when that is an attack."""
    ruleset = _compiled(detections, tuning)
    own = {each.name for each in ruleset.filters if not each.default}
    for unknown in sorted({*(names or ())} - own):
        raise stop(Exit.USAGE, f"there is no suppression {unknown!r}")
    attacked = False
    with results():
        for name in sorted(names or own):
            found = hidden(ruleset, name, _files(on))
            attacked |= bool(found.attacks)
            for line in (name, *(f"  {line}" for line in found.lines())):
                say(line)
    raise typer.Exit(Exit.FINDINGS if attacked else Exit.OK)


def hidden(ruleset: Ruleset, name: str, files: Sequence[Path] = ()) -> Hidden:
    """What a filter of the ruleset hides in the recorded attacks, and in further files."""
    *scenarios, _ = recordings()
    labels = json.loads((scenarios[0].parent / "labels.json").read_text())
    engine = Engine(ruleset)
    attacks: dict[str, int] = {}
    matches: Counter[str] = Counter()
    said: list[str] = []
    for file in (*scenarios, *files):
        mine = [match for match in _matches(engine, file) if match.suppressed_by == name]
        matches.update(match.detection.slug for match in mine)
        said += [_said(match) for match in mine[: SHOWN - len(said)]]
        label = labels.get(file.name.partition(".")[0], {}) if file in scenarios else {}
        attack = {*label.get("attack", ())} if label.get("technique") else set()
        if requests := {audit_id for match in mine for audit_id in match.audit_ids} & attack:
            attacks[file.name.partition(".")[0]] = len(requests)
    return Hidden(attacks, matches, tuple(said))


def insert(file: Path, suppression: dict[str, Any]) -> None:
    """Write a suppression into a settings file; everything else in it stays as it is."""
    text = file.read_text() if file.exists() else ""
    entry = yaml.safe_dump([suppression], sort_keys=False, allow_unicode=True, width=100)
    block = "".join(f"  {line}\n" for line in entry.splitlines())
    lines = text.splitlines(keepends=True)
    for index, line in enumerate(lines):
        if line.rstrip() == KEY:
            file.write_text("".join((*lines[: index + 1], block, *lines[index + 1 :])))
            return
    separator = "" if not text or text.endswith("\n") else "\n"
    file.write_text(f"{text}{separator}{KEY}\n{block}")


def days_left(filter_: Filter, today: date) -> int | None:
    """How many days a filter still holds, negative when it is over, None when it does not end."""
    return (date.fromisoformat(filter_.expires) - today).days if filter_.expires else None


def _matches(engine: Engine, file: Path) -> Iterator[Match]:
    for batch in read_file(file):
        yield from engine.match(batch.events)


def _said(match: Match) -> str:
    at = match.first_seen.isoformat(timespec="seconds")
    return f"{at} {match.document} {' '.join(match.audit_ids)}"


def _plain(filter_: Filter, today: date) -> dict[str, Any]:
    return {
        "name": filter_.name,
        "rules": list(filter_.rules),
        "owner": filter_.owner,
        "reason": filter_.reason,
        "expires": filter_.expires or None,
        "days_left": days_left(filter_, today),
    }


def _selection(tests: Sequence[str]) -> dict[str, Any]:
    """Fields to values; the same field twice means any of the values."""
    selection: dict[str, Any] = {}
    for test in tests:
        field, equals, value = test.partition("=")
        if not equals or not field:
            raise stop(Exit.USAGE, f"--when {test!r}: write field=value")
        read, known = _read(value), selection.get(field)
        selection[field] = read if known is None else [*_listed(known), read]
    return selection


def _read(value: str) -> Any:
    """A list, number, truth value or null as YAML has it; everything else is text."""
    try:
        read = yaml.safe_load(value)
    except yaml.YAMLError:
        return value
    plain = read is None and value in ("null", "~")
    return read if plain or isinstance(read, list | int | float) else value


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _files(paths: list[Path] | None) -> list[Path]:
    try:
        return audit_files(paths or ())
    except FileNotFoundError as missing:
        raise stop(Exit.USAGE, f"{missing}: there is no such file or folder") from None


def _compiled(detections: Path | None, tuning: Path, *, shown_as: Path | None = None) -> Ruleset:
    try:
        return compile_ruleset(detections or detections_folder(), tuning)
    except RuleErrors as errors:
        said = str(errors).replace(str(tuning), str(shown_as or tuning))
        raise stop(Exit.RULES, said) from None
