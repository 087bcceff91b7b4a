"""What CloudWatch Logs' filter patterns match, as far as its user guide says it.

Terms and JSON are here; patterns of columns and of regular expressions are not, as we write none.
What the guide leaves open raises, or is asked of the caller: a test then holds for every answer.

Source: CloudWatch Logs user guide, "Filter pattern syntax"; API reference, PutSubscriptionFilter.
"""

import functools
import json
import operator
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

MAX_CHARACTERS = 1_024

TERM = re.compile(r'\s*([?-]?)\s*(?:"([^"\\]*)"|([A-Za-z0-9_]+))(?=\s|$)')
TOKEN = re.compile(
    r"\s*(?:(?P<selector>\$(?:\.(?:[A-Za-z0-9_-]+|\*|\['[^']+'\])(?:\[(?:\d+|\*)\])*)+)"
    r"|(?P<sign>&&|\|\||!=|<=|>=|=|<|>|\(|\))"
    r'|"(?P<quoted>[^"\\%]*)"'
    r"|(?P<word>[^\s()|&=!<>\"%]+))"
)
STEP = re.compile(r"\.([\w-]+)|\.\['([^']+)'\]|\[(\d+)\]|(\*)")
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

Test = Callable[[Any, bool], bool]
"""Of a JSON value, and of what `differs` says."""

ANY = None
"""The step of a path that takes every member."""

MAX_WILDCARDS = 3
"""In a pattern; a selector has one at most."""

Path = Sequence[str | int | None]

NOTHING = object()
"""What a selector finds where there is nothing."""


class BadPattern(ValueError):  # noqa: N818 - says what is bad
    """The service would refuse the pattern, or the guide does not say what it means."""


def matches(pattern: str, message: str, *, differs: bool = False) -> bool:
    """Whether a pattern matches the message of a log event.

    `differs` is whether != holds where the selector finds nothing: the guide does not say.
    Raises: BadPattern.
    """
    if len(pattern) > MAX_CHARACTERS:
        raise BadPattern(f"{len(pattern)} characters, at most {MAX_CHARACTERS} are taken")
    if pattern.startswith("{"):
        test = _read(pattern)
        try:
            return test(json.loads(message), differs)
        except json.JSONDecodeError:
            return False
    return _has_terms(pattern, message)


@functools.cache
def _read(pattern: str) -> Test:
    if not pattern.endswith("}"):
        raise BadPattern("what begins with { ends with }")
    return _Reader(pattern[1:-1]).whole()


def _has_terms(pattern: str, message: str) -> bool:
    wanted, unwanted, optional = list[str](), list[str](), list[str]()
    at = 0
    while pattern[at:].strip():
        found = TERM.match(pattern, at)
        if found is None:
            raise BadPattern(f"no term at {pattern[at:]!r}")
        sign, quoted, word = found.groups()
        if quoted is None or quoted.strip():  # blank quotes match everything
            {"": wanted, "-": unwanted, "?": optional}[sign].append(quoted or word)
        at = found.end()
    if wanted or unwanted:
        optional = []  # beside other terms they are ignored
    if any(term in message for term in unwanted):
        return False
    return all(term in message for term in wanted) and (
        not optional or any(term in message for term in optional)
    )


