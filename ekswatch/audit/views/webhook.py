"""The view webhook: who is asked about, and may change, every request to the API server."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from ekswatch.audit.addresses import address_class
from ekswatch.audit.event import AuditEvent, Json
from ekswatch.audit.lenient import at, items, mapping, objects, text, texts
from ekswatch.audit.views.row import Fields, Row
from ekswatch.audit.views.written import Target, Written, written

CONFIGURATIONS = Target(
    {
        "mutatingwebhookconfigurations": "MutatingWebhookConfiguration",
        "validatingwebhookconfigurations": "ValidatingWebhookConfiguration",
    },
    groups=("admissionregistration.k8s.io",),
)
IN_CLUSTER = (".svc", ".cluster.local")


@dataclass(frozen=True, slots=True)
class Webhook:
    """One webhook of a configuration. `changes` is false where the write leaves it as it is."""

    configuration: Written
    spec: Mapping[str, Json]
    changes: bool

    @property
    def url(self) -> str:
        return text(at(self.spec, ("clientConfig", "url")))


def webhook_rows(event: AuditEvent) -> tuple[Row, ...]:
    found = written(event, CONFIGURATIONS)
    if found is None:
        return ()
    changes = found.fragment is None or _changes_more_than_certificates(event, found)
    webhooks = found.object.get("webhooks", found.request.get("webhooks"))
    return tuple(Row((WEBHOOK, Webhook(found, spec, changes))) for spec in objects(webhooks))


def is_external(url: str) -> bool:
    """A URL that cannot be read counts as outside."""
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return True
    if host == "localhost" or address_class(host) == "loopback":
        return False
    return not host.endswith(IN_CLUSTER)


def _union(webhook: Webhook, key: str) -> tuple[str, ...]:
    rules = objects(webhook.spec.get("rules"))
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


WEBHOOK: Fields[Webhook] = Fields(
    {
        "webhook.name": lambda webhook: text(webhook.spec.get("name")),
        "webhook.configuration": lambda webhook: webhook.configuration.name,
        "webhook.failure_policy": lambda webhook: text(webhook.spec.get("failurePolicy")),
        "webhook.url": lambda webhook: webhook.url,
        "webhook.external": lambda webhook: bool(webhook.url) and is_external(webhook.url),
        "webhook.resources": lambda webhook: _union(webhook, "resources"),
        "webhook.api_groups": lambda webhook: _union(webhook, "apiGroups"),
        "webhook.operations": lambda webhook: _union(webhook, "operations"),
        "webhook.written": lambda webhook: webhook.changes,
    }
)
