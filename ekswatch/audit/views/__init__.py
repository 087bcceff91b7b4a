"""The views: an event as rows in which every field has one value.

Arrays of objects are where rule languages disagree, so a rule never sees one: it is
evaluated on each row of the view that its document names. A view of objects has rows for
requests that write them, and none for reads, deletes and other subresources.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from ekswatch.audit.event import AuditEvent
from ekswatch.audit.views import (
    account,
    certificate,
    command,
    extension,
    ingress,
    mapping,
    namespace,
    network,
    node,
    policy,
    quota,
    rbac,
    review,
    scale,
    service,
    token,
    volume,
    webhook,
    workload,
)
from ekswatch.audit.views.row import EventRow, Row
from ekswatch.audit.views.workload import PODS, Pod, read_pod
from ekswatch.audit.views.written import WRITES, Target
from ekswatch.audit.vocabulary import EVENT

__all__ = [
    "CLUSTER",
    "DELIVERY",
    "FINDING",
    "LIST",
    "VIEWS",
    "EventRow",
    "Row",
    "Rows",
    "View",
    "rows",
]

FINDING = "finding"
DELIVERY = "delivery"
LIST = "list"
CLUSTER = "cluster"
"""Views that an event has no rows in (`ekswatch.rules.matcher.outcomes`)."""


@dataclass(frozen=True, slots=True)
class View:
    """What the rows of a view are, how they are made, and which events can have any.

    Shape: `of_pod` makes them where the event writes a pod spec, else `of_event`.
    Empty `verbs`, `resources` or `subresources` mean any; "" is the object itself.
    """

    doc: str
    of_event: Callable[[AuditEvent], tuple[Row, ...]] | None = None
    of_pod: Callable[[Pod], tuple[Row, ...]] | None = None
    verbs: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()


def _written(
    doc: str,
    *targets: Target,
    of_event: Callable[[AuditEvent], tuple[Row, ...]] | None = None,
    of_pod: Callable[[Pod], tuple[Row, ...]] | None = None,
) -> View:
    return View(
        doc,
        of_event,
        of_pod,
        verbs=tuple(sorted(WRITES)),
        resources=tuple(resource for target in targets for resource in target.kinds),
        subresources=tuple({sub: 0 for target in targets for sub in target.subresources}),
    )


VIEWS: Mapping[str, View] = {
    EVENT: View("The audit event itself."),
    "pod": _written(
        "One row per pod spec that is written, in a workload of any of the nine kinds.",
        PODS,
        of_pod=workload.pod_rows,
    ),
    "container": _written(
        "One row per container of any kind that is written; one when a patch names none.",
        PODS,
        of_pod=workload.container_rows,
    ),
    "volume": _written(
        "One row per volume of a pod spec, and per PersistentVolume on a node's disk.",
        PODS,
        volume.PERSISTENT,
        of_pod=volume.pod_volume_rows,
        of_event=volume.persistent_rows,
    ),
    "grant": _written(
        "One row per rule of a Role or ClusterRole, as it is after the write.",
        rbac.ROLES,
        of_event=rbac.grant_rows,
    ),
    "subject": _written(
        "One row per subject of a RoleBinding or ClusterRoleBinding, after the write.",
        rbac.BINDINGS,
        of_event=rbac.subject_rows,
    ),
    "command": View(
        "One row per request to exec in a container or to attach to one.",
        command.command_rows,
        resources=("pods",),
        subresources=command.SUBRESOURCES,
    ),
    "webhook": _written(
        "One row per webhook of an admission webhook configuration.",
        webhook.CONFIGURATIONS,
        of_event=webhook.webhook_rows,
    ),
    "service": _written(
        "One row per Service that is written.", service.SERVICES, of_event=service.service_rows
    ),
    "ingress": _written(
        "One row per Ingress that is written.", ingress.INGRESSES, of_event=ingress.ingress_rows
    ),
    "scale": View(
        "One row per request that changes how many pods a workload or its autoscaler has.",
        scale.scale_rows,
        verbs=scale.VERBS,
        resources=(*scale.SCALABLE.kinds, *scale.AUTOSCALERS.kinds),
        subresources=("", scale.SUBRESOURCE),
    ),
    FINDING: View(
        "One row per request and detection that found something in it. Of the event's own fields "
        "it has those that every finding shows."
    ),
    DELIVERY: View(
        "One row per minute in which a cluster's audit log has events. It has no other fields."
    ),
    LIST: View("One row per list that is read at run time, every hour. It has no other fields."),
    CLUSTER: View(
        "One row per EKS cluster of the account and Region, every hour. It has no other fields."
    ),
    "token": View(
        "One row per audience of a service-account token that is asked for, or one without.",
        token.token_rows,
        verbs=("create",),
        resources=("serviceaccounts",),
        subresources=("token",),
    ),
    "certificate": _written(
        "One row per certificate signing request that is made, changed or approved.",
        certificate.REQUESTS,
        of_event=certificate.certificate_rows,
    ),
    "mapping": _written(
        "One row per entry of the config map aws-auth, after the write.",
        mapping.CONFIG_MAPS,
        of_event=mapping.mapping_rows,
    ),
    "namespace": _written(
        "One row per namespace that is written.",
        namespace.NAMESPACES,
        of_event=namespace.namespace_rows,
    ),
    "extension": _written(
        "One row per APIService or CustomResourceDefinition that is written.",
        extension.API_SERVICES,
        extension.DEFINITIONS,
        of_event=extension.extension_rows,
    ),
    "node": _written("One row per node that is written.", node.NODES, of_event=node.node_rows),
    "account": _written(
        "One row per service account that is written.",
        account.ACCOUNTS,
        of_event=account.account_rows,
    ),
    "review": View(
        "One row per question to the API server about what somebody may do.",
        review.review_rows,
        verbs=review.VERBS,
        resources=tuple(review.REVIEWS.kinds),
        subresources=("",),
    ),
    "network": _written(
        "One row per network policy that is written.",
        network.POLICIES,
        of_event=network.network_rows,
    ),
    "policy": _written(
        "One row per admission policy, or binding of one, that is written.",
        policy.POLICIES,
        of_event=policy.policy_rows,
    ),
    "quota": _written(
        "One row per resource quota that is written.",
        quota.QUOTAS,
        of_event=quota.quota_rows,
    ),
}
"""Each view by the name that a log source's category has; without one, the event."""


class Rows(dict[str, tuple[Row, ...]]):
    """The rows of one event by view, made when they are first asked for.

    Those of other views have the event's own fields, too.
    Never raises for what a body holds. Raises: KeyError for an unknown view.
    """

    def __init__(self, itself: EventRow) -> None:
        self._itself = itself
        self[EVENT] = (itself,)

    def __missing__(self, name: str) -> tuple[Row, ...]:
        view = VIEWS[name]
        made: tuple[Row, ...] = ()
        if view.of_pod is not None and self._pod is not None:
            made = view.of_pod(self._pod)
        elif view.of_event is not None:
            made = view.of_event(self._itself.event)
        self[name] = made = tuple([row.within(self._itself) for row in made])
        return made

    @cached_property
    def _pod(self) -> Pod | None:
        return read_pod(self._itself.event)


def rows(event: AuditEvent, view: str) -> tuple[Row, ...]:
    """Return the event's rows in a view, whole: every field that says something.

    Never raises for what a body holds. Raises: KeyError for an unknown view.
    """
    return tuple(row.whole() for row in Rows(EventRow(event))[view])
