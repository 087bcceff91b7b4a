"""Baselines of clusters in the table that also remembers findings.

One item per key and cluster, written when a key is first seen and then at most once a day. The
table forgets a key by itself when the baseline would.
Where the table does not answer, a key has no answer: what it stands for is reported, perhaps
twice, never lost.
"""

import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from ekswatch.aws.state import EXPIRES, KEY
from ekswatch.correlate.baseline import Change, Entry, merged

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PREFIX = "baseline"
"""Of the partition key, `baseline#<cluster>#<key>`; that of a finding begins with ekswatch-."""

KEYS_PER_READ = 100
"""DynamoDB's limit of BatchGetItem."""
KEYS_PER_WRITE = 1_000
"""Keys that one batch may add or refresh, some seconds' work: callers can invent any number of
values, and must not keep a function busy until it is ended. The others stay new."""
TRIES = 4
FIRST_PAUSE_SECONDS = 0.05
ERRORS_BORNE = 3
"""Failed calls after which the table is not asked again for a batch."""
SLACK_DAYS = 2
"""How long an item outlives its last day: a replay of that day still finds it."""
VALUE_CHARS = 256
"""What is longer is cut in the item; the key has the whole."""
SECONDS_PER_DAY = 86_400
FIRST_DAY = date(1970, 1, 1).toordinal()

Item = dict[str, Any]


