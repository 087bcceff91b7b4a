"""Real audit events for the tests of this room: the recorded scenarios, and edits of them."""

import base64
import gzip
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from ekswatch.audit.event import AuditEvent

EVENTS = Path(__file__).parents[2] / "events"

Document = dict[str, Any]


@cache
def lines(name: str, limit: int | None = None) -> tuple[bytes, ...]:
    """The recorded lines of a scenario, or of "benign"; `limit` keeps the first ones."""
    file = EVENTS / "benign.jsonl.gz" if name == "benign" else EVENTS / f"scenarios/{name}.jsonl.gz"
    with gzip.open(file) as stream:
        return tuple(line.rstrip(b"\n") for line, _ in zip(stream, _numbers(limit), strict=False))


def _numbers(limit: int | None) -> Iterator[int]:
    return iter(range(limit if limit is not None else 1_000_000))


@cache
def attack_lines(name: str) -> tuple[bytes, ...]:
    """The lines of a scenario that are the attacker's own requests."""
    labels = json.loads((EVENTS / "scenarios/labels.json").read_text())
    attack = set(labels[name]["attack"])
    return tuple(line for line in lines(name) if json.loads(line)["auditID"] in attack)


def attack(name: str, **wanted: str) -> Document:
    """The first request of the attack with these header values, as in verb="create"."""
    documents = (json.loads(line) for line in attack_lines(name))
    return next(d for d in documents if all(d.get(key) == value for key, value in wanted.items()))


def first(name: str, chosen: Callable[[Document], bool]) -> Document:
    return next(d for d in map(json.loads, lines(name)) if chosen(d))


def event(document: Mapping[str, Any], **changes: Any) -> AuditEvent:
    """The document as an event, with top-level fields replaced; None removes one."""
    changed = {**document, **changes}
    kept = {key: value for key, value in changed.items() if value is not None}
    return msgspec.json.decode(json.dumps(kept), type=AuditEvent)


def made(**fields: Any) -> AuditEvent:
    """An event of nothing but these fields."""
    return event({}, **fields)


def envelope(
    messages: Sequence[Any],
    *,
    group: str = "/aws/eks/demo/cluster",
    stream: str = "kube-apiserver-audit-1a2b",
    kind: str = "DATA_MESSAGE",
) -> Document:
    """A decompressed subscription payload; record N has ID "idN"."""
    records = [
        {"id": f"id{number}", "timestamp": 1_763_670_000_000, "message": message}
        for number, message in enumerate(messages, 1)
    ]
    return {
        "messageType": kind,
        "owner": "111122223333",
        "logGroup": group,
        "logStream": stream,
        "subscriptionFilters": ["ekswatch"],
        "logEvents": records,
    }


def payload(body: Document | bytes) -> Document:
    """What the function is invoked with, for an envelope or for raw bytes in its place."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return packed(gzip.compress(raw))


def packed(data: bytes) -> Document:
    return {"awslogs": {"data": base64.b64encode(data).decode()}}
