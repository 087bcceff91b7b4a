"""Live lists: values that are kept in S3 or in SSM parameters, and read again now and then.

A source that does not answer, or holds nothing usable, costs nothing: what was read before
stays, and what ships with the detections before that. How old the data is, S3 and SSM say.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from ekswatch.aws.clients import client

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_ssm import SSMClient

AGAIN_SECONDS = 900
"""A source is asked again after this long."""

MAX_BYTES = 4_000_000
MAX_VALUES = 100_000


@dataclass(frozen=True, slots=True)
class LiveList:
    """A list as it was read last.

    Shape: `values` are its lines without comments; `changed_at` is when the source says that it
    was changed, None before it was read; `problem` says why the last reading failed, or is empty.
    """

    name: str
    source: str
    values: tuple[str, ...] = ()
    changed_at: datetime | None = None
    problem: str = ""

    def age_hours(self, now: datetime) -> int | None:
        """How old the data is, None where nobody knows."""
        if self.changed_at is None:
            return None
        return int((now - self.changed_at).total_seconds() // 3600)


class LiveLists:
    """The lists of some sources, read when they are asked for and at most every 15 minutes."""

    def __init__(
        self,
        sources: Sequence[tuple[str, str]],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._read_at: float | None = None
        self._lists = {name: LiveList(name, source) for name, source in sources}

    def current(self) -> tuple[LiveList, ...]:
        """The lists as they are known now."""
        if self._lists and (
            self._read_at is None or self._clock() - self._read_at >= AGAIN_SECONDS
        ):
            self._lists = {name: _again(known) for name, known in self._lists.items()}
            self._read_at = self._clock()
        return tuple(self._lists.values())


def _again(known: LiveList) -> LiveList:
    try:
        text, changed_at = _text(known.source)
        values = values_of(text)
    except (ClientError, BotoCoreError, ValueError) as error:
        problem = f"{type(error).__name__}: {error}"
        return LiveList(known.name, known.source, known.values, known.changed_at, problem)
    return LiveList(known.name, known.source, values, changed_at)


def _text(source: str) -> tuple[str, datetime]:
    """Raises: ClientError, BotoCoreError, and ValueError for what is too large or no text."""
    if source.startswith("s3://"):
        bucket, _, key = source.removeprefix("s3://").partition("/")
        return _object(client("s3"), bucket, key)
    return _parameter(client("ssm"), source.removeprefix("ssm:"))


def _object(s3: "S3Client", bucket: str, key: str) -> tuple[str, datetime]:
    answer = s3.get_object(Bucket=bucket, Key=key)
    if answer["ContentLength"] > MAX_BYTES:
        raise ValueError(f"larger than {MAX_BYTES:,} bytes")
    return answer["Body"].read().decode("utf-8"), answer["LastModified"].astimezone(UTC)


def _parameter(ssm: "SSMClient", name: str) -> tuple[str, datetime]:
    parameter = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]
    return parameter["Value"], parameter["LastModifiedDate"].astimezone(UTC)


def values_of(text: str) -> tuple[str, ...]:
    """The values in a text: one per line or separated by commas, `#` begins a comment.

    Raises: ValueError when there are none, or too many: an empty list would match nothing.
    """
    lines = (line.partition("#")[0] for line in text.splitlines())
    found = tuple(dict.fromkeys(v for line in lines for v in line.replace(",", " ").split()))
    if not found:
        raise ValueError("there are no values in it")
    if len(found) > MAX_VALUES:
        raise ValueError(f"more than {MAX_VALUES:,} values")
    return found
