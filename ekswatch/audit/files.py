"""Audit logs on disk, in every shape that people have them in.

JSON lines as the API server writes them; CloudWatch exports ("<time> {json}"); documents:
arrays, EventLists, subscription payloads, what the `aws logs` commands print, Insights
results. Plain or gzip, told by their first bytes.
"""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from ekswatch.audit.event import AuditEvent
from ekswatch.audit.inflate import GZIP_MAGIC, GzipError, inflate
from ekswatch.audit.records import Batch, Outcome, batch, has_time, timed
from ekswatch.audit.scan import MAX_VALUE_BYTES, Found, TooLongError, values
from ekswatch.audit.wrappers import CUT, Skipped, milliseconds, read_value

CHUNK_BYTES = 256 * 1024
BATCH_RECORDS = 1_000
STDIN = "-"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

Entry = Outcome | Batch | Skipped
"""One record of a file, or a delivery saved in it, which is a batch already."""


def read_file(path: str | Path, *, cluster: str = "", account: str = "") -> Iterator[Batch]:
    """Yield the records of a file in batches of up to 1,000; "-" is standard input.

    A subscription payload inside the file is a batch of its own, with its own cluster.
    Positions are "file:line". Memory: one batch. Raises: OSError when it cannot be read.
    """
    source = "stdin" if str(path) == STDIN else str(path)
    with _opened(path) as stream:
        chunks = iter(lambda: stream.read(CHUNK_BYTES), b"")
        yield from _batches(_entries(chunks, source), source, cluster, account)


def read_lines(
    lines: Iterable[bytes], *, source: str, cluster: str = "", account: str = ""
) -> Iterator[Batch]:
    """Yield the records of lines, one each, in batches of up to 1,000."""
    found = (Found(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip())
    yield from _batches(_read(found, source), source, cluster, account)


@contextmanager
def _opened(path: str | Path) -> Iterator[BinaryIO]:
    if str(path) == STDIN:
        yield sys.stdin.buffer
        return
    with Path(path).open("rb") as stream:
        yield stream


def _batches(entries: Iterable[Entry], source: str, cluster: str, account: str) -> Iterator[Batch]:
    outcomes, skipped = list[Outcome](), 0
    for entry in entries:
        if isinstance(entry, Batch):
            yield entry
        elif isinstance(entry, Skipped):
            skipped += 1
        else:
            outcomes.append(entry)
        if len(outcomes) + skipped == BATCH_RECORDS:
            yield batch(outcomes, cluster=cluster, account=account, source=source, skipped=skipped)
            outcomes, skipped = [], 0
    if outcomes or skipped:
        yield batch(outcomes, cluster=cluster, account=account, source=source, skipped=skipped)


def _entries(chunks: Iterable[bytes], source: str) -> Iterator[Entry]:
    """Yield every record, and as the last entry what ended the reading early, if anything did."""
    watched = _Watched()
    try:
        yield from _read(_values(watched.through(_plain(chunks))), source)
    except TooLongError as error:
        yield f"{source}:{error.line}", f"{error}, {CUT}"
    if watched.damage:
        yield f"{source}:{watched.line}", f"{watched.damage}, {CUT}"


class _Watched:
    """Lets a stream pass, and remembers how far it came and whether it ended in damage."""

    def __init__(self) -> None:
        self.line = 1
        self.damage = ""

    def through(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        try:
            for chunk in chunks:
                self.line += chunk.count(b"\n")
                yield chunk
        except GzipError as error:
            self.damage = str(error)


def _plain(chunks: Iterable[bytes]) -> Iterator[bytes]:
    source = iter(chunks)
    first = next(source, b"")
    whole = chain((first,), source)
    return inflate(whole) if first.startswith(GZIP_MAGIC) else whole


def _values(chunks: Iterator[bytes]) -> Iterator[Found]:
    """Yield the records, taken by line or by document as the beginning tells."""
    head = b""
    for chunk in chunks:
        head += chunk
        if head.count(b"\n") > 1 or len(head) >= CHUNK_BYTES:
            break
    head = head.removeprefix(BYTE_ORDER_MARK)
    whole = chain((head,), chunks)
    return values(whole) if _is_document(head) else _lines(whole)


def _is_document(head: bytes) -> bool:
    """Return whether the text is an array, or one JSON object over several lines."""
    first, _, rest = head.lstrip().partition(b"\n")
    if first.startswith(b"["):
        return True
    goes_on = first.rstrip().endswith((b"{", b"[")) or rest.lstrip().startswith(b'"')
    return first.startswith(b"{") and goes_on


def _lines(chunks: Iterable[bytes]) -> Iterator[Found]:
    """Yield the lines that are not blank; of a line over the limit, its beginning."""
    number, pending, size = 1, list[bytes](), 0
    for chunk in chunks:
        *whole, last = chunk.split(b"\n")
        for line in whole:
            yield from _line(number, b"".join((*pending, line)) if pending else line)
            pending, size = [], 0
            number += 1
        if size <= MAX_VALUE_BYTES:
            pending.append(last)
            size += len(last)
    yield from _line(number, b"".join(pending))


def _line(number: int, line: bytes) -> Iterator[Found]:
    """Yield what is on a line: a record, or several that lost the line break between them."""
    text = line.strip()
    if b"}{" in text and text.startswith(b"{"):
        yield from (Found(number, one.value, one.whole) for one in values((text,)))
    elif text:
        yield Found(number, text)


def _read(found: Iterable[Found], source: str) -> Iterator[Entry]:
    """Yield what the values hold. An event that lost its time gets that of the one before."""
    before: AuditEvent | None = None
    for one in found:
        position = f"{source}:{one.line}"
        if not one.value:
            yield position, CUT
            continue
        raw, logged_at_ms = _unstamped(one.value)
        for part in read_value(raw, logged_at_ms):
            if isinstance(part, Batch | Skipped):
                yield part
            elif isinstance(part, str):
                yield position, part
            else:
                before = part if has_time(part) or before is None else timed(part, _ms(before))
                yield position, before


def _ms(event: AuditEvent) -> int:
    return int(event.at.timestamp() * 1000)


def _unstamped(line: bytes) -> tuple[bytes, int]:
    """Return the JSON of a line of a CloudWatch export, and the time before it."""
    if line[:1].isdigit():
        stamp, brace, rest = line.partition(b" {")
        if brace:
            time = stamp.split(maxsplit=1)[0].decode("ascii", "replace")
            return b"{" + rest, milliseconds(time)
    return line, 0
