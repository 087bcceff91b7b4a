"""State: counted once, told once, and never lost when the table does not answer."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.session import Session
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ekswatch.aws import state
from ekswatch.aws.state import AUDIT_IDS_KEPT, EXPIRES, KEPT_SECONDS, KEY, Memory, Remembered
from ekswatch.findings.finding import Finding
from ekswatch.rules.detection import Severity
from tests.aws.examples import AT, finding, many

TABLE = "state"
NOW = 1_800_000_000.0


@pytest.fixture
def memory(session: Session) -> Memory:
    """A memory on an empty table, at a time that stands still."""
    client: Any = session.create_client("dynamodb")
    client.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": KEY, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": KEY, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return Memory(client, TABLE, clock=lambda: NOW, sleep=lambda _: None)


def remember(memory: Memory, found: Finding) -> Remembered:
    (remembered,) = memory.remember([found])
    return remembered


def item(memory: Memory, found: Finding) -> Any:
    return memory.client.get_item(TableName=TABLE, Key={KEY: {"S": found.id}})["Item"]


class Failing:
    """A client of which some operations fail with an error code."""

    def __init__(self, client: Any, *operations: str) -> None:
        self.client = client
        self.operations = operations
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        self.calls.append(name)
        if name in self.operations:
            return self.raising
        return getattr(self.client, name)

    def raising(self, **_: Any) -> None:
        error: Any = {"Error": {"Code": "ProvisionedThroughputExceededException", "Message": ""}}
        raise ClientError(error, "Any")


def test_a_new_finding_is_due_and_kept_for_ninety_days(memory: Memory) -> None:
    """The first time people are told, and the table forgets by itself."""
    remembered = remember(memory, finding("a", "b"))

    assert remembered == Remembered(finding("a", "b"), due=True, why="new")
    assert item(memory, finding())[EXPIRES] == {"N": str(int(NOW) + KEPT_SECONDS)}


def test_it_stays_due_until_it_is_marked(memory: Memory) -> None:
    """A crash between the message and its mark repeats the message, and never loses it."""
    first = remember(memory, finding())
    again = remember(memory, finding())
    memory.mark_notified(again.finding)

    assert (first.due, again.due) == (True, True)
    assert not remember(memory, finding()).due


def test_a_replay_changes_and_writes_nothing(memory: Memory) -> None:
    """The same finding again has the same count, is not due, and costs one read."""
    memory.mark_notified(remember(memory, finding("a", "b")).finding)
    before = item(memory, finding())
    client: Any = Failing(memory.client, "put_item", "update_item")

    again = remember(Memory(client, TABLE), finding("a", "b"))

    assert (again.finding.count, again.due, again.error) == (2, False, "")
    assert item(memory, finding()) == before


def test_other_requests_are_counted_and_times_widen(memory: Memory) -> None:
    """A second batch adds its requests; overlap is counted once."""
    remember(memory, finding("b", "c", minutes=5))

    merged = remember(memory, finding("a", "b")).finding

    assert (merged.count, merged.audit_ids) == (3, ("a", "b", "c"))
    assert (merged.first_seen, merged.last_seen.minute) == (AT, 5)


@given(st.lists(st.sets(st.sampled_from("abcdefgh"), min_size=1), min_size=1, max_size=6))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_order_and_repetition_make_no_difference(memory: Memory, batches: list[set[str]]) -> None:
    """However the requests are cut into batches, the count is that of distinct ones."""
    found = finding("a", actor=repr(batches))
    for batch in [*batches, *reversed(batches)]:
        merged = remember(memory, finding(*sorted(batch), actor=repr(batches))).finding

    assert merged.id == found.id
    assert merged.count == len(set().union(*batches))


@pytest.mark.parametrize(("count", "due", "why"), [(19, False, ""), (20, True, "tenfold")])
def test_people_are_told_again_at_ten_times_the_count(
    memory: Memory, count: int, due: bool, why: str
) -> None:
    """Of two requests the first message speaks, the second one of twenty."""
    memory.mark_notified(remember(memory, finding("a-0", "a-1")).finding)

    again = remember(memory, finding(*[f"a-{n}" for n in range(count)]))

    assert (again.due, again.why) == (due, why)


def test_people_are_told_again_when_severity_rises(memory: Memory) -> None:
    """A worse match makes a message and stays; a milder one changes nothing."""
    memory.mark_notified(remember(memory, finding("a")).finding)

    worse = remember(memory, finding("b", severity=Severity.HIGH, reason="person"))
    memory.mark_notified(worse.finding)
    milder = remember(memory, finding("c", severity=Severity.LOW))

    assert (worse.due, worse.why) == (True, "escalated")
    assert not milder.due
    assert (milder.finding.severity, milder.finding.reason) == (Severity.HIGH, "person")


def test_a_correlation_that_is_judged_again_is_not_counted_again(memory: Memory) -> None:
    """Requests whose IDs were not kept count by the largest number ever seen."""
    remember(memory, finding("a", "b", count=50))
    remember(memory, finding("a", "b", count=40))

    assert remember(memory, finding("a", "b", count=50)).finding.count == 50


def test_audit_ids_are_bounded_and_later_ones_counted(memory: Memory) -> None:
    """The set stops growing, the count does not, and the same batch again adds nothing."""
    full = [f"a-{n:05d}" for n in range(AUDIT_IDS_KEPT)]
    remember(memory, finding(*full))

    for batch in (["b-1", "b-2"], ["b-1", "b-2"], ["b-3"]):
        merged = remember(memory, finding(*batch)).finding

    assert len(merged.audit_ids) == AUDIT_IDS_KEPT
    assert merged.count == AUDIT_IDS_KEPT + 3


class Racing(Failing):
    """A client that lets another execution write between each read and write, `times` times."""

    def __init__(self, client: Any, other: Memory, times: int) -> None:
        super().__init__(client)
        self.other = other
        self.left = times

    def __getattr__(self, name: str) -> Any:
        if name == "put_item" and self.left:
            self.left -= 1
            remember(self.other, finding(f"b-{self.left}"))
        return getattr(self.client, name)


def racing(memory: Memory, times: int) -> Memory:
    client: Any = Racing(memory.client, memory, times)
    return Memory(client, TABLE, sleep=lambda _: None)


def test_an_item_that_changes_meanwhile_is_read_again(memory: Memory) -> None:
    """A lost race merges with what the other one wrote, so every request is counted."""
    merged = remember(racing(memory, 2), finding("a")).finding

    assert merged.audit_ids == ("a", "b-0", "b-1")


def test_an_item_that_never_stands_still_makes_the_finding_due(memory: Memory) -> None:
    """Tries are bounded; what could not be merged goes out as it is."""
    remembered = remember(racing(memory, state.TRIES), finding("a"))

    assert (remembered.finding, remembered.why) == (finding("a"), "unknown")
    assert "Contended" in remembered.error


@pytest.mark.parametrize("operation", ["get_item", "put_item"])
def test_a_table_that_does_not_answer_makes_findings_due(memory: Memory, operation: str) -> None:
    """Perhaps told twice, never lost; the error is there to be counted and logged."""
    memory.mark_notified(remember(memory, finding("a")).finding)
    client: Any = Failing(memory.client, operation)

    remembered = remember(Memory(client, TABLE), finding("b"))

    assert (remembered.finding, remembered.due, remembered.why) == (finding("b"), True, "unknown")
    assert "ProvisionedThroughputExceeded" in remembered.error


def test_a_missing_table_makes_findings_due_and_is_not_asked_forever(memory: Memory) -> None:
    """After a few errors the rest of the batch goes out without asking."""
    client: Any = Failing(memory.client)

    remembered = Memory(client, "missing").remember(many(10))

    assert all(r.due and r.error for r in remembered)
    assert client.calls.count("get_item") == state.ERRORS_BORNE


def test_marking_what_was_never_stored_stores_nothing(memory: Memory) -> None:
    """A half item would make the next merge fail."""
    memory.mark_notified(finding())

    assert remember(memory, finding()).why == "new"
