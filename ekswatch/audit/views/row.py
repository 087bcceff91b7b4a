"""Row: what a rule sees of an event, or of one pod, container, grant, ... in it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Generic, TypeVar

from ekswatch.audit.event import AuditEvent, Json, Value
from ekswatch.audit.vocabulary import Read, reader

Source = TypeVar("Source")


@dataclass(frozen=True, slots=True)
class Fields(Generic[Source]):
    """How the fields of a row are read from what the row is of: a pod, a container, ...

    Shape: `one` maps field to reader; `families` maps the prefix of fields that clients name,
    as in `pod.labels.`, to the reader of the object that holds them.
    """

    one: Mapping[str, Callable[[Source], Value]]
    families: Mapping[str, Callable[[Source], Mapping[str, Json]]] = field(default_factory=dict)


class Row(dict[str, Value]):
    """Field to value; a field is read when it is first asked for, and is None when absent.

    Absent are also the empty text and the empty tuple.
    """

    __slots__ = ("_parts", "_within")

    def __init__(self, *parts: tuple[Fields[Any], Any], within: "Row | None" = None) -> None:
        """Each part: fields, and what they are read from. The first that has a field counts.

        What no part has is that of the row `within` which this one is.
        """
        self._parts = parts
        self._within = within

    def __missing__(self, field: str) -> Value:
        value = self[field] = self._read(field)
        return value

    def get(self, field: str, default: Any = None) -> Any:
        value = self[field]
        return default if value is None else value

    @property
    def event(self) -> AuditEvent:
        """The event that the row is of. Raises: LookupError for a row that is of none."""
        if self._within is None:
            raise LookupError("a row of no event")
        return self._within.event

    def within(self, outer: "Row") -> "Row":
        """This row, with what nothing around it has read from the outer one."""
        if self._within is None:
            self._within = outer
        elif self._within is not outer:
            self._within.within(outer)
        return self

    def whole(self) -> "Row":
        """The same with every field that says something, and no other."""
        found = Row()
        for name in self._names():
            value = self[name]
            if value is not None:
                found[name] = value
        return found

    def _read(self, field: str) -> Value:
        for fields, source in self._parts:
            if read := fields.one.get(field):
                value = read(source)
                return None if value == "" or value == () else value
            for prefix, family in fields.families.items():
                if field.startswith(prefix):
                    member = family(source).get(field.removeprefix(prefix))
                    return member if isinstance(member, str) and member else None
        return None if self._within is None else self._within[field]

    def _names(self) -> list[str]:
        names: list[str] = []
        for fields, source in self._parts:
            names += fields.one
            for prefix, family in fields.families.items():
                names += (prefix + key for key in family(source))
        return names if self._within is None else names + self._within._names()


class EventRow(Row):
    """The one row of the event view: all fields are the event's, as the vocabulary reads them."""

    __slots__ = ("_event",)

    def __init__(self, event: AuditEvent) -> None:
        super().__init__()
        self._event = event

    @property
    def event(self) -> AuditEvent:
        return self._event

    def __missing__(self, field: str) -> Value:
        read = _reader(field)
        value = self[field] = None if read is None else read(self._event)
        return value


@cache
def _reader(field: str) -> Read | None:
    """How an event's field is read; None for one that only the rows of other views have."""
    try:
        return reader(field)
    except KeyError:
        return None
