"""A baseline as JSON lines, one entry each, to be kept, moved, read and compared."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Annotated

import msgspec

from ekswatch.audit.event import Value
from ekswatch.correlate.baseline import Entry, merged

VERSION = 1
"""Raised with every change that an older reader would misread."""

MAX_LINE_BYTES = 200_000


class BadBaseline(ValueError):  # noqa: N818  # read as a fact
    """A line that is no entry of a baseline, or one of another version."""


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry. `first` and `last` are days of event time, in UTC, as in 2026-11-20."""

    v: int
    cluster: str
    document: str
    values: tuple[Value, ...]
    first: date
    last: date
    forget_days: Annotated[int, msgspec.Meta(ge=1, le=999)]
    key: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]


def line(cluster: str, key: str, entry: Entry) -> Line:
    """An entry as a line."""
    return Line(
        VERSION,
        cluster,
        entry.document,
        entry.values,
        date.fromordinal(entry.since),
        date.fromordinal(entry.last),
        entry.forget_days,
        key,
    )


def encode(cluster: str, key: str, entry: Entry) -> str:
    """An entry as one line of JSON."""
    return msgspec.json.encode(line(cluster, key, entry)).decode()


def decode(text: str | bytes) -> tuple[str, str, Entry]:
    """Cluster, key and entry of a line. Raises: BadBaseline, saying what is wrong with it."""
    if len(text) > MAX_LINE_BYTES:
        raise BadBaseline(f"{len(text)} bytes are too many for an entry of a baseline")
    try:
        read = msgspec.json.decode(text, type=Line)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadBaseline(f"not an entry of a baseline: {error}") from error
    if read.v != VERSION:
        raise BadBaseline(f"an entry of version {read.v}, this ekswatch reads version {VERSION}")
    if read.last < read.first:
        raise BadBaseline("an entry that was last seen before it was first seen")
    since, last = read.first.toordinal(), read.last.toordinal()
    return read.cluster, read.key, Entry(since, last, read.document, read.values, read.forget_days)


def read_lines(lines: Iterable[str | bytes]) -> dict[str, dict[str, Entry]]:
    """The entries of each cluster; two of one key are one that knows what both do.

    Raises: BadBaseline, with the number of the line.
    """
    found: defaultdict[str, dict[str, Entry]] = defaultdict(dict)
    for number, text in enumerate(lines, start=1):
        if not text.strip():
            continue
        try:
            cluster, key, entry = decode(text)
        except BadBaseline as bad:
            raise BadBaseline(f"line {number}: {bad}") from None
        known = found[cluster].get(key)
        found[cluster][key] = merged(known, entry) if known else entry
    return dict(found)


def to_lines(clusters: Mapping[str, Mapping[str, Entry]]) -> Iterator[str]:
    """The lines of baselines, in order of cluster, document and values: equal ones are equal."""
    for cluster, entries in sorted(clusters.items()):
        for key, entry in sorted(entries.items(), key=_in_order):
            yield encode(cluster, key, entry)


def _in_order(item: tuple[str, Entry]) -> tuple[str, str, str]:
    key, entry = item
    return entry.document, repr(entry.values), key
