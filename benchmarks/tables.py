"""Tables: the same rows for a terminal and for Markdown."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from benchmarks.rounds import Spread


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under headings; `words` are the columns (from 0) that hold no numbers."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: frozenset[int] = frozenset({0})
    note: str = ""


def show(tables: Sequence[Table], console: Console) -> None:
    """Print the tables with their notes."""
    for table in tables:
        shown = RichTable(title=escape(table.title), title_justify="left")
        for number, column in enumerate(table.columns):
            shown.add_column(
                escape(column),
                justify="left" if number in table.words else "right",
                overflow="fold",
            )
        for row in table.rows:
            shown.add_row(*map(escape, row))
        console.print(shown)
        if table.note:
            console.print(escape(table.note), style="dim")
        console.print()


def markdown(table: Table) -> Iterator[str]:
    """The lines of the table in Markdown, under its title, with its note."""
    yield from (f"## {table.title}", "")
    if table.note:
        yield from (table.note, "")
    yield _line(table.columns)
    yield _line(tuple("---" if n in table.words else "--:" for n in range(len(table.columns))))
    yield from map(_line, table.rows)
    yield ""


def range_of(value: Spread, digits: int = 2) -> str:
    """The quartiles, as in "0.79-0.83"."""
    return f"{value.low:.{digits}f}-{value.high:.{digits}f}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