@dataclass(slots=True)
class Table:
    """The entries of one cluster; `failures` says what went wrong since they were last taken."""

    client: "DynamoDBClient"
    name: str
    cluster: str
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    failures: list[str] = field(default_factory=list)

    def read(self, keys: Collection[str]) -> Mapping[str, Entry | None]:
        """The entry of each key, None where there is none; a key without an answer is left out."""
        found: dict[str, Entry | None] = {}
        ordered = sorted(keys)
        for start in range(0, len(ordered), KEYS_PER_READ):
            found.update(self._read(ordered[start : start + KEYS_PER_READ]))
        return found

    def write(self, changes: Mapping[str, Change]) -> Mapping[str, Entry | None]:
        """Keep what still stands as it was read, and return what stands there now.

        A key that nobody answers for is left out.
        """
        now: dict[str, Entry | None] = {}
        if len(changes) > KEYS_PER_WRITE:
            left = len(changes) - KEYS_PER_WRITE
            self.failures.append(f"{left} keys too many for one batch were not kept")
        ordered = sorted(changes, key=lambda key: (changes[key].entry.values != (), key))
        for key in ordered[:KEYS_PER_WRITE]:  # first the rules and entities that learn
            if self._gave_up:
                break
            try:
                now[key] = self._put(key, changes[key])
            except (ClientError, BotoCoreError) as error:
                self._failed(error)
        return now

    def taken_failures(self) -> list[str]:
        """What went wrong; from now on the table is asked again."""
        taken = list(self.failures)
        self.failures.clear()
        return taken

    def seed(self, entries: Mapping[str, Entry]) -> int:
        """Add what another baseline knows, and return how many items changed.

        Raises: SeedFailed, ClientError, BotoCoreError; what was added stays, and may be again.
        """
        changed = 0
        known = self.read(entries)
        for key, entry in sorted(entries.items()):
            if self.failures:
                raise SeedFailed(self.failures[0])
            changed += self._seed(key, entry, known.get(key))
        return changed

    def _seed(self, key: str, entry: Entry, known: Entry | None) -> bool:
        for _ in range(TRIES):
            wanted = merged(known, entry) if known else entry
            if wanted == known:
                return False
            now = self._put(key, Change(wanted, known))
            if now == wanted:
                return True
            known = now
        raise SeedFailed(f"{key} changed {TRIES} times while it was merged")

    @property
    def _gave_up(self) -> bool:
        return len(self.failures) >= ERRORS_BORNE

    def _failed(self, error: Exception) -> None:
        self.failures.append(f"{type(error).__name__}: {error}")

    def _read(self, keys: Sequence[str]) -> dict[str, Entry | None]:
        """The entries of up to 100 keys, of those that were answered for."""
        asked: list[Item] = [{KEY: {"S": self._pk(key)}} for key in keys]
        found: dict[str, Entry | None] = {}
        for attempt in range(TRIES):
            if self._gave_up or not asked:
                break
            if attempt:
                self.sleep(FIRST_PAUSE_SECONDS * 2**attempt)
            try:
                answer: Any = self.client.batch_get_item(RequestItems={self.name: {"Keys": asked}})
            except (ClientError, BotoCoreError) as error:
                self._failed(error)
                break
            unanswered = answer.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", [])
            held = {item[KEY]["S"]: item for item in answer["Responses"].get(self.name, [])}
            left = {each[KEY]["S"] for each in unanswered}
            for pk in (each[KEY]["S"] for each in asked):
                if pk not in left:
                    found[_key(pk)] = _from_item(held[pk]) if pk in held else None
            asked = list(unanswered)
        else:
            if asked:
                self.failures.append(f"{len(asked)} keys were not read in {TRIES} tries")
        return found

    def _put(self, key: str, change: Change) -> Entry | None:
        """What stands there after the change was tried."""
        condition: dict[str, Any] = {"ConditionExpression": f"attribute_not_exists({KEY})"}
        if change.replacing is not None:
            condition = {
                "ConditionExpression": "first_day = :first AND last_day = :last",
                "ExpressionAttributeValues": {
                    ":first": {"N": str(change.replacing.since)},
                    ":last": {"N": str(change.replacing.last)},
                },
            }
        try:
            self.client.put_item(
                TableName=self.name, Item=self._item(key, change.entry), **condition
            )
        except self.client.exceptions.ConditionalCheckFailedException:
            answer = self.client.get_item(
                TableName=self.name, Key={KEY: {"S": self._pk(key)}}, ConsistentRead=True
            )
            return _from_item(answer["Item"]) if "Item" in answer else None
        return change.entry

    def _pk(self, key: str) -> str:
        return f"{PREFIX}#{self.cluster}#{key}"

    def _item(self, key: str, entry: Entry) -> Item:
        """The item; a baseline of long ago is kept as long as one that is written today."""
        kept = (entry.forget_days + SLACK_DAYS) * SECONDS_PER_DAY
        written = max(self.clock(), (entry.last - FIRST_DAY) * SECONDS_PER_DAY)
        return {
            KEY: {"S": self._pk(key)},
            EXPIRES: {"N": str(int(written) + kept)},
            "first_day": {"N": str(entry.since)},
            "last_day": {"N": str(entry.last)},
            "forget_days": {"N": str(entry.forget_days)},
            "document": {"S": entry.document},
            "values": {"S": json.dumps([_cut(value) for value in entry.values])},
        }


class SeedFailed(Exception):  # noqa: N818  # read as a fact
    """The table did not take a baseline whole."""


def scan(client: "DynamoDBClient", table: str) -> Iterator[tuple[str, str, Entry]]:
    """Every entry in the table, as cluster, key and entry, in no order.

    Raises: ClientError, BotoCoreError.
    """
    pages = client.get_paginator("scan").paginate(
        TableName=table,
        FilterExpression=f"begins_with({KEY}, :prefix)",
        ExpressionAttributeValues={":prefix": {"S": f"{PREFIX}#"}},
    )
    for page in pages:
        for item in page["Items"]:
            _, cluster, key = item[KEY]["S"].split("#", 2)
            yield cluster, key, _from_item(item)


def _key(pk: str) -> str:
    return pk.rpartition("#")[2]


def _from_item(item: Mapping[str, Any]) -> Entry:
    return Entry(
        since=int(item["first_day"]["N"]),
        last=int(item["last_day"]["N"]),
        document=item["document"]["S"],
        values=tuple(_value(value) for value in json.loads(item["values"]["S"])),
        forget_days=int(item["forget_days"]["N"]),
    )


def _value(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _cut(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_cut(member) for member in value[:VALUE_CHARS]]
    return value[:VALUE_CHARS] if isinstance(value, str) else value
