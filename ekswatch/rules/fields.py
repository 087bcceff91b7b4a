"""Fields as a rule on a view sees them: the row's own first, then those of the event."""

from collections.abc import Callable, Sequence
from typing import Any

from ekswatch.audit.event import AuditEvent
from ekswatch.audit.views import VIEWS, Row
from ekswatch.audit.vocabulary import EVENT, FIELDS, SUMMARY, Field, has, lookup, reader
from ekswatch.rules.expression import KEYWORDS

Subject = tuple[AuditEvent, Row]
"""What a rule is evaluated on: an event and one row of a view, an empty row on the event view."""

Getter = Callable[[Subject], Any]


def is_row_field(field: str, view: str) -> bool:
    """Whether the rows of a view hold the field, rather than the event."""
    known = lookup(field, view) if field != KEYWORDS else None
    return known is not None and EVENT not in known.views


def getter(field: str, view: str) -> Getter:
    """The function that reads a field of the vocabulary from an event and a row.

    Raises: KeyError for a field that neither has.
    """
    if field == KEYWORDS:
        return _summary_texts()
    if is_row_field(field, view):
        return lambda subject: subject[1][field]
    read = reader(field)
    return lambda subject: read(subject[0])


def _summary_texts() -> Getter:
    readers = [reader(name) for name in SUMMARY]
    return lambda subject: tuple(_texts([read(subject[0]) for read in readers]))


def _texts(values: Sequence[Any]) -> list[str]:
    found: list[str] = []
    for value in values:
        members = value if isinstance(value, tuple) else (value,)
        found.extend(member for member in members if isinstance(member, str))
    return found


def names_of(view: str) -> list[str]:
    """The names of the fields and families that a rule on a view can use."""
    return [name for name, field in FIELDS.items() if has(view, field)]


__all__ = ["VIEWS", "Field", "Getter", "Row", "Subject", "getter", "is_row_field", "names_of"]
