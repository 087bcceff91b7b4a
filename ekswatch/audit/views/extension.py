"""The view extension: to which server the API server hands requests or objects of a group."""

from collections.abc import Mapping

from ekswatch.audit.event import AuditEvent, Json
from ekswatch.audit.lenient import at, flag, mapping, text
from ekswatch.audit.views.row import Fields, Row
from ekswatch.audit.views.webhook import is_external
from ekswatch.audit.views.written import Target, Written, written

API_SERVICES = Target({"apiservices": "APIService"}, groups=("apiregistration.k8s.io",))
DEFINITIONS = Target(
    {"customresourcedefinitions": "CustomResourceDefinition"}, groups=("apiextensions.k8s.io",)
)

CONVERSION = ("spec", "conversion")
CLIENT = (*CONVERSION, "webhook", "clientConfig")
SERVICE = ("spec", "service")

SERVING = (SERVICE, ("spec", "insecureSkipTLSVerify"))
CONVERTING = ((*CONVERSION, "strategy"), (*CLIENT, "url"), (*CLIENT, "service"))


def extension_rows(event: AuditEvent) -> tuple[Row, ...]:
    found = written(event, API_SERVICES) or written(event, DEFINITIONS)
    return () if found is None else (Row((EXTENSION, found)),)


def _is_definition(found: Written) -> bool:
    return found.kind in DEFINITIONS.kinds.values()


def _service(found: Written) -> str:
    """Namespace and name of the service that serves the group, or converts its objects."""
    path = (*CLIENT, "service") if _is_definition(found) else SERVICE
    service: Mapping[str, Json] = mapping(at(found.object, path))
    name = text(service.get("name"))
    return f"{text(service.get('namespace'))}/{name}" if name else ""


def _url(found: Written) -> str:
    return text(at(found.object, (*CLIENT, "url"))) if _is_definition(found) else ""


def _redirects(found: Written) -> bool:
    """Whether the request writes where requests or objects go; a certificate alone does not."""
    return any(map(found.touches, CONVERTING if _is_definition(found) else SERVING))


EXTENSION: Fields[Written] = Fields(
    {
        "extension.kind": lambda found: found.kind,
        "extension.group": lambda found: text(at(found.object, ("spec", "group"))),
        "extension.service": _service,
        "extension.url": _url,
        "extension.external": lambda found: bool(_url(found)) and is_external(_url(found)),
        "extension.insecure": lambda found: flag(
            at(found.object, ("spec", "insecureSkipTLSVerify"))
        ),
        "extension.conversion": lambda found: text(at(found.object, (*CONVERSION, "strategy"))),
        "extension.written": _redirects,
    }
)
