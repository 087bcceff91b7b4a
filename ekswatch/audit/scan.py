"""Finding where JSON values begin and end, in text that may be cut, deep or hostile.

A parser refuses a document as a whole; this reads its outline, so that what is whole can
be kept. No recursion, and no work beyond one pass: attackers choose the nesting.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MAX_VALUE_BYTES = 64 * 1024 * 1024
"""The longest single value read from a stream; an audit event is at most about 3 MiB."""

MAX_PARTS = 100_000
"""Members or elements read of one value. 64 MiB hold fewer audit events, but millions of `1,`."""

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_STRUCTURE = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[{}\[\]]', re.DOTALL)
_SCALAR = re.compile(rb"[^\s,\]}]++")
_BLANK = re.compile(rb"[ \t\r\n]*+")
_GAP = re.compile(rb"[\s,]*+")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an object: its key, the bytes of its value, and whether all are there."""

    key: str
    value: bytes
    whole: bool


@dataclass(frozen=True, slots=True)
class Found:
    """One value of a stream, where it began (line number from 1), and whether it is whole."""

    line: int
    value: bytes
    whole: bool = True


class TooLongError(ValueError):
    """A value of a stream is over the limit; `line` says where it began."""

    def __init__(self, line: int) -> None:
        super().__init__("value over the size limit")
        self.line = line


def members(raw: bytes) -> tuple[list[Member], bool]:
    """Return the members of the object that the text begins with, and whether it is closed.

    Stops where the text is cut or is not JSON, and after `MAX_PARTS`, as if it were cut there;
    what came before is returned.
    """
    found: list[Member] = []
    position = _skip_blank(raw, 0)
    if raw[position : position + 1] != b"{":
        return found, False
    position += 1
    while True:
        position = _gap(raw, position)
        if raw[position : position + 1] == b"}":
            return found, True
        key = _STRING.match(raw, position)
        if key is None or len(found) == MAX_PARTS:
            return found, False
        colon = _skip_blank(raw, key.end())
        if raw[colon : colon + 1] != b":":
            return found, False
        start = _skip_blank(raw, colon + 1)
        end = _end_of_value(raw, start)
        if end == start:
            return found, False
        found.append(Member(_text(key[0]), raw[start:end], end is not None))
        if end is None:
            return found, False
        position = end


def elements(raw: bytes) -> tuple[list[bytes], bool]:
    """Return the whole elements of the array that the text begins with, and if it is closed.

    After `MAX_PARTS` of them it stops, as if the array were cut there.
    """
    found: list[bytes] = []
    position = _skip_blank(raw, 0)
    if raw[position : position + 1] != b"[":
        return found, False
    position += 1
    while True:
        position = _gap(raw, position)
        if raw[position : position + 1] == b"]":
            return found, True
        end = _end_of_value(raw, position)
        if end is None or end == position or len(found) == MAX_PARTS:
            return found, False
        found.append(raw[position:end])
        position = end


def values(chunks: Iterable[bytes], *, limit_bytes: int = MAX_VALUE_BYTES) -> Iterator[Found]:
    """Yield the values of a stream of JSON: documents, and the elements of arrays of them.

    The last value is not whole when the stream ends inside it, or inside an array.
    Memory: the longest value, not the stream.
    Raises: TooLongError, after everything before it was yielded.
    """
    buffer, line, in_array, enough = b"", 1, False, 0
    for chunk in chunks:
        buffer += chunk
        if len(buffer) < enough:
            continue
        spans, position, in_array = _split(buffer, in_array)
        yield from _located(buffer, spans, line)
        line += buffer.count(b"\n", 0, position)
        buffer = buffer[position:]
        # a value longer than the buffer is scanned again when twice as much is there
        enough = 2 * len(buffer)
        if len(buffer) > limit_bytes:
            raise TooLongError(line + buffer.count(b"\n", 0, _gap(buffer, 0)))
    # the line break ends a number or word, which otherwise could go on
    spans, position, in_array = _split(buffer + b"\n", in_array)
    yield from _located(buffer, spans, line)
    start = _gap(buffer, position)
    if start < len(buffer) or in_array:
        yield Found(line + buffer.count(b"\n", 0, start), buffer[start:], whole=False)


def repaired(value: bytes) -> bytes:
    """Replace invalid UTF-8, and escaped surrogates, by the replacement character."""
    return _SURROGATE.sub(rb"\\ufffd", value.decode("utf-8", "replace").encode())


def _located(buffer: bytes, spans: list[tuple[int, int]], line: int) -> Iterator[Found]:
    counted = 0
    for start, end in spans:
        line += buffer.count(b"\n", counted, start)
        yield Found(line, buffer[start:end])
        counted = start


def _split(buffer: bytes, in_array: bool) -> tuple[list[tuple[int, int]], int, bool]:
    """Return where the whole values lie, where the rest begins, and if that is in an array."""
    spans: list[tuple[int, int]] = []
    position = 0
    while True:
        start = _gap(buffer, position)
        first = buffer[start : start + 1]
        if first == b"[" and not in_array:
            position, in_array = start + 1, True
        elif first == b"]":
            position, in_array = start + 1, False
        else:
            end = _end_of_value(buffer, start)
            if not first or end is None:
                return spans, position, in_array
            position = max(end, start + 1)
            spans.append((start, position))


def _end_of_value(raw: bytes, start: int) -> int | None:
    """Return where the value ends; None when the text ends first; `start` when there is none."""
    first = raw[start : start + 1]
    if first in (b"{", b"["):
        return _end_of_container(raw, start)
    if first == b'"':
        string = _STRING.match(raw, start)
        return string.end() if string else None
    scalar = _SCALAR.match(raw, start)
    if scalar is None:
        return start if first else None
    # a number at the very end may go on in what was cut off
    return scalar.end() if scalar.end() < len(raw) else None


def _end_of_container(raw: bytes, start: int) -> int | None:
    depth = 0
    for token in _STRUCTURE.finditer(raw, start):
        opener = token[0]
        if opener in (b"{", b"["):
            depth += 1
        elif opener in (b"}", b"]"):
            depth -= 1
            if depth == 0:
                return token.end()
    return None


def _skip_blank(raw: bytes, position: int) -> int:
    blank = _BLANK.match(raw, position)
    return blank.end() if blank else position


def _gap(raw: bytes, position: int) -> int:
    gap = _GAP.match(raw, position)
    return gap.end() if gap else position


def _text(quoted: bytes) -> str:
    return quoted[1:-1].decode("utf-8", "replace")
