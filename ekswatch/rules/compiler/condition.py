"""Conditions: the sentence that links the selections of a document, read into an expression.

The grammar is Sigma's: `not` binds closer than `and`, `and` closer than `or`; `1 of`, `any of`
and `all of` take a pattern or `them`. A larger number, which Sigma does not have, means at least
so many.
"""

import re
from collections.abc import Iterable
from itertools import combinations
from math import comb

from ekswatch.rules.compiler.suggest import suggestion
from ekswatch.rules.regex import compiled, escaped, finds
from ekswatch.rules.ruleset import And, Expression, Not, Or, Use

MAX_DEPTH = 50
"""Of parentheses and of `not`; what is evaluated must not overrun the stack."""

MAX_WAYS = 1_000
"""In which so many of some selections can hold."""

WORDS = re.compile(r"[()]|[^\s()]+")
OPERATORS = frozenset({"and", "or", "not", "of", "them", "any", "all"})


class BadCondition(ValueError):  # noqa: N818 - says what is bad
    """The condition cannot be read; the message says where."""


def condition(text: str, selections: Iterable[str]) -> Expression:
    """The expression over selections that a condition means.

    Raises: BadCondition, naming the word at which reading stopped.
    """
    if "|" in text:
        raise BadCondition(
            "aggregations behind a '|' are no longer part of Sigma: write a correlation"
        )
    return _Reader(text, tuple(selections)).whole()


class _Reader:
    """Reads words from left to right; each method returns what it read."""

    def __init__(self, text: str, names: tuple[str, ...]) -> None:
        self.words = WORDS.findall(text)
        self.names = names
        self.at = 0
        self.depth = 0

    def whole(self) -> Expression:
        read = self._either()
        if self.at < len(self.words):
            found = self.words[self.at]
            raise BadCondition(f"'and' or 'or' is missing before {found!r}{_hint(found)}")
        return read

    def _either(self) -> Expression:
        parts = [self._both()]
        while self._takes("or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _both(self) -> Expression:
        parts = [self._negated()]
        while self._takes("and"):
            parts.append(self._negated())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _negated(self) -> Expression:
        if self.depth > MAX_DEPTH:
            raise BadCondition(f"nested deeper than {MAX_DEPTH} levels")
        self.depth += 1
        read = Not(self._negated()) if self._takes("not") else self._operand()
        self.depth -= 1
        return read

    def _operand(self) -> Expression:
        if self._takes("("):
            read = self._either()
            if not self._takes(")"):
                raise BadCondition("a ')' is missing")
            return read
        word = self._next("a selection")
        if self._takes("of"):
            return self._counted(word, self._next("a pattern or 'them'"))
        if word not in self.names:
            hint = _hint(word) or suggestion(word, self.names)
            raise BadCondition(f"there is no selection {word!r}{hint}")
        return Use(word)

    def _counted(self, quantity: str, pattern: str) -> Expression:
        found = [Use(name) for name in _matching(pattern, self.names)]
        if not found:
            raise BadCondition(f"no selection is called {pattern!r}")
        wanted = _number(quantity, len(found))
        if wanted > len(found):
            raise BadCondition(f"'{quantity} of {pattern}' never holds: it means {len(found)}")
        if comb(len(found), wanted) > MAX_WAYS:
            raise BadCondition(f"'{quantity} of {pattern}' can hold in more than {MAX_WAYS:,} ways")
        ways = [each[0] if wanted == 1 else And(each) for each in combinations(found, wanted)]
        return ways[0] if len(ways) == 1 else Or(tuple(ways))

    def _takes(self, word: str) -> bool:
        """Whether the next word is this one, which is then read."""
        if self.words[self.at : self.at + 1] != [word]:
            return False
        self.at += 1
        return True

    def _next(self, wanted: str) -> str:
        """The next word, which must not be one of the grammar."""
        found = self.words[self.at] if self.at < len(self.words) else ""
        if not found:
            raise BadCondition(f"{wanted} is missing at the end")
        following = self.words[self.at + 1 : self.at + 2]
        is_name = found in self.names or found == "them" or following == ["of"]
        if found in ("(", ")") or (found in OPERATORS and not is_name):
            raise BadCondition(f"{wanted} is missing before {found!r}")
        self.at += 1
        return found


def _matching(pattern: str, names: Iterable[str]) -> list[str]:
    """The selections that a pattern means; those with a leading underscore only if it has one."""
    wanted = "*" if pattern == "them" else pattern
    whole = compiled("(?s:.*)".join(map(escaped, wanted.split("*"))))
    return [
        name
        for name in names
        if finds(whole.fullmatch, name) and (wanted.startswith("_") or not name.startswith("_"))
    ]


def _number(quantity: str, count: int) -> int:
    if quantity == "all":
        return count
    if quantity == "any":
        return 1
    if not quantity.isascii() or not quantity.isdigit() or int(quantity) == 0:
        raise BadCondition(f"before 'of' stands a number, 'any' or 'all', not {quantity!r}")
    return int(quantity)


def _hint(word: str) -> str:
    return f"; write {word.lower()!r}" if word.lower() in OPERATORS - {word} else ""