class _Reader:
    """Reads what stands in braces; each method returns the test of what it read."""

    def __init__(self, text: str) -> None:
        self.tokens = list(_tokens(text))
        self.at = self.wildcards = 0

    def whole(self) -> Test:
        read = self._either()
        if self.at < len(self.tokens):
            raise BadPattern(f"more than one expression: {self.tokens[self.at :]}")
        return read

    def _either(self) -> Test:
        parts = [self._both()]
        while self._takes("sign", "||"):
            parts.append(self._both())
        return lambda value, differs: any(part(value, differs) for part in parts)

    def _both(self) -> Test:
        parts = [self._one()]
        while self._takes("sign", "&&"):
            parts.append(self._one())
        return lambda value, differs: all(part(value, differs) for part in parts)

    def _one(self) -> Test:
        if self._takes("sign", "("):
            read = self._either()
            if not self._takes("sign", ")"):
                raise BadPattern("a ) is missing")
            return read
        kind, selector = self._next()
        if kind != "selector":
            raise BadPattern(f"{selector!r} is no selector")
        path = self._path(selector)
        kind, word = self._next()
        if kind == "word":
            return _stated(path, f"{word} {self._next()[1]}")
        if word not in COMPARISONS:
            raise BadPattern(f"{word!r} compares nothing")
        kind, text = self._next()
        if kind not in ("word", "quoted"):
            raise BadPattern(f"{text!r} is no value")
        return _compared(
            path, word, text, is_number=kind == "word" and bool(NUMBER.fullmatch(text))
        )

    def _path(self, selector: str) -> Path:
        steps = list[str | int | None]()
        for step in STEP.finditer(selector):
            key, quoted, index, wildcard = step.groups()
            steps.append(ANY if wildcard else int(index) if index else key or quoted)
        self.wildcards += steps.count(ANY)
        if steps.count(ANY) > 1 or self.wildcards > MAX_WILDCARDS:
            raise BadPattern("one wildcard in a selector, and three in a pattern")
        return steps

    def _takes(self, *token: str) -> bool:
        if self.tokens[self.at : self.at + 1] != [token]:
            return False
        self.at += 1
        return True

    def _next(self) -> tuple[str, str]:
        if self.at == len(self.tokens):
            raise BadPattern("ends too early")
        self.at += 1
        return self.tokens[self.at - 1]


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at, text = 0, text.rstrip()
    while at < len(text):
        found = TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            raise BadPattern(f"cannot be read from {text[at:]!r}")
        yield found.lastgroup, found[found.lastgroup]
        at = found.end()


def _at(value: Any, path: Path) -> list[Any]:
    """What a path leads to: one value or NOTHING, and with a wildcard any number of values."""
    found = [value]
    for step in path:
        found = [member for each in found for member in _members(each, step)]
    return found


def _members(value: Any, step: str | int | None) -> list[Any]:
    match value, step:
        case dict(), str() if step in value:
            return [value[step]]
        case list(), int() if step < len(value):
            return [value[step]]
        case dict(), None:
            return list(value.values())
        case list(), None:
            return value
    return [] if step is ANY else [NOTHING]


def _stated(path: Path, words: str) -> Test:
    wanted = {"IS TRUE": True, "IS FALSE": False, "IS NULL": None, "NOT EXISTS": NOTHING}
    if words not in wanted or ANY in path:
        raise BadPattern(f"{words} is not in the grammar, or not with a wildcard")
    return lambda value, _: _at(value, path)[0] is wanted[words]


def _compared(path: Path, sign: str, text: str, *, is_number: bool) -> Test:
    if not is_number and sign not in ("=", "!="):
        raise BadPattern(f"{sign} compares numbers only")
    if sign == "!=" and ANY in path:
        raise BadPattern("the guide does not say what != means with a wildcard")

    def holds(found: Any, differs: bool) -> bool:
        if found is NOTHING:
            return sign == "!=" and differs
        if isinstance(found, bool | list | dict) or found is None:
            return False
        if is_number:
            is_one = isinstance(found, int | float)
            return COMPARISONS[sign](found, float(text)) if is_one else sign == "!="
        return _resembles(text, str(found)) is (sign == "=")

    return lambda value, differs: any(holds(found, differs) for found in _at(value, path))


def _resembles(text: str, value: str) -> bool:
    """An asterisk stands for any text at the beginning and at the end, and for itself between."""
    open_start, open_end = text.startswith("*"), text.endswith("*")
    part = text.removeprefix("*").removesuffix("*")
    if open_start and open_end:
        return part in value
    if open_start:
        return value.endswith(part)
    return value.startswith(part) if open_end else value == text
