"""`ekswatch selftest`: a marked line through the deployed pipeline, and the hop where it ended."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer
from rich.text import Text

from ekswatch.cli.account import (
    Format,
    Profile,
    Region,
    StackName,
    asking_aws,
    in_place,
    installation,
    mark,
)
from ekswatch.cli.content import detections_folder
from ekswatch.cli.exits import Exit
from ekswatch.cli.streams import Stream, results, stop, talk
from ekswatch.cli.table import plain
from ekswatch.findings.finding import stamp
from ekswatch.rules.compiler.compile import compile_ruleset

if TYPE_CHECKING:
    from ekswatch.aws.selftest import Hop, Marked, Way

SELFTEST_EXITS = """Exit codes: 0 the finding came everywhere; 1 it did not; 2 wrong use; 4 AWS
errors."""


def selftest(
    stack: StackName = "ekswatch",
    cluster: Annotated[
        str, typer.Option(help="Cluster whose log is written to; without, the stack's first.")
    ] = "",
    timeout: Annotated[
        int, typer.Option(min=0, max=3600, help="Seconds to wait for the finding.")
    ] = 180,
    region: Region = "",
    profile: Profile = "",
    format_: Annotated[Format, typer.Option("--format", help="How to write it.")] = Format.TABLE,
) -> None:
    """Send a marked test event through the deployed pipeline and wait for its finding.

    Writes one line into the log group of the cluster. Who is subscribed to the topic gets the
    finding, which says that it is a test.
    """
    with asking_aws(region, profile), results():
        from ekswatch.aws.selftest import State, follow, marked, send

        way = _way(stack, cluster)
        rules = compile_ruleset(detections_folder())
        test = marked(way, rules, token=uuid4().hex, at=datetime.now(UTC))
        where = f"account {way.stack.account}, {way.stack.region}, cluster {way.cluster}"
        talk(f"sending a test event to {where}")
        hops = [send(way, test)]
        if hops[0].state is State.PASSED:
            hops += follow(way, test, timeout_seconds=timeout)
        ok = all(hop.state in (State.PASSED, State.OFF) for hop in hops)
        if format_ is Format.JSON:
            told = _plain(way, test, hops, ok, region, profile)
            typer.echo(json.dumps(told, indent=2))
        else:
            _show(test, hops, region, profile)
    if not ok:
        failed = next(hop.name for hop in hops if hop.state is State.FAILED)
        talk(f"the test event did not pass: {failed}")
    raise typer.Exit(Exit.OK if ok else Exit.FINDINGS)


def _way(name: str, cluster: str) -> "Way":
    """The way of a test event. Ends the command where there is none."""
    from ekswatch.aws.audit_logs import watched
    from ekswatch.aws.selftest import Way

    stack, stream, told = installation(name)
    clusters = (cluster,) if cluster else watched(told)
    if not clusters:
        raise stop(Exit.USAGE, "the stack watches no cluster: give --cluster")
    return Way(stack, clusters[0], stream, told)


def _show(test: "Marked", hops: Sequence["Hop"], region: str, profile: str) -> None:
    out = Stream(soft_wrap=True, highlight=False)
    out.print(Text(f"sent {stamp(test.at)}, finding {test.finding.id}"))
    for hop in hops:
        out.print(_line(hop, out.encoding))
        if hop.fix:
            out.print(Text(f"    {plain(in_place(hop.fix, region, profile))}"))


def _line(hop: "Hop", encoding: str) -> Text:
    from ekswatch.aws.selftest import State

    asked = hop.state in (State.PASSED, State.FAILED)
    ok = hop.state is State.PASSED
    sign = f"{mark(ok, encoding)} " if asked else "- "
    style = ("green" if ok else "bold red") if asked else "dim"
    said = [f"after {hop.seconds:g} s" if hop.seconds else "", hop.seen]
    words = "; ".join(filter(None, said)) or hop.state.value
    return Text(sign, style=style) + Text(f"{hop.name}: {plain(words)}", style="not bold")


def _plain(
    way: "Way", test: "Marked", hops: Sequence["Hop"], ok: bool, region: str, profile: str
) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "stack": way.stack.name,
        "account": way.stack.account,
        "region": way.stack.region,
        "cluster": way.cluster,
        "sent_at": stamp(test.at),
        "finding_id": test.finding.id,
        "ok": ok,
        "hops": [
            {
                "name": hop.name,
                "state": hop.state.value,
                "seconds": hop.seconds,
                "seen": hop.seen,
                "fix": in_place(hop.fix, region, profile),
            }
            for hop in hops
        ],
    }
