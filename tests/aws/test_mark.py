"""Mark: what a run leaves to the next one, and what comes late."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.session import Session

from ekswatch.aws.mark import LONGEST, SETTLED, Mark, Progress, judged_before
from ekswatch.aws.state import KEY
from ekswatch.correlate.window import Window
from tests.aws.examples import AT

TABLE = "state"
HOUR = timedelta(hours=1)
WINDOW = Window.of(AT)
"""That of the run at noon: 10:50 to 11:50."""
NOTHING = Progress()


@pytest.fixture
def mark(session: Session) -> Mark:
    """A mark in an empty table."""
    client: Any = session.create_client("dynamodb")
    client.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": KEY, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": KEY, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return Mark(client, TABLE)


def finish(mark: Mark, window: Window = WINDOW, progress: Progress | None = None) -> None:
    """A run that began at noon."""
    mark.finish(window, mark.read() if progress is None else progress, started_at=AT)


def test_the_first_run_judges_its_own_hour(mark: Mark) -> None:
    """Nothing is known before, so there is nothing to catch up with."""
    assert mark.read() == NOTHING
    assert NOTHING.opened(WINDOW) == WINDOW


def test_after_a_finished_run_the_next_judges_its_own_hour(mark: Mark) -> None:
    """Windows of consecutive hours touch."""
    finish(mark)
    following = Window.of(AT + HOUR)

    assert mark.read().judged_until == WINDOW.end
    assert mark.read().opened(following) == following


@pytest.mark.parametrize("missed", [1, 5])
def test_a_missed_run_opens_the_next(mark: Mark, missed: int) -> None:
    """It begins where the last finished run ended."""
    finish(mark)
    later = Window.of(AT + (missed + 1) * HOUR)

    assert mark.read().opened(later) == Window(WINDOW.end, later.end)


def test_a_run_that_is_repeated_late_moves_nothing_back(mark: Mark) -> None:
    """What was judged since stays judged."""
    following = Window.of(AT + HOUR)
    finish(mark, following)
    finish(mark, WINDOW)

    assert mark.read().judged_until == following.end


def test_late_signals_open_the_next_run(mark: Mark) -> None:
    """To the earliest of them, whenever they were written."""
    for minutes in (90, 300, 200):
        mark.note_late(AT - timedelta(minutes=minutes), now=AT - HOUR)

    progress = mark.read()

    assert (progress.late_since, progress.notes) == (AT - timedelta(minutes=300), 3)
    assert progress.opened(WINDOW) == Window(AT - timedelta(minutes=300), WINDOW.end)


def test_a_run_settles_what_was_noted_long_before(mark: Mark) -> None:
    """The run after it judges its own hour again."""
    mark.note_late(AT - 5 * HOUR, now=AT - SETTLED - timedelta(seconds=1))
    finish(mark)

    assert mark.read().late_since is None


@pytest.mark.parametrize("before", [SETTLED, timedelta(minutes=1)])
def test_what_was_noted_shortly_before_is_judged_once_more(mark: Mark, before: timedelta) -> None:
    """A query may not see yet what was written a moment ago."""
    mark.note_late(AT - 5 * HOUR, now=AT - before)
    finish(mark)

    assert mark.read().late_since == AT - 5 * HOUR


def test_what_is_noted_during_a_run_is_left_to_the_next(mark: Mark) -> None:
    """The run had read the signals already."""
    mark.note_late(AT - 5 * HOUR, now=AT - HOUR)
    before = mark.read()
    mark.note_late(AT - 2 * HOUR, now=AT - HOUR)
    finish(mark, progress=before)

    assert mark.read().late_since == AT - 5 * HOUR


def test_an_old_run_that_is_repeated_leaves_what_came_late_since(mark: Mark) -> None:
    """Its window ends before, so it has not judged it; the run whose window has it, has."""
    mark.note_late(AT - HOUR, now=AT - HOUR)
    finish(mark, Window.of(AT - 2 * HOUR))
    assert mark.read().late_since == AT - HOUR

    finish(mark)
    assert mark.read().late_since is None


def test_no_run_looks_back_for_ever() -> None:
    """A year of silence, or a hostile time, costs two weeks."""
    ages = (LONGEST - timedelta(seconds=1), LONGEST, timedelta(days=400))

    starts = [Progress(late_since=WINDOW.end - age).opened(WINDOW).start for age in ages]

    assert starts == [WINDOW.end - ages[0], WINDOW.end - LONGEST, WINDOW.end - LONGEST]


@pytest.mark.parametrize(
    ("minutes", "seconds", "before"),
    [(0, 0, -10), (0, 1, -10), (59, 59, -10), (-1, 59, -70), (-60, 0, -70)],
)
def test_a_signal_is_late_when_its_run_has_begun(minutes: int, seconds: int, before: int) -> None:
    """The run of noon judges until 11:50; until noon nothing after 10:50 is late."""
    now = AT + timedelta(minutes=minutes, seconds=seconds)

    assert judged_before(now) == AT + timedelta(minutes=before)
    assert judged_before(AT) == WINDOW.end


@pytest.mark.parametrize(
    ("minutes", "seconds", "before"),
    [(0, 0, -53), (16, 59, -53), (17, 0, 7), (17, 1, 7), (59, 59, 7), (60, 0, 7), (77, 0, 67)],
)
def test_runs_may_begin_at_another_minute(minutes: int, seconds: int, before: int) -> None:
    """The run of 12:17 judges until 12:07; until 12:17 the one of 11:17 is the last."""
    now = AT + timedelta(minutes=minutes, seconds=seconds)

    assert judged_before(now, minute=17) == AT + timedelta(minutes=before)
    assert judged_before(now, minute=17) in (
        Window.of(AT + timedelta(minutes=of)).end for of in (-43, 17, 77)
    )
