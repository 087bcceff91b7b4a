"""The baseline's table: one item per key, and no answer instead of an error."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.session import Session
from msgspec.structs import replace

from ekswatch.aws import baseline
from ekswatch.aws.baseline import (
    ERRORS_BORNE,
    KEYS_PER_READ,
    PREFIX,
    SECONDS_PER_DAY,
    SLACK_DAYS,
    TRIES,
    VALUE_CHARS,
    SeedFailed,
    Table,
)
from ekswatch.aws.state import EXPIRES, KEY
from ekswatch.correlate.baseline import Change, Entry
from tests.aws.examples import finding

NAME = "state"
TODAY = date(2026, 11, 20).toordinal()
NOW = 1_795_132_800.0
"""Midnight of that day."""

ENTRY = Entry(TODAY - 3, TODAY, "newcomer", ("jane", None, ("a", "b"), True), 30)


@pytest.fixture
def table(session: Session) -> Table:
    """The entries of the cluster `prod` in an empty table, at a time that stands still."""
    client: Any = session.create_client("dynamodb")
    client.create_table(
        TableName=NAME,
        KeySchema=[{"AttributeName": KEY, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": KEY, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return Table(client, NAME, "prod", clock=lambda: NOW, sleep=lambda _: None)


def key(number: int = 0) -> str:
    return f"{number:032x}"


def item(table: Table, number: int = 0) -> Any:
    pk = f"{PREFIX}#{table.cluster}#{key(number)}"
    return table.client.get_item(TableName=NAME, Key={KEY: {"S": pk}}).get("Item")


def add(table: Table, *numbers: int, entry: Entry = ENTRY) -> None:
    table.write({key(number): Change(entry, None) for number in numbers})


class Between:
    """A client for which something happens before, or instead of, an operation."""

    def __init__(self, client: Any, operation: str, happens: Callable[[dict[str, Any]], Any]):
        self.client = client
        self.operation = operation
        self.happens = happens
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        if name != self.operation:
            return getattr(self.client, name)

        def called(**arguments: Any) -> Any:
            self.calls += 1
            instead = self.happens(arguments)
            return getattr(self.client, name)(**arguments) if instead is None else instead

        return called


def throttled(_: dict[str, Any]) -> None:
    error: Any = {"Error": {"Code": "ProvisionedThroughputExceededException", "Message": "slow"}}
    raise ClientError(error, "Any")


def through(table: Table, operation: str, happens: Callable[[dict[str, Any]], Any]) -> Any:
    """The same table behind such a client."""
    return Table(
        Between(table.client, operation, happens),  # type: ignore[arg-type]  # has its methods
        NAME,
        table.cluster,
        clock=table.clock,
        sleep=table.sleep,
    )


def test_what_is_written_is_read(table: Table) -> None:
    """Values keep their types; a key that is not there is None, which is an answer."""
    assert table.write({key(): Change(ENTRY, None)}) == {key(): ENTRY}

    assert table.read([key(), key(1)]) == {key(): ENTRY, key(1): None}
    assert table.failures == []


def test_clusters_do_not_see_each_other(table: Table) -> None:
    """The same person may be new in one and known in the other."""
    add(table, 0)

    assert Table(table.client, NAME, "staging").read([key()]) == {key(): None}


def test_no_key_is_that_of_a_finding(table: Table) -> None:
    """Both lie in one table."""
    add(table, 0)

    assert item(table)[KEY]["S"].startswith("baseline#prod#")
    assert finding().id.startswith("ekswatch-")


@pytest.mark.parametrize(("last", "kept_from"), [(TODAY, NOW), (TODAY - 90, NOW)])
def test_the_table_forgets_when_the_baseline_does(
    table: Table, last: int, kept_from: float
) -> None:
    """Two days later, so that a replay finds it; what was seeded is kept as long."""
    add(table, 0, entry=replace(ENTRY, since=last, last=last))

    kept = (ENTRY.forget_days + SLACK_DAYS) * SECONDS_PER_DAY
    assert item(table)[EXPIRES] == {"N": str(int(kept_from) + kept)}


def test_long_values_are_cut(table: Table) -> None:
    """The key has the whole; the item is for people."""
    add(table, 0, entry=replace(ENTRY, values=("x" * (VALUE_CHARS + 1), "y" * VALUE_CHARS)))

    assert table.read([key()])[key()] == replace(
        ENTRY, values=("x" * VALUE_CHARS, "y" * VALUE_CHARS)
    )


@pytest.mark.parametrize(("number", "calls"), [(KEYS_PER_READ, 1), (KEYS_PER_READ + 1, 2)])
def test_keys_are_read_a_hundred_at_a_time(table: Table, number: int, calls: int) -> None:
    """DynamoDB takes no more."""
    watched = through(table, "batch_get_item", lambda _: None)

    found = watched.read([key(n) for n in range(number)])

    assert (len(found), watched.client.calls) == (number, calls)


def test_keys_that_were_left_over_are_asked_for_again(table: Table) -> None:
    """A table under load answers for some."""
    add(table, 0, 1)
    answers = iter([1, 0])

    def half(arguments: dict[str, Any]) -> Any:
        keys = arguments["RequestItems"][NAME]["Keys"]
        if next(answers, 0) == 0:
            return None
        one = table.client.batch_get_item(RequestItems={NAME: {"Keys": keys[:1]}})
        return {**one, "UnprocessedKeys": {NAME: {"Keys": keys[1:]}}}

    assert through(table, "batch_get_item", half).read([key(0), key(1)]) == {
        key(0): ENTRY,
        key(1): ENTRY,
    }


def test_keys_that_stay_left_over_have_no_answer(table: Table) -> None:
    """That is no error of the batch; it is said."""

    def none(arguments: dict[str, Any]) -> Any:
        return {"Responses": {}, "UnprocessedKeys": arguments["RequestItems"]}

    watched = through(table, "batch_get_item", none)

    assert (watched.read([key()]), watched.client.calls) == ({}, TRIES)
    assert watched.taken_failures() == [f"1 keys were not read in {TRIES} tries"]


def test_a_table_that_is_throttled_has_no_answer(table: Table) -> None:
    """It is not asked for ever, and asked again for the next batch."""
    reading = through(table, "batch_get_item", throttled)
    writing = through(table, "put_item", throttled)
    changes = {key(n): Change(ENTRY, None) for n in range(ERRORS_BORNE + 5)}

    assert reading.read([key(n) for n in range(KEYS_PER_READ * (ERRORS_BORNE + 5))]) == {}
    assert writing.write(changes) == {}
    assert reading.client.calls == writing.client.calls == ERRORS_BORNE
    assert len(writing.taken_failures()) == ERRORS_BORNE
    assert writing.write(changes) == {}
    assert writing.client.calls == 2 * ERRORS_BORNE


def test_one_failure_costs_one_key(table: Table) -> None:
    """The others are kept."""
    failing = iter([True])

    def once(arguments: dict[str, Any]) -> None:
        if next(failing, False):
            throttled(arguments)

    watched = through(table, "put_item", once)

    now = watched.write({key(n): Change(ENTRY, None) for n in range(3)})

    assert now == {key(1): ENTRY, key(2): ENTRY}
    assert watched.taken_failures() == [
        "ClientError: An error occurred (ProvisionedThroughputExceededException) when calling "
        "the Any operation: slow"
    ]


@pytest.mark.parametrize(("number", "failures"), [(5, 0), (6, 1)])
def test_a_batch_adds_so_many_keys(
    table: Table, monkeypatch: pytest.MonkeyPatch, number: int, failures: int
) -> None:
    """A caller can invent values without end; what is not kept is new again next time."""
    monkeypatch.setattr(baseline, "KEYS_PER_WRITE", 5)

    rule = replace(ENTRY, values=())
    changes = {key(n): Change(ENTRY, None) for n in range(number - 1)}

    now = table.write({**changes, key(99): Change(rule, None)})

    assert (len(now), len(table.taken_failures())) == (5, failures)
    assert key(99) in now


def test_who_wrote_first_stays(table: Table) -> None:
    """Two functions see the same key; the second learns what the first one wrote."""
    first = replace(ENTRY, since=TODAY - 9)
    add(table, 0, entry=first)

    assert table.write({key(): Change(ENTRY, None)}) == {key(): first}
    assert table.read([key()]) == {key(): first}


def test_a_refresh_takes_the_place_of_what_was_read(table: Table) -> None:
    """And of nothing else."""
    add(table, 0)
    newer = replace(ENTRY, last=TODAY + 1)

    assert table.write({key(): Change(newer, ENTRY)}) == {key(): newer}
    assert table.write({key(): Change(replace(ENTRY, last=TODAY + 9), ENTRY)}) == {key(): newer}


def test_what_expired_between_reading_and_writing_is_nothing(table: Table) -> None:
    """The key is written anew when it is seen again."""
    assert table.write({key(): Change(replace(ENTRY, last=TODAY + 1), ENTRY)}) == {key(): None}


def test_a_seed_is_added_to_what_is_known(table: Table) -> None:
    """The earlier first day and the later last day stay; the same again changes nothing."""
    add(table, 0)
    seed = {key(0): replace(ENTRY, since=TODAY - 40, last=TODAY - 1), key(1): ENTRY}

    assert (table.seed(seed), table.seed(seed)) == (2, 0)
    assert table.read([key(0)])[key(0)] == replace(ENTRY, since=TODAY - 40)


def test_a_seed_wins_against_a_busy_function(table: Table) -> None:
    """What was written meanwhile is merged, too."""
    add(table, 0)
    newer = replace(ENTRY, last=TODAY + 1)
    changes = iter([Change(newer, ENTRY)])

    def meanwhile(_: dict[str, Any]) -> None:
        if change := next(changes, None):
            table.write({key(): change})

    through(table, "put_item", meanwhile).seed({key(): replace(ENTRY, since=TODAY - 40)})

    assert table.read([key()])[key()] == replace(newer, since=TODAY - 40)


def test_a_seed_that_was_not_taken_says_so(table: Table) -> None:
    """Half a baseline would make findings of the other half."""
    with pytest.raises(ClientError):
        through(table, "put_item", throttled).seed({key(): ENTRY})
    with pytest.raises(SeedFailed, match="slow"):
        through(table, "batch_get_item", throttled).seed({key(): ENTRY})


def test_a_scan_finds_baselines_and_nothing_else(table: Table) -> None:
    """Findings lie in the same table."""
    add(table, 0)
    add(Table(table.client, NAME, "staging", clock=table.clock), 1)
    table.client.put_item(TableName=NAME, Item={KEY: {"S": finding().id}})

    found = sorted(baseline.scan(table.client, NAME))

    assert found == [("prod", key(0), ENTRY), ("staging", key(1), ENTRY)]
