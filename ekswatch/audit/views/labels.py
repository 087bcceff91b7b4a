"""Labels of an object under the hands of a request: which it sets, which it takes away."""

from collections.abc import Mapping

from ekswatch.audit.event import Json
from ekswatch.audit.lenient import at, has, mapping
from ekswatch.audit.views.written import Written

LABELS = ("metadata", "labels")
ANNOTATIONS = ("metadata", "annotations")

ALL = "*"
"""Stands for the keys that a request takes away without naming them."""

DIRECTIVE = "$patch"
"""In a strategic merge patch: the object replaces what was there, or is removed."""


def labels(found: Written) -> Mapping[str, Json]:
    """The labels as they are after the write."""
    return mapping(at(found.object, LABELS))


def annotations(found: Written) -> Mapping[str, Json]:
    """The annotations as they are after the write."""
    return mapping(at(found.object, ANNOTATIONS))


def labels_set(found: Written) -> tuple[str, ...]:
    """Keys of the labels that the request writes: all of a create or an update."""
    given = _given(found)
    return tuple(key for key, value in given.items() if value is not None and key != DIRECTIVE)


def labels_removed(found: Written) -> tuple[str, ...]:
    """Keys of the labels that a patch removes; what an update leaves out is not known."""
    fragment = found.fragment
    if fragment is None or not has(fragment, LABELS):
        return ()
    given = _given(found)
    if DIRECTIVE in given or at(fragment, LABELS) is None:
        return (ALL,)
    return tuple(key for key, value in given.items() if value is None)


def _given(found: Written) -> Mapping[str, Json]:
    return mapping(at(found.request if found.fragment is None else found.fragment, LABELS))
