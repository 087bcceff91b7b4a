"""The view node: what decides which pods a node gets, and which instance it claims to be."""

from collections.abc import Mapping

from ekswatch.audit.event import AuditEvent, Json
from ekswatch.audit.facts import NODE
from ekswatch.audit.lenient import at, flag, mapping, objects, text
from ekswatch.audit.resources import CORE
from ekswatch.audit.views.labels import labels_removed, labels_set
from ekswatch.audit.views.row import Fields, Row
from ekswatch.audit.views.written import Target, Written, written

NODES = Target({"nodes": "Node"}, groups=(CORE,))


def node_rows(event: AuditEvent) -> tuple[Row, ...]:
    found = written(event, NODES)
    return () if found is None else (Row((NODE_FIELDS, found)),)


def _spec(found: Written) -> Mapping[str, Json]:
    return mapping(found.object.get("spec"))


def _taint(taint: Mapping[str, Json]) -> str:
    """As kubectl writes it: key, value if any, effect."""
    key, value, effect = (text(taint.get(part)) for part in ("key", "value", "effect"))
    return f"{key}={value}:{effect}" if value else f"{key}:{effect}"


def _taints(found: Written) -> tuple[str, ...]:
    return tuple(map(_taint, objects(_spec(found).get("taints"))))


def _taints_removed(found: Written) -> bool:
    """Whether a patch leaves no taint, or takes one out by its position."""
    path = ("spec", "taints")
    if found.fragment is None or not found.touches(path):
        return False
    return not objects(at(found.fragment, path))


def _is_own(found: Written) -> bool:
    return found.event.actor.username == f"{NODE}{found.name}"


NODE_FIELDS: Fields[Written] = Fields(
    {
        "node.name": lambda found: found.name,
        "node.own": _is_own,
        "node.labels_set": labels_set,
        "node.labels_removed": labels_removed,
        "node.taints": _taints,
        "node.taints_written": lambda found: found.touches(("spec", "taints")),
        "node.taints_removed": _taints_removed,
        "node.unschedulable": lambda found: flag(_spec(found).get("unschedulable")),
        "node.unschedulable_written": lambda found: found.touches(("spec", "unschedulable")),
        "node.provider_id": lambda found: text(_spec(found).get("providerID")),
        "node.provider_id_written": lambda found: found.touches(("spec", "providerID")),
    }
)
