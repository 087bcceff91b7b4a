"""What is wrong with detection files: every error at once, each with its place."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, order=True)
class RuleError:
    """One thing wrong in one file; `line` counts from 1, and is 0 where it is not known."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.message}"


class RuleErrors(ValueError):  # noqa: N818 - it holds many
    """Detections that do not compile; `errors` has every reason, sorted by file and line."""

    def __init__(self, errors: Iterable[RuleError]) -> None:
        self.errors = tuple(sorted(set(errors)))
        super().__init__("\n".join(str(error) for error in self.errors))


class Report:
    """Collects the errors of one file, so that the first never hides the next."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.errors: list[RuleError] = []

    def add(self, message: str, line: int = 0) -> None:
        self.errors.append(RuleError(str(self.file), line, message))
