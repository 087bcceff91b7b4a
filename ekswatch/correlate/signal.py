"""Signal: matches that count only together with others, as one compact log line.

A line holds a document, the facts of its matches, and one time and audit ID per request, so
that windows stay exact although equal matches of a batch share a line.
"""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Annotated, Any, Literal

import msgspec

from ekswatch.audit.event import Value
from ekswatch.rules.match import Match

VERSION = 2
"""Raised with every change that an older reader would misread."""

MAX_REQUESTS = 100
MAX_LINE_BYTES = 200_000
MAX_FACTS_CHARS = 12_000
CUTS = ((512, 50), (64, 20), (24, 5))
"""Characters per string and members per tuple, tried in turn until the facts fit."""
AUDIT_ID_CHARS = 64
BATCH_CHARS = 512
DIGEST_CHARS = 18
MAX_INT = 2**63 - 1

Aware = Annotated[datetime, msgspec.Meta(tz=True)]


class BadSignal(ValueError):  # noqa: N818  # read as a fact
    """A line that is not a signal, or one of another version."""


class Signal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Requests for which one Sigma document held with the same facts.

    Shape: `audit_ids` and `offsets` run in parallel, 1 to 100 requests in order of time.
    Units: `offsets` are microseconds since `first_seen`.
    `batch` is what it was read from; the cluster is that of the log stream. `reach` is long
    where a correlation of the document looks back for long: such signals are queried by it.
    """

    v: int
    detection: str
    document: str
    first_seen: Aware
    last_seen: Aware
    count: int
    audit_ids: tuple[str, ...]
    offsets: tuple[int, ...]
    batch: str
    partial: str
    facts: dict[str, Value]
    reach: Literal["short", "long"] = "short"

    @property
    def requests(self) -> Iterator[tuple[datetime, str]]:
        """The time and audit ID of each request."""
        for offset, audit_id in zip(self.offsets, self.audit_ids, strict=True):
            yield self.first_seen + timedelta(microseconds=offset), audit_id


Request = tuple[datetime, str]


def signals(matches: Iterable[Match], *, batch: str, long: Collection[str] = ()) -> list[Signal]:
    """The signals of the matches that count together with others and were not suppressed.

    Shape: equal matches share a signal; more than 100 requests make several. `long` are the
    documents whose signals are read for long.
    The same matches always give the same signals, in order of content.
    """
    folded: defaultdict[tuple[str, str, str, bytes], set[Request]] = defaultdict(set)
    for match in matches:
        if match.signal and not match.suppressed_by:
            facts = _facts_json(_bounded(match.facts))
            key = (match.detection.slug, match.document, match.partial, facts)
            folded[key].update(_requests(match))
    return [
        _signal(key, part, batch=batch, reach="long" if key[1] in long else "short")
        for key in sorted(folded)
        for part in _parts(sorted(folded[key]))
    ]


def encode(signal: Signal) -> str:
    """The signal as one line of JSON, under 200 KB.

    Raises: ValueError for a signal that `signals` did not make and that is larger.
    """
    fields = msgspec.structs.asdict(signal)
    for name in ("first_seen", "last_seen"):
        fields[name] = fields[name].astimezone(UTC).isoformat(timespec="microseconds")
    line = msgspec.json.encode(fields)
    if len(line) >= MAX_LINE_BYTES:
        raise ValueError(f"a signal of {signal.document} takes {len(line)} bytes")
    return line.decode()


def decode(line: str | bytes) -> Signal:
    """The signal in a line. Raises: BadSignal, saying what is wrong with it."""
    if len(line) >= MAX_LINE_BYTES:
        raise BadSignal(f"{len(line)} bytes are too many for a signal")
    try:
        signal = msgspec.json.decode(line, type=Signal)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadSignal(f"not a signal: {error}") from error
    if reason := _wrong(signal):
        raise BadSignal(reason)
    return signal


def _wrong(signal: Signal) -> str:
    """What contradicts itself in a signal of the right shape."""
    if signal.v != VERSION:
        return f"a signal of version {signal.v}, this ekswatch reads version {VERSION}"
    if not 1 <= len(signal.audit_ids) <= MAX_REQUESTS:
        return f"a signal of {len(signal.audit_ids)} requests"
    if not len(signal.audit_ids) == len(signal.offsets) == signal.count:
        return "a signal whose count, audit IDs and times differ"
    if signal.offsets[0] != 0 or any(
        later < earlier for earlier, later in pairwise(signal.offsets)
    ):
        return "a signal whose times are not in order"
    if (signal.last_seen - signal.first_seen) // timedelta(microseconds=1) != signal.offsets[-1]:
        return "a signal whose last time is not that of its last request"
    return ""


def _requests(match: Match) -> Iterator[Request]:
    for audit_id in match.audit_ids or ("",):
        yield match.first_seen, _cut(audit_id, AUDIT_ID_CHARS)


def _parts(requests: Sequence[Request]) -> Iterator[Sequence[Request]]:
    for start in range(0, len(requests), MAX_REQUESTS):
        yield requests[start : start + MAX_REQUESTS]


def _signal(
    key: tuple[str, str, str, bytes],
    requests: Sequence[Request],
    *,
    batch: str,
    reach: Literal["short", "long"],
) -> Signal:
    detection, document, partial, facts = key
    first, last = requests[0][0], requests[-1][0]
    return Signal(
        v=VERSION,
        detection=detection,
        document=document,
        first_seen=first,
        last_seen=last,
        count=len(requests),
        audit_ids=tuple(audit_id for _, audit_id in requests),
        offsets=tuple((at - first) // timedelta(microseconds=1) for at, _ in requests),
        batch=_cut(batch, BATCH_CHARS),
        partial=partial,
        facts=msgspec.json.decode(facts, type=dict[str, Value]),
        reach=reach,
    )


def _facts_json(facts: Mapping[str, Value]) -> bytes:
    return msgspec.json.encode(facts, order="sorted")


def _bounded(facts: Mapping[str, Value]) -> dict[str, Value]:
    """The facts with long text cut so far that a line always holds them."""
    bounded: dict[str, Value] = {}
    for chars, members in CUTS:
        bounded = {name: _bounded_value(value, chars, members) for name, value in facts.items()}
        if sum(len(name) + _chars(value) for name, value in bounded.items()) < MAX_FACTS_CHARS:
            break
    return bounded


def _bounded_value(value: Value, chars: int, members: int) -> Value:
    if isinstance(value, tuple):
        kept = tuple(_cut(member, chars) for member in value[:members])
        return kept if len(value) <= members else (*kept, _digest("\0".join(value)))
    if isinstance(value, int) and abs(value) > MAX_INT:
        return _cut(str(value), chars)
    return _cut(value, chars) if isinstance(value, str) else value


def _cut(text: str, chars: int) -> str:
    """Long text with its end replaced by a hash, so that different texts stay different."""
    clean = text if text.isascii() else text.encode("utf-8", "replace").decode()
    return clean if len(clean) <= chars else clean[: chars - DIGEST_CHARS] + _digest(text)


def _digest(text: str) -> str:
    return "…#" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _chars(value: Any) -> int:
    return sum(map(len, value)) if isinstance(value, tuple) else len(str(value))
