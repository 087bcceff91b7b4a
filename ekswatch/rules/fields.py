"""Fields as a rule on a view sees them: those of its rows, and those of the event."""

from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any

from ekswatch.audit.views import VIEWS, Row
from ekswatch.audit.vocabulary import EVENT, FIELDS, SUMMARY, has, lookup
from ekswatch.rules.expression import KEYWORDS

Subject = Row
"""What a rule is evaluated on: a row of its view, which has the event's own fields, too."""

Getter = Callable[[Subject], Any]


def is_row_field(field: str, view: str) -> bool:
    """Whether the rows of a view hold the field, rather than the event."""
    known = lookup(field, view) if field != KEYWORDS else None
    return known is not None and EVENT not in known.views


def getter(field: str, view: str) -> Getter:
    """The function that reads a field of the vocabulary from a row of a view.

    Raises: KeyError for a field that such a row does not have.
    """
    if field == KEYWORDS:
        return _summary_texts
    if lookup(field, view) is None:
        raise KeyError(field)
    return itemgetter(field)


def _summary_texts(subject: Subject) -> tuple[str, ...]:
    return tuple(_texts(subject[name] for name in SUMMARY))


def _texts(values: Iterable[Any]) -> list[str]:
    found: list[str] = []
    for value in values:
        members = value if isinstance(value, tuple) else (value,)
        found.extend(member for member in members if isinstance(member, str))
    return found


def names_of(view: str) -> list[str]:
    """The names of the fields and families that a rule on a view can use."""
    return [name for name, field in FIELDS.items() if has(view, field)]


__all__ = [
    "VIEWS",
    "Getter",
    "Row",
    "Subject",
    "getter",
    "is_row_field",
    "names_of",
]
