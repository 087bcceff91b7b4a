"""Detection folders for tests: the least that compiles, with what a test is about."""

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from ekswatch.audit.event import AuditEvent
from ekswatch.rules.compiler.compile import compile_ruleset
from ekswatch.rules.matcher.engine import Engine
from ekswatch.rules.ruleset import Ruleset

Data = Mapping[str, Any]


def document(name: str, detection: Data, /, *, view: str = "", **more: Any) -> dict[str, Any]:
    """A rule document; keywords replace or add its keys, None removes one."""
    logsource = {"product": "kubernetes", "service": "audit"}
    made = {
        "title": f"Title of {name}",
        "id": str(uuid.uuid5(uuid.NAMESPACE_DNS, name)),
        "name": name,
        "description": "What happens.",
        "logsource": {**logsource, "category": view} if view else logsource,
        "detection": dict(detection),
        "level": "medium",
        "ekswatch": {"message": "{actor.name} did it"},
        **more,
    }
    return {key: value for key, value in made.items() if value is not None}


def correlation(name: str, correlates: Data, /, **more: Any) -> dict[str, Any]:
    made = document(name, {}, **more)
    del made["detection"], made["logsource"]
    return {**made, "correlation": dict(correlates)}


def exclusion(name: str, section: Data, /, *, view: str = "", **more: Any) -> dict[str, Any]:
    """A filter document."""
    keys = {"reason": "expected", "owner": "the team", **more.pop("ekswatch", {})}
    made = document(name, {}, view=view, level=None, ekswatch=keys, **more)
    del made["detection"]
    return {**made, "filter": dict(section)}


def write(path: Path, *documents: Data) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump_all([dict(each) for each in documents], sort_keys=False))
    return path


def detection(folder: Path, *documents: Data) -> Path:
    """Write a detection file named by its first document."""
    return write(folder / "discovery" / f"{documents[0]['name']}.yml", *documents)


def values(folder: Path, name: str, entries: list[Any]) -> Path:
    return write(folder / "lists" / f"{name}.yml", {"description": "A list.", "values": entries})


def compiled(folder: Path, tuning: Path | None = None) -> Ruleset:
    return compile_ruleset(folder, tuning)


def engine(folder: Path, **options: Any) -> Engine:
    return Engine(compile_ruleset(folder), **options)


def event(**fields: Any) -> AuditEvent:
    """An audit event of a finished request; bodies are given as plain values."""
    defaults = {
        "auditID": "7b5d2f0a",
        "stage": "ResponseComplete",
        "verb": "get",
        "requestReceivedTimestamp": "2026-11-20T10:00:00.000000Z",
    }
    return msgspec.json.decode(msgspec.json.encode({**defaults, **fields}), type=AuditEvent)
