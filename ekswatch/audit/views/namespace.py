"""The view namespace: labels of a namespace, among them its Pod Security levels."""

from ekswatch.audit.event import AuditEvent
from ekswatch.audit.lenient import text
from ekswatch.audit.resources import CORE
from ekswatch.audit.views.labels import annotations, labels, labels_removed, labels_set
from ekswatch.audit.views.row import Fields, Row
from ekswatch.audit.views.written import Target, Written, written

NAMESPACES = Target({"namespaces": "Namespace"}, groups=(CORE,))

POD_SECURITY = "pod-security.kubernetes.io/"


def namespace_rows(event: AuditEvent) -> tuple[Row, ...]:
    found = written(event, NAMESPACES)
    return () if found is None else (Row((NAMESPACE, found)),)


def _level(found: Written, mode: str) -> str:
    return text(labels(found).get(POD_SECURITY + mode))


NAMESPACE: Fields[Written] = Fields(
    {
        "namespace.enforce": lambda found: _level(found, "enforce"),
        "namespace.audit": lambda found: _level(found, "audit"),
        "namespace.warn": lambda found: _level(found, "warn"),
        "namespace.labels_set": labels_set,
        "namespace.labels_removed": labels_removed,
    },
    families={"namespace.labels.": labels, "namespace.annotations.": annotations},
)
