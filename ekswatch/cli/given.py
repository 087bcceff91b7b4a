"""What `explain` is given besides audit logs: a finding, a line number, standard input."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from ekswatch.audit.files import STDIN
from ekswatch.audit.inflate import GZIP_MAGIC, inflate
from ekswatch.cli.exits import Exit
from ekswatch.cli.streams import stop

CHUNK_BYTES = 64 * 1024


class Given(msgspec.Struct, frozen=True):
    """What is needed of a finding's JSON; the rest is not looked at."""

    id: str
    detection: str
    audit_ids: list[str]
    rules_hash: str = ""


class _Asff(msgspec.Struct, frozen=True):
    """The same of a record of Security Hub."""

    Id: str
    GeneratorId: str
    ProductFields: dict[str, str]


def read_finding(given: str) -> Given:
    """The finding in a file: as `scan` writes it, or as Security Hub gives it back."""
    try:
        raw = sys.stdin.buffer.read() if given == STDIN else Path(given).read_bytes()
    except OSError as error:
        hint = "; a finding is a file with its JSON, or an ID as in ekswatch-..."
        raise stop(Exit.USAGE, f"{given}: {error.strerror}{hint}") from None
    try:
        found = [_given(one) for value in _values(raw) for one in _unwrapped(value)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message = f"{given}: not a finding of `ekswatch scan --format jsonl`: {error}"
        raise stop(Exit.USAGE, message) from None
    if len(found) != 1:
        raise stop(Exit.USAGE, f"{given}: holds {len(found)} findings, one is needed")
    return found[0]


def _values(raw: bytes) -> list[Any]:
    """The JSON value of a file, or those of its lines."""
    try:
        return [msgspec.json.decode(raw)]
    except msgspec.DecodeError:
        lines = [line for line in raw.splitlines() if line.strip()]
        if len(lines) < 2:
            raise
        return [msgspec.json.decode(line) for line in lines]


def _unwrapped(value: Any) -> list[Any]:
    """The findings of an array, or of what `aws securityhub get-findings` prints."""
    inside = value.get("Findings", value) if isinstance(value, dict) else value
    return inside if isinstance(inside, list) else [inside]


def _given(value: Any) -> Given:
    if isinstance(value, dict) and "ProductFields" in value:
        record = msgspec.convert(value, _Asff)
        fields = record.ProductFields
        return Given(
            id=record.Id,
            detection=record.GeneratorId.removeprefix("ekswatch/"),
            audit_ids=fields.get("ekswatch/audit_ids", "").split(", "),
            rules_hash=fields.get("ekswatch/rules_hash", ""),
        )
    return msgspec.convert(value, Given)


@contextmanager
def kept(audit: Path) -> Iterator[Path]:
    """The path, or a file with all of standard input, which can be read only once."""
    if str(audit) != STDIN:
        yield audit
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stdin"
        path.write_bytes(sys.stdin.buffer.read())
        yield path


def line_of(file: Path, number: int) -> bytes | None:
    """A line of a file, plain or gzip, counted from 1; None behind its end.

    Raises: OSError, GzipError.
    """
    with file.open("rb") as stream:
        lines: Iterator[bytes] = iter(stream)
        if stream.peek(2).startswith(GZIP_MAGIC):
            lines = _split(inflate(iter(lambda: stream.read(CHUNK_BYTES), b"")))
        return next(islice(lines, number - 1, number), None)


def _split(chunks: Iterator[bytes]) -> Iterator[bytes]:
    pending = b""
    for chunk in chunks:
        *whole, pending = (pending + chunk).split(b"\n")
        yield from whole
    if pending:
        yield pending
