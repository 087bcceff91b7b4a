"""Regular expressions in linear time: RE2, because attackers choose the texts."""

from collections.abc import Callable
from typing import Any, Protocol

import re2  # type: ignore[import-untyped]  # the package has no type hints

BadPattern: type[Exception] = re2.error


class Pattern(Protocol):
    def search(self, text: str) -> object: ...
    def fullmatch(self, text: str) -> object: ...


def compiled(pattern: str) -> Pattern:
    """Raises: BadPattern for what RE2 cannot do in linear time, such as looking ahead."""
    options = re2.Options()
    options.log_errors = False  # it would write to standard error
    pattern_: Pattern = re2.compile(pattern, options)
    return pattern_


def escaped(text: str) -> str:
    """A pattern that finds exactly this text."""
    return str(re2.escape(text))


def finds(search: Callable[[str], Any], text: str) -> bool:
    """Whether a pattern's method finds something; half a surrogate pair counts as `?`."""
    try:
        return search(text) is not None
    except UnicodeEncodeError:  # JSON may hold such halves, UTF-8 may not
        return search(text.encode("utf-8", "replace").decode()) is not None
