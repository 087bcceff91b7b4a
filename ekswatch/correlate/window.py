"""Window: the stretch of event time under judgement."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

OPENS = timedelta(minutes=70)
CLOSES = timedelta(minutes=10)
"""Before the time of the run: what arrives within ten minutes is judged by the first run."""
LATEST = datetime.max.replace(tzinfo=UTC) - timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Window:
    """From `start`, included, to `end`, excluded."""

    start: datetime
    end: datetime

    def __contains__(self, at: datetime) -> bool:
        return self.start <= at < self.end

    @classmethod
    def of(cls, time: datetime) -> "Window":
        """The window that the run of this time judges: [-70 min, -10 min), cut to the minute."""
        minute = time.replace(second=0, microsecond=0)
        return cls(minute - OPENS, minute - CLOSES)

    @classmethod
    def covering(cls, first: datetime, last: datetime) -> "Window":
        """The window that judges every event from `first` to `last`, both included.

        One is enough: the same findings come out however event time is cut into windows.
        The last microsecond of the year 9999 lies in no window.
        """
        return cls(first, min(last, LATEST) + timedelta(microseconds=1))

    def widened(self, at: datetime) -> "Window":
        """This window, opened early enough to judge an event of that time."""
        return Window(min(self.start, at), self.end)
