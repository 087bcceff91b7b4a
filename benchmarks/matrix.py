"""The matrix: every corpus, batch size and rule set against the floor."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from benchmarks.corpora import Corpus, Payload, payloads
from benchmarks.ours import Ours, judge
from benchmarks.rounds import FLOOR, Spread, Work, alternate, floor, ratios, spread
from benchmarks.rulesets import at_least, first_rules, scoped_in_body
from ekswatch.audit.intake import read_payload
from ekswatch.rules.ruleset import Ruleset

READING = "reading"
"""Our reading alone, without any rule."""

IN_BODY = "1000 in the body"
"""Rules that the header cannot tell apart: the worst rule set, on one row."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One row of the matrix. Units: microseconds of CPU per event; `ratio` is to the floor.

    `first` is the ratio of the first pass, with nothing kept yet. `matches` is per 1,000 events.
    """

    corpus: str
    batch: int
    rules: str
    events: int
    floor_us: Spread
    us: Spread
    ratio: Spread
    first: float
    matches: float


@dataclass(frozen=True, slots=True)
class Measured:
    """The rows, and how the time of a rule set grows from one to the next, per corpus and batch."""

    cells: tuple[Cell, ...]
    growth: Mapping[tuple[str, int, str], Spread]

    def cell(self, corpus: str, batch: int, rules: str) -> Cell:
        """The row; raises KeyError when it was not measured."""
        for cell in self.cells:
            if (cell.corpus, cell.batch, cell.rules) == (corpus, batch, rules):
                return cell
        raise KeyError((corpus, batch, rules))


def rule_sets() -> dict[str, Ruleset]:
    """Rule sets by the name of their row."""
    return {"10": first_rules(10), "100": at_least(100), "1000": at_least(1000)}


def measure(
    corpora: Sequence[Corpus],
    batches: Sequence[int],
    rounds: int,
    *,
    in_body: bool,
    told: Callable[[str], None],
) -> Measured:
    """All rows; `told` hears what is about to be measured, `in_body` adds that rule set's row."""
    cells: list[Cell] = []
    growth: dict[tuple[str, int, str], Spread] = {}
    for corpus in corpora:
        for batch in batches:
            sets = rule_sets()
            if in_body and corpus.name == "benign mix" and batch == 100:
                sets[IN_BODY] = scoped_in_body(1000)
            told(f"{corpus.name}, batches of {batch:,}")
            found, grown = _measure(corpus, batch, sets, rounds)
            cells += found
            growth |= {(corpus.name, batch, name): value for name, value in grown.items()}
    return Measured(tuple(cells), growth)


def _measure(
    corpus: Corpus, batch: int, sets: Mapping[str, Ruleset], rounds: int
) -> tuple[list[Cell], dict[str, Spread]]:
    engines = {name: Ours(ruleset) for name, ruleset in sets.items()}
    passes = _of_each if corpus.per_rule_set else _of_all
    works = passes(corpus, batch, engines)
    first, times = alternate(works, rounds)
    lines = payloads(corpus.lines(-1), batch)
    cells = [
        _cell(corpus, batch, name, first, times, _matches(engines.get(name), lines))
        for name in (READING, *sets)
    ]
    pairs = {"100 to 10": ("100", "10"), "1000 to 100": ("1000", "100")}
    grown = {name: ratios(times[more], times[less]) for name, (more, less) in pairs.items()}
    return cells, grown


def _of_all(
    corpus: Corpus, batch: int, engines: Mapping[str, Ours]
) -> Callable[[int], Mapping[str, Work]]:
    """The events of each round, the same for all rule sets."""

    def works(number: int) -> dict[str, Work]:
        made = payloads(corpus.lines(number), batch)
        return {
            FLOOR: partial(floor, made),
            READING: partial(read, made),
            **{name: partial(judge, engine, made) for name, engine in engines.items()},
        }

    return works


def _of_each(
    corpus: Corpus, batch: int, engines: Mapping[str, Ours]
) -> Callable[[int], Mapping[str, Work]]:
    """New events for every rule set in every round, each with its own floor."""

    def works(number: int) -> dict[str, Work]:
        found: dict[str, Work] = {}
        for place, name in enumerate((READING, *engines)):
            made = payloads(corpus.lines(number * 100 + place), batch)
            engine = engines.get(name)
            found[_floor_of(name)] = partial(floor, made)
            found[name] = partial(judge, engine, made) if engine else partial(read, made)
        return found

    return works


def _floor_of(name: str) -> str:
    return f"{FLOOR} of {name}"


def read(made: Sequence[Payload]) -> None:
    """What the function does before any rule."""
    for payload in made:
        _ = read_payload(payload).events


def _matches(engine: Ours | None, made: Sequence[Payload]) -> int:
    if engine is None:
        return 0
    return sum(len(engine.match(payload)) for payload in made)


def _cell(
    corpus: Corpus,
    batch: int,
    name: str,
    first: Mapping[str, float],
    times: Mapping[str, Sequence[float]],
    matches: int,
) -> Cell:
    below = _floor_of(name) if corpus.per_rule_set else FLOOR
    us = 1e6 / corpus.size
    return Cell(
        corpus=corpus.name,
        batch=batch,
        rules=name,
        events=corpus.size,
        floor_us=spread(times[below]).times(us),
        us=spread(times[name]).times(us),
        ratio=ratios(times[name], times[below]),
        first=first[name] / first[below],
        matches=1000 * matches / corpus.size,
    )
