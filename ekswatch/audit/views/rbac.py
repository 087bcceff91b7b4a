"""The views grant and subject: what roles allow, and to whom bindings give them."""

from collections.abc import Mapping

from ekswatch.audit.event import AuditEvent, Json, Value
from ekswatch.audit.lenient import mapping, objects, text, texts
from ekswatch.audit.views.row import Row, row
from ekswatch.audit.views.written import Written, written

GROUPS = ("rbac.authorization.k8s.io",)
ROLES = {"roles": "Role", "clusterroles": "ClusterRole"}
BINDINGS = {"rolebindings": "RoleBinding", "clusterrolebindings": "ClusterRoleBinding"}


def grant_rows(event: AuditEvent) -> tuple[Row, ...]:
    """One row per rule, the rules that aggregation filled in included."""
    role = written(event, ROLES, groups=GROUPS)
    if role is None:
        return ()
    return tuple(_grant(role, rule) for rule in objects(_after(role, "rules")))


def subject_rows(event: AuditEvent) -> tuple[Row, ...]:
    binding = written(event, BINDINGS, groups=GROUPS)
    if binding is None:
        return ()
    return tuple(_subject(binding, subject) for subject in objects(_after(binding, "subjects")))


def _after(found: Written, key: str) -> Json:
    """The response may have been cut before the key; the request may have it."""
    return found.object[key] if key in found.object else found.request.get(key)


def _grant(role: Written, rule: Mapping[str, Json]) -> Row:
    fields: dict[str, Value] = {
        "grant.verbs": texts(rule.get("verbs")),
        "grant.resources": texts(rule.get("resources")),
        "grant.api_groups": texts(rule.get("apiGroups")),
        "grant.resource_names": texts(rule.get("resourceNames")),
        "grant.non_resource_urls": texts(rule.get("nonResourceURLs")),
        "grant.written": role.touches(("rules",)),
        "role.kind": role.kind,
        "role.name": role.name,
        "role.namespace": role.namespace,
    }
    return row(fields)


def _subject(binding: Written, subject: Mapping[str, Json]) -> Row:
    kind, name = text(subject.get("kind")), text(subject.get("name"))
    namespace = text(subject.get("namespace")) if kind == "ServiceAccount" else ""
    role = mapping(_after(binding, "roleRef"))
    fields: dict[str, Value] = {
        "subject.kind": kind,
        "subject.name": name,
        "subject.namespace": namespace,
        "subject.ref": f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}".strip(),
        "subject.written": binding.touches(("subjects",)) or binding.touches(("roleRef",)),
        "role.kind": text(role.get("kind")),
        "role.name": text(role.get("name")),
        "binding.kind": binding.kind,
        "binding.name": binding.name,
        "binding.namespace": binding.namespace,
    }
    return row(fields)
