"""Windows: which event times a run judges."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ekswatch.correlate.window import Window

AT = datetime(2026, 11, 20, 12, 0, 31, 999_999, tzinfo=UTC)

times = st.datetimes(
    min_value=datetime(1971, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)
)


def test_a_run_judges_from_70_to_10_minutes_before_its_minute() -> None:
    """The window of a run is [-70 min, -10 min), cut to the minute."""
    window = Window.of(AT)

    assert window.start == datetime(2026, 11, 20, 10, 50, tzinfo=UTC)
    assert window.end == datetime(2026, 11, 20, 11, 50, tzinfo=UTC)


def test_a_window_has_its_start_and_not_its_end() -> None:
    """Windows are half open, so neighbours share no event."""
    window = Window.of(AT)

    assert window.start in window
    assert window.end not in window
    assert window.end - timedelta(microseconds=1) in window


@given(times)
def test_hourly_windows_leave_no_gap(time: datetime) -> None:
    """The window of the next hour starts where this one ends."""
    assert Window.of(time).end == Window.of(time + timedelta(hours=1)).start


@given(times, times)
def test_a_covering_window_holds_both_ends(one: datetime, other: datetime) -> None:
    """Every event of a file lies in the window that covers it."""
    first, last = sorted((one, other))
    window = Window.covering(first, last)

    assert first in window
    assert last in window


def test_a_widened_window_judges_a_late_event() -> None:
    """A window opens to a late event, and an event inside leaves it as it is."""
    window = Window.of(AT)
    late = window.start - timedelta(hours=3)

    assert late in window.widened(late)
    assert window.widened(late).end == window.end
    assert window.widened(window.start + timedelta(minutes=1)) == window


def test_the_end_of_time_can_be_covered() -> None:
    """A record may claim the last microsecond there is; no window reaches beyond it."""
    last = datetime.max.replace(tzinfo=UTC)

    window = Window.covering(AT, last)

    assert AT in window
    assert window.end == last
