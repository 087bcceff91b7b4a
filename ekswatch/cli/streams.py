"""Standard output and standard error: results go to the one, talk to the other."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import typer
from rich.console import Console

from ekswatch.cli import table
from ekswatch.cli.exits import Exit


class Stream(Console):
    """A console whose reader may leave: what is not said then changes no exit code."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        forget(self.file)


@contextmanager
def results() -> Iterator[None]:
    """Around everything that writes results to standard output.

    A reader that leaves early, as `| head` does, has what it wants; any other failure to write
    stops the command with its reason.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        forget(sys.stdout)
    except OSError as failed:
        forget(sys.stdout)
        raise stop(Exit.USAGE, f"standard output: {failed.strerror}") from None


def forget(stream: IO[str]) -> None:
    """Let what is still to be written there vanish, at the end of the process too."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def stop(code: Exit, message: str) -> typer.Exit:
    """What to raise to end the command with this code, the reason said on standard error."""
    talk(*message.splitlines())
    return typer.Exit(code)


def talk(*lines: str) -> None:
    """Say something on standard error that is no result."""
    console = Stream(stderr=True, soft_wrap=True)
    for line in lines:
        console.print(table.plain(line))


def say(line: str) -> None:
    """Write a line of results, whatever a stranger wrote into it."""
    typer.echo(table.plain(line).plain)
