"""Peer: one other way to judge events, and what it cost."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.rounds import Spread

Event = dict[str, Any]
Hits = set[tuple[str, str]]
"""Pairs of a question's name and an audit ID."""

Judge = Callable[[Sequence[Event]], Hits]
"""Judges the decoded events of one batch."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A judge, and the names of the questions that it cannot be asked."""

    judge: Judge
    without: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Way:
    """One way to judge: `prepare` compiles the questions, raising ImportError without its library.

    `package` is the distribution it needs, empty for none; `what` says what is measured.
    """

    name: str
    package: str
    what: str
    prepare: Callable[[], Ready]


@dataclass(frozen=True, slots=True)
class Peer:
    """A row of the comparison; `ratio` and `us` are None when it could not be run.

    `agreement` says how its hits compare with ours, or why it was not run.
    """

    name: str
    version: str
    what: str
    rules: int
    events: int
    us: Spread | None
    ratio: Spread | None
    agreement: str
