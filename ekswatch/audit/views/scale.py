"""The view scale: how many pods a workload shall have, and how many there were.

The count is written through the subresource scale, in the workload itself, or as the upper
bound of its autoscaler. What there was is the count that the API server observed last, which
its answer still shows.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ekswatch.audit.event import AuditEvent, Json
from ekswatch.audit.lenient import at, mapping
from ekswatch.audit.resources import APPS, CORE
from ekswatch.audit.views.row import Fields, Row
from ekswatch.audit.views.written import Target, written

VERBS = ("patch", "update")
SUBRESOURCE = "scale"
SCALABLE = Target(
    {
        "deployments": "Deployment",
        "replicasets": "ReplicaSet",
        "replicationcontrollers": "ReplicationController",
        "statefulsets": "StatefulSet",
    },
    groups=(APPS, CORE, "extensions"),
    subresources=("", SUBRESOURCE),
)
AUTOSCALERS = Target(
    {"horizontalpodautoscalers": "HorizontalPodAutoscaler"}, groups=("autoscaling",)
)

ScaledTo = tuple[str, ...]
"""Where a body has a count."""

REPLICAS: ScaledTo = ("spec", "replicas")
MAXIMUM: ScaledTo = ("spec", "maxReplicas")


@dataclass(frozen=True, slots=True)
class Scaling:
    """A count under the hands of a request; None where the record does not say."""

    kind: str
    wanted: int | None
    observed: int | None

    @property
    def factor(self) -> int | None:
        """How many times as many as there were, rounded up; from none counts as from one."""
        if self.wanted is None or self.observed is None:
            return None
        return -(-self.wanted // max(self.observed, 1))


def scale_rows(event: AuditEvent) -> tuple[Row, ...]:
    found = _scaling(event) if event.verb in VERBS else None
    return () if found is None else (Row((SCALE, found)),)


def _scaling(event: AuditEvent) -> Scaling | None:
    if event.objectRef.subresource == SUBRESOURCE:
        return _through_subresource(event)
    return _of_object(event, SCALABLE, REPLICAS, ("status", "replicas")) or _of_object(
        event, AUTOSCALERS, MAXIMUM, ("status", "currentReplicas")
    )


def _through_subresource(event: AuditEvent) -> Scaling | None:
    """A Scale leaves out a count of zero, and names no kind of its own."""
    ref = event.objectRef
    found = written(event, SCALABLE)
    if found is None:
        return None
    answer = mapping(event.response) if event.response_head.kind == "Scale" else {}
    body: Mapping[str, Json] = answer or found.request
    kind = SCALABLE.kinds.get(ref.resource, "")
    return Scaling(kind, _count(at(body, REPLICAS), 0), _observed(answer, ("status", "replicas")))


def _of_object(
    event: AuditEvent, target: Target, wanted: ScaledTo, observed: ScaledTo
) -> Scaling | None:
    """What a write of the object makes of its count; None for a patch beside it."""
    found = written(event, target)
    if found is None or found.subresource or not found.touches(wanted):
        return None
    answer = found.object if event.response_head.kind == found.kind else {}
    return Scaling(found.kind, _count(at(found.object, wanted), None), _observed(answer, observed))


def _observed(answer: Mapping[str, Json], path: ScaledTo) -> int | None:
    """The count in an answer, which leaves out zero; None without an answer."""
    return _count(at(answer, path), 0) if answer else None


def _count(value: Json, absent: int | None) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else absent


SCALE: Fields[Scaling] = Fields(
    {
        "scale.kind": lambda scaling: scaling.kind,
        "scale.to": lambda scaling: scaling.wanted,
        "scale.from": lambda scaling: scaling.observed,
        "scale.factor": lambda scaling: scaling.factor,
    }
)
