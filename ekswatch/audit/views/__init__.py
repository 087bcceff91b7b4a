"""The views: an event as rows in which every field has one value.

Arrays of objects are where rule languages disagree, so a rule never sees one: it is
evaluated on each row of the view that its document names. A view of objects has rows for
requests that write them, and none for reads, deletes and other subresources.
"""

from collections.abc import Callable, Mapping

from ekswatch.audit.event import AuditEvent
from ekswatch.audit.views.command import command_rows
from ekswatch.audit.views.rbac import grant_rows, subject_rows
from ekswatch.audit.views.row import Row
from ekswatch.audit.views.service import service_rows
from ekswatch.audit.views.volume import volume_rows
from ekswatch.audit.views.webhook import webhook_rows
from ekswatch.audit.views.workload import container_rows, pod_rows

__all__ = ["VIEWS", "Row", "rows"]

VIEWS: Mapping[str, str] = {
    "": "The audit event itself.",
    "pod": "One row per pod spec that is written, in a workload of any of the nine kinds.",
    "container": "One row per container of any kind that is written; one when a patch names none.",
    "volume": "One row per volume of a pod spec, and per PersistentVolume on a node's disk.",
    "grant": "One row per rule of a Role or ClusterRole, as it is after the write.",
    "subject": "One row per subject of a RoleBinding or ClusterRoleBinding, after the write.",
    "command": "One row per request to exec in a container or to attach to one.",
    "webhook": "One row per webhook of an admission webhook configuration.",
    "service": "One row per Service that is written.",
}
"""Each view and what its rows are; the view without a name is the event."""


def rows(event: AuditEvent, view: str) -> tuple[Row, ...]:
    """Return the event's rows in a view; a row holds only the view's own fields.

    Never raises for what a body holds. Raises: KeyError for an unknown view.
    """
    return _ROWS[view](event)


def _event_rows(_: AuditEvent) -> tuple[Row, ...]:
    return ({},)


_ROWS: Mapping[str, Callable[[AuditEvent], tuple[Row, ...]]] = {
    "": _event_rows,
    "pod": pod_rows,
    "container": container_rows,
    "volume": volume_rows,
    "grant": grant_rows,
    "subject": subject_rows,
    "command": command_rows,
    "webhook": webhook_rows,
    "service": service_rows,
}
