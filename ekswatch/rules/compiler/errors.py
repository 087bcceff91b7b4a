"""What is wrong with detection files: every error at once, each with its place."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Level = Literal["error", "warning"]
"""A file with an error is left out; one with warnings loads, and some of it may stay silent."""


@dataclass(frozen=True, slots=True, order=True)
class RuleError:
    """One thing wrong in one file; `line` counts from 1, and is 0 where it is not known."""

    file: str
    line: int
    message: str
    level: Level = "error"

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.message}"


class RuleErrors(ValueError):  # noqa: N818 - it holds many
    """Detections that do not compile; `errors` has every reason, sorted by file and line."""

    def __init__(self, errors: Iterable[RuleError]) -> None:
        self.errors = tuple(sorted(set(errors)))
        super().__init__("\n".join(str(error) for error in self.errors))


MAX_ERRORS_PER_FILE = 100
"""More say nothing new, and a hostile file could have thousands, each slow to word."""


class TooManyErrors(Exception):  # noqa: N818 - says what is too much
    """The report of a file is full; reading it ends here."""


class Report:
    """Collects what is wrong with one file, so that the first error never hides the next."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.errors: list[RuleError] = []
        self.warnings: list[RuleError] = []

    def add(self, message: str, line: int = 0) -> None:
        """Note an error.

        Raises: TooManyErrors in place of the hundred and first; that there are more is noted.
        """
        if len(self.errors) == MAX_ERRORS_PER_FILE:
            message = f"more than {MAX_ERRORS_PER_FILE} errors; the others are not shown"
            self.errors.append(RuleError(str(self.file), 0, message))
        if len(self.errors) > MAX_ERRORS_PER_FILE:
            raise TooManyErrors
        self.errors.append(RuleError(str(self.file), line, message))

    def warn(self, message: str, line: int = 0) -> None:
        """Note a warning; as with errors, a file has a hundred at most."""
        if len(self.warnings) < MAX_ERRORS_PER_FILE:
            self.warnings.append(RuleError(str(self.file), line, message, "warning"))


@contextmanager
def reading(report: Report, line: int = 0) -> Iterator[None]:
    """Turn whatever ends the reading of a document into an error of its file.

    pySigma trusts the shapes of a document in places; one odd file must not hide the rest.
    Raises: TooManyErrors.
    """
    try:
        yield
    except TooManyErrors:
        raise
    except Exception as error:
        text = " ".join(str(error).split())
        report.add(f"cannot be read: {type(error).__name__}: {text}", line)
