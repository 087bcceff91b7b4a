"""Row: what a rule sees of one pod, container, grant, ..."""

from collections.abc import Mapping

from ekswatch.audit.event import Value

Row = Mapping[str, Value]
"""Field to value; a field that is absent has no key."""


def row(fields: Mapping[str, Value]) -> dict[str, Value]:
    """Return the fields that say something: no None, no empty text, no empty tuple."""
    return {name: value for name, value in fields.items() if value not in (None, "", ())}
