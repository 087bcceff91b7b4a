"""Report: the steps as they are taken, each with its time, and what failed in which."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


class StepFailed(Exception):  # noqa: N818  # read as a fact
    """Something was not as expected."""

    def __init__(self, expected: str, seen: str) -> None:
        super().__init__(f"expected: {expected}\nseen: {seen}")


class Report:
    """Prints each step when it ends; `now` names the one that is under way."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._notes: list[str] = []
        self._count = 0
        self.now = ""

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        self.now, self._notes, started = name, [], time.monotonic()
        yield
        self._count += 1
        said = f": {'; '.join(self._notes)}" if self._notes else ""
        self._say(f"{self._count:3} {time.monotonic() - started:6.1f} s  {name}{said}")

    def note(self, text: str) -> None:
        """Say something of the step under way."""
        self._notes.append(text)

    def passed(self) -> None:
        self._say(f"{time.monotonic() - self._started:10.1f} s  all steps passed")

    def failed(self, error: BaseException, lines: Sequence[str]) -> None:
        """Tell the step that failed, why, and what the functions and emulators logged."""
        said = str(error) if isinstance(error, StepFailed) else f"{type(error).__name__}: {error}"
        self._say(f"\nFAILED in step {self._count + 1}: {self.now}\n{said}")
        if lines:
            self._say("\n".join(["", "logged meanwhile:", *lines]))

    @staticmethod
    def _say(text: str) -> None:
        print(text, flush=True)  # noqa: T201  # this program's output
