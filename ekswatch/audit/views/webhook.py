"""The view webhook: who is asked about, and may change, every request to the API server."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from ekswatch.audit.addresses import address_class
from ekswatch.audit.event import AuditEvent, Json, Value
from ekswatch.audit.lenient import at, items, mapping, objects, text, texts
from ekswatch.audit.views.row import Row, row
from ekswatch.audit.views.written import Written, written

KINDS = {
    "mutatingwebhookconfigurations": "MutatingWebhookConfiguration",
    "validatingwebhookconfigurations": "ValidatingWebhookConfiguration",
}
GROUPS = ("admissionregistration.k8s.io",)
IN_CLUSTER = (".svc", ".cluster.local")


def webhook_rows(event: AuditEvent) -> tuple[Row, ...]:
    found = written(event, KINDS, groups=GROUPS)
    if found is None:
        return ()
    changes = found.fragment is None or _changes_more_than_certificates(event, found)
    webhooks = found.object.get("webhooks", found.request.get("webhooks"))
    return tuple(_webhook(found, webhook, changes) for webhook in objects(webhooks))


def _webhook(found: Written, webhook: Mapping[str, Json], changes: bool) -> Row:
    url, rules = text(at(webhook, ("clientConfig", "url"))), objects(webhook.get("rules"))
    fields: dict[str, Value] = {
        "webhook.name": text(webhook.get("name")),
        "webhook.configuration": found.name,
        "webhook.failure_policy": text(webhook.get("failurePolicy")),
        "webhook.url": url,
        "webhook.external": bool(url) and _is_external(url),
        "webhook.resources": _union(rules, "resources"),
        "webhook.api_groups": _union(rules, "apiGroups"),
        "webhook.operations": _union(rules, "operations"),
        "webhook.written": changes,
    }
    return row(fields)


def _is_external(url: str) -> bool:
    """A URL that cannot be read counts as outside."""
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return True
    if host == "localhost" or address_class(host) == "loopback":
        return False
    return not host.endswith(IN_CLUSTER)


def _union(rules: list[dict[str, Json]], key: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for rule in rules for value in texts(rule.get(key))))


def _changes_more_than_certificates(event: AuditEvent, found: Written) -> bool:
    """Return false for a patch of metadata and caBundle alone, as certificate injectors send."""
    if isinstance(event.request, list):
        paths = [text(one.get("path")) for one in objects(items(event.request)) if _writes(one)]
        return not all(path.endswith("/caBundle") or _is_metadata(path) for path in paths)
    return any(map(_says_more_than_certificate, items(mapping(found.fragment).get("webhooks"))))


def _writes(operation: Mapping[str, Json]) -> bool:
    return operation.get("op") != "test"


def _is_metadata(path: str) -> bool:
    return path == "/metadata" or path.startswith("/metadata/")


def _says_more_than_certificate(webhook: Json) -> bool:
    if not isinstance(webhook, dict):
        return True
    config = mapping(webhook.get("clientConfig"))
    return not (webhook.keys() <= {"name", "clientConfig"} and config.keys() <= {"caBundle"})
