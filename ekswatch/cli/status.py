"""`ekswatch status`: how an installation does now, and what somebody should look at."""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from ekswatch.cli.account import (
    Format,
    Profile,
    Region,
    StackName,
    asking_aws,
    in_place,
    installation,
)
from ekswatch.cli.content import detections_folder
from ekswatch.cli.exits import Exit
from ekswatch.cli.streams import Stream, results, say, stop, talk
from ekswatch.cli.table import plain
from ekswatch.findings.finding import stamp
from ekswatch.rules.compiler.compile import compile_ruleset
from ekswatch.rules.compiler.errors import RuleErrors
from ekswatch.rules.ruleset import Ruleset

if TYPE_CHECKING:
    from ekswatch.aws.stack import Function
    from ekswatch.aws.status import Heard, Status

STATUS_EXITS = """Exit codes: 0 all is well; 1 there is something to look at; 2 wrong use; 3 your
tuning has errors; 4 AWS errors."""


def status(
    stack: StackName = "ekswatch",
    tuning: Annotated[
        Path | None,
        typer.Option(help="Your tuning folder, instead of the suppressions that are deployed."),
    ] = None,
    region: Region = "",
    profile: Profile = "",
    format_: Annotated[Format, typer.Option("--format", help="How to write it.")] = Format.TABLE,
) -> None:
    """Show when something came last, how far windows are judged, and what is not as it should be.

    Counts are of the last 24 hours, times to five minutes.
    """
    with asking_aws(region, profile), results():
        found = _found(stack, tuning)
        if format_ is Format.JSON:
            typer.echo(json.dumps(_plain(found), indent=2))
        else:
            _show(found, region, profile)
    if found.troubles:
        talk(f"{len(found.troubles)} to look at")
    raise typer.Exit(Exit.FINDINGS if found.troubles else Exit.OK)


def _found(name: str, tuning: Path | None) -> "Status":
    from ekswatch.aws.status import status

    stack, stream, told = installation(name)
    return status(stack, told, _rules(stream, tuning), at=datetime.now(UTC))


def _rules(stream: "Function", tuning: Path | None) -> Callable[[], Ruleset]:
    """The rules whose suppressions count: those that are deployed, or with a tuning folder."""
    if tuning is None:
        from ekswatch.aws.archive import rules_of

        return lambda: rules_of(stream)
    try:
        rules = compile_ruleset(detections_folder(), tuning)
    except RuleErrors as errors:
        raise stop(Exit.RULES, str(errors)) from None
    return lambda: rules


# --- as a table


def _show(found: "Status", region: str, profile: str) -> None:
    say(f"stack {found.stack.name}, account {found.stack.account}, {found.stack.region}")
    if found.clusters is not None:
        Stream().print(_table(found.clusters, found.at))
    for line in _lines(found):
        say(line)
    out = Stream(soft_wrap=True, highlight=False)
    for trouble in found.troubles:
        words = plain(in_place(trouble, region, profile))
        out.print(Text("! ", style="bold yellow") + Text(f"{words}", style="not bold"))


def _table(clusters: Sequence["Heard"], at: datetime) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("Cluster", "Last event", "Last finding", "Last message", "Events", "Findings"):
        table.add_column(heading, overflow="fold")
    for each in clusters[:-1]:  # the last stands for none
        last = (each.last_event_at, each.last_finding_at, each.last_message_at)
        cells = (each.cluster, *(_ago(one, at) for one in last))
        table.add_row(*map(plain, (*cells, f"{each.events:,}", f"{each.findings:,}")))
    return table


def _lines(found: "Status") -> Iterator[str]:
    """What there is to say that is no trouble."""
    if found.lag is not None:
        yield f"lag: {found.lag.total_seconds():.1f} s at most within the last hour"
    if found.judged_until:
        yield f"window: judged until {_ago(found.judged_until, found.at)}"
    if found.late_since:
        yield f"window: signals from {stamp(found.late_since)} on came late, the next run has them"
    if found.clusters is not None and not any(sum(c.broken.values()) for c in found.clusters):
        yield "rules: no failure in a day"
    if found.failed_events == 0:
        yield "failed events: none wait"
    if found.suppressions == []:
        yield "suppressions: none ends within a week"
    for each in found.live_lists:
        age = "of unknown age" if each.age_hours is None else f"{each.age_hours} hours old"
        yield f"list {each.name}: {age} ({each.source})"


def _ago(when: datetime | None, at: datetime) -> str:
    """A time and how long ago that was, in minutes, hours or days."""
    if when is None:
        return "-"
    minutes = int((at - when).total_seconds() // 60)
    for unit, length in (("d", 24 * 60), ("h", 60)):
        if minutes >= 2 * length:
            return f"{when:%Y-%m-%d %H:%MZ} ({minutes // length}{unit} ago)"
    return f"{when:%Y-%m-%d %H:%MZ} ({minutes}m ago)"


# --- as JSON


def _plain(found: "Status") -> dict[str, Any]:
    return {
        "schema_version": 1,
        "stack": found.stack.name,
        "account": found.stack.account,
        "region": found.stack.region,
        "at": stamp(found.at),
        "ok": not found.troubles,
        "clusters": found.clusters and [_of_cluster(each) for each in found.clusters],
        "lag_seconds": found.lag.total_seconds() if found.lag is not None else None,
        "window": {
            "judged_until": _time(found.judged_until),
            "late_since": _time(found.late_since),
        },
        "failed_events": found.failed_events,
        "suppressions": _dicts(found.suppressions),
        "live_lists": _dicts(found.live_lists),
        "troubles": found.troubles,
    }


def _of_cluster(each: "Heard") -> dict[str, Any]:
    return {
        "cluster": each.cluster,
        "last_event_at": _time(each.last_event_at),
        "last_finding_at": _time(each.last_finding_at),
        "last_message_at": _time(each.last_message_at),
        "events": each.events,
        "findings": each.findings,
        "broken": dict(each.broken),
    }


def _dicts(rows: Sequence[Any] | None) -> list[dict[str, Any]] | None:
    from dataclasses import asdict

    return None if rows is None else [asdict(row) for row in rows]


def _time(at: datetime | None) -> str | None:
    return stamp(at) if at else None
