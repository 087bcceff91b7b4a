"""`ekswatch doctor`: a tick or a cross for all that ekswatch depends on, with a fix per cross."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from ekswatch.cli.account import (
    Format,
    Profile,
    Region,
    StackName,
    asking_aws,
    in_place,
    mark,
)
from ekswatch.cli.exits import Exit
from ekswatch.cli.streams import Stream, results, talk
from ekswatch.cli.table import plain

if TYPE_CHECKING:
    from ekswatch.aws.checkup import Check

DOCTOR_EXITS = "Exit codes: 0 all is well; 1 a cross; 2 wrong use."


def doctor(
    stack: StackName = "ekswatch",
    cluster: Annotated[
        list[str] | None,
        typer.Option(help="Cluster to look at, again for more; without, those of the stack."),
    ] = None,
    region: Region = "",
    profile: Profile = "",
    format_: Annotated[Format, typer.Option("--format", help="How to write it.")] = Format.TABLE,
) -> None:
    """Check what ekswatch depends on, before and after it is deployed. Changes nothing."""
    with asking_aws(region, profile), results():
        checks = _checks(stack, cluster or (), region, profile)
        seen = list(_shown(checks) if format_ is Format.TABLE else checks)
        crosses = sum(not check.ok for check in seen)
        if format_ is Format.JSON:
            typer.echo(json.dumps(_plain(stack, seen), indent=2))
    if crosses:
        talk(f"{crosses} of {len(seen)} checks failed")
    raise typer.Exit(Exit.FINDINGS if crosses else Exit.OK)


def _checks(stack: str, clusters: Sequence[str], region: str, profile: str) -> Iterator["Check"]:
    from dataclasses import replace

    from ekswatch.aws.checkup import checkup

    for check in checkup(stack, clusters, now=lambda: datetime.now(UTC)):
        yield replace(check, fix=in_place(check.fix, region, profile))


def _shown(checks: Iterator["Check"]) -> Iterator["Check"]:
    """The same, each written as soon as it is known."""
    out = Stream(soft_wrap=True, highlight=False)
    for check in checks:
        style = "green" if check.ok else "bold red"
        line = Text(f"{mark(check.ok, out.encoding)} ", style=style)
        out.print(line + Text(f"{plain(check.name)}: {plain(check.seen)}", style="not bold"))
        if check.fix:
            out.print(Text(f"    {plain(check.fix)}"))
        yield check


def _plain(stack: str, checks: Sequence["Check"]) -> dict[str, object]:
    return {
        "schema_version": 1,
        "stack": stack,
        "ok": all(check.ok for check in checks),
        "checks": [
            {"name": each.name, "ok": each.ok, "seen": each.seen, "fix": each.fix}
            for each in checks
        ],
    }
