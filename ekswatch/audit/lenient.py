"""Reading decoded JSON of which nothing may be assumed: a wrong type reads as absent."""

from collections.abc import Iterator
from typing import Any

Json = Any
"""A decoded JSON value: dict, list, str, int, float, bool or None."""

Value = str | int | float | bool | tuple[str, ...] | None
"""What a field of the vocabulary holds: a scalar, several strings, or None when absent."""


def mapping(value: Json) -> dict[str, Json]:
    """Return the object, or an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: Json) -> list[Json]:
    """Return the array, or an empty one."""
    return value if isinstance(value, list) else []


def objects(value: Json) -> list[dict[str, Json]]:
    """Return the members of an array that are objects."""
    return [item for item in items(value) if isinstance(item, dict)]


def text(value: Json) -> str:
    """Return the string, or an empty one."""
    return value if isinstance(value, str) else ""


def texts(value: Json) -> tuple[str, ...]:
    """Return the members of an array that are strings."""
    return tuple(item for item in items(value) if isinstance(item, str))


def flag(value: Json) -> bool:
    """Return whether the value is JSON's true."""
    return value is True


def at(value: Json, path: tuple[str, ...]) -> Json:
    """Return what lies at a path of object keys, None when some step is missing."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def has(value: Json, path: tuple[str, ...]) -> bool:
    """Return whether the path is there, be it with the value null."""
    parent = at(value, path[:-1])
    return isinstance(parent, dict) and path[-1] in parent


def walk(value: Json, path: tuple[str, ...]) -> Value:
    """Return what a rule sees at a path of a body; arrays on the way mean any member.

    Shape: a scalar where no array was crossed, else a tuple of the members in JSON's
    spelling. An object reads as its keys, so that rules can ask whether it is there and
    what it names. None when there is nothing at the path.
    """
    found, crossed = [value], isinstance(value, list)
    for key in path:
        found = [item[key] for item in _flat(found) if isinstance(item, dict) and key in item]
        crossed = crossed or any(isinstance(item, list) for item in found)
    if not found:
        return None
    if not crossed and not isinstance(found[0], dict):
        scalar: Value = found[0]
        return scalar
    return tuple(spelled for item in _flat(found) for spelled in _spellings(item))


def _flat(values: list[Json]) -> Iterator[Json]:
    """Yield the members of nested arrays, without recursion: attackers choose the depth."""
    stack = [iter(values)]
    while stack:
        for item in stack[-1]:
            if isinstance(item, list):
                stack.append(iter(item))
                break
            yield item
        else:
            stack.pop()


def _spellings(value: Json) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
    elif isinstance(value, bool):
        yield "true" if value else "false"
    elif value is not None:
        yield str(value)
