"""The views grant and subject: what roles allow, and to whom bindings give them."""

from collections.abc import Mapping

from ekswatch.audit.event import AuditEvent, Json
from ekswatch.audit.lenient import mapping, objects, text, texts
from ekswatch.audit.views.row import Fields, Row
from ekswatch.audit.views.written import Target, Written, written

GROUPS = ("rbac.authorization.k8s.io",)
ROLES = Target({"roles": "Role", "clusterroles": "ClusterRole"}, GROUPS)
BINDINGS = Target(
    {"rolebindings": "RoleBinding", "clusterrolebindings": "ClusterRoleBinding"}, GROUPS
)

AGGREGATE = "rbac.authorization.k8s.io/aggregate-to-"
"""How the labels begin by which the built-in aggregated roles choose others."""

Part = tuple[Written, Mapping[str, Json]]
"""A role and one of its rules, or a binding and one of its subjects."""


def grant_rows(event: AuditEvent) -> tuple[Row, ...]:
    """One row per rule, the rules that aggregation filled in included."""
    role = written(event, ROLES)
    if role is None:
        return ()
    return tuple(Row((GRANT, (role, rule))) for rule in objects(_after(role, "rules")))


def subject_rows(event: AuditEvent) -> tuple[Row, ...]:
    binding = written(event, BINDINGS)
    if binding is None:
        return ()
    subjects = objects(_after(binding, "subjects"))
    return tuple(Row((SUBJECT, (binding, subject))) for subject in subjects)


def _after(found: Written, key: str) -> Json:
    """The response may have been cut before the key; the request may have it."""
    return found.object[key] if key in found.object else found.request.get(key)


def _aggregates_to(part: Part) -> tuple[str, ...]:
    labels = mapping(mapping(part[0].object.get("metadata")).get("labels"))
    return tuple(
        label.removeprefix(AGGREGATE)
        for label, value in labels.items()
        if label.startswith(AGGREGATE) and value == "true"
    )


def _kind(part: Part) -> str:
    return text(part[1].get("kind"))


def _name(part: Part) -> str:
    return text(part[1].get("name"))


def _namespace(part: Part) -> str:
    return text(part[1].get("namespace")) if _kind(part) == "ServiceAccount" else ""


def _reference(part: Part) -> str:
    kind, name, namespace = _kind(part), _name(part), _namespace(part)
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}".strip()


def _role(part: Part) -> Mapping[str, Json]:
    return mapping(_after(part[0], "roleRef"))


GRANT: Fields[Part] = Fields(
    {
        "grant.verbs": lambda part: texts(part[1].get("verbs")),
        "grant.resources": lambda part: texts(part[1].get("resources")),
        "grant.api_groups": lambda part: texts(part[1].get("apiGroups")),
        "grant.resource_names": lambda part: texts(part[1].get("resourceNames")),
        "grant.non_resource_urls": lambda part: texts(part[1].get("nonResourceURLs")),
        "grant.written": lambda part: part[0].touches(("rules",)),
        "role.kind": lambda part: part[0].kind,
        "role.name": lambda part: part[0].name,
        "role.namespace": lambda part: part[0].namespace,
        "role.aggregates_to": _aggregates_to,
        "role.labels_written": lambda part: part[0].touches(("metadata", "labels")),
    }
)

SUBJECT: Fields[Part] = Fields(
    {
        "subject.kind": _kind,
        "subject.name": _name,
        "subject.namespace": _namespace,
        "subject.ref": _reference,
        "subject.written": lambda part: (
            part[0].touches(("subjects",)) or part[0].touches(("roleRef",))
        ),
        "role.kind": lambda part: text(_role(part).get("kind")),
        "role.name": lambda part: text(_role(part).get("name")),
        "binding.kind": lambda part: part[0].kind,
        "binding.name": lambda part: part[0].name,
        "binding.namespace": lambda part: part[0].namespace,
    }
)
