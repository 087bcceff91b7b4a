"""The view ingress: what of the outside reaches which service, and what its proxy is told."""

from collections.abc import Iterator, Mapping

from ekswatch.audit.event import LAST_APPLIED, AuditEvent, Json
from ekswatch.audit.lenient import at, items, mapping, objects, text
from ekswatch.audit.views.labels import ANNOTATIONS, DIRECTIVE, annotations
from ekswatch.audit.views.row import Fields, Row
from ekswatch.audit.views.written import Target, Written, written

INGRESSES = Target({"ingresses": "Ingress"}, groups=("networking.k8s.io", "extensions"))

FORMER_CLASS = "kubernetes.io/ingress.class"
"""The annotation that named the controller before the field did; many still use it."""


def ingress_rows(event: AuditEvent) -> tuple[Row, ...]:
    found = written(event, INGRESSES)
    return () if found is None else (Row((INGRESS, found)),)


def _spec(found: Written) -> Mapping[str, Json]:
    return mapping(found.object.get("spec"))


def _class(found: Written) -> str:
    return text(_spec(found).get("ingressClassName")) or text(annotations(found).get(FORMER_CLASS))


def _rules(found: Written) -> list[dict[str, Json]]:
    return objects(_spec(found).get("rules"))


def _paths(found: Written) -> Iterator[dict[str, Json]]:
    for rule in _rules(found):
        yield from objects(at(rule, ("http", "paths")))


def _backends(found: Written) -> Iterator[str]:
    spec = _spec(found)
    yield _service(spec.get("defaultBackend") or spec.get("backend"))
    yield from (_service(path.get("backend")) for path in _paths(found))


def _service(backend: Json) -> str:
    """The name under which the API holds it, or held it until networking.k8s.io/v1."""
    return text(at(backend, ("service", "name"))) or text(at(backend, ("serviceName",)))


def _settings(found: Written) -> tuple[str, ...]:
    """Annotations that the request sets: all of a create or an update, of a patch its own."""
    given = annotations(found)
    if found.fragment is not None:
        given = mapping(at(found.fragment, ANNOTATIONS))
    return tuple(
        f"{key}={value}"
        for key, value in given.items()
        if isinstance(value, str) and key not in (LAST_APPLIED, DIRECTIVE)
    )


def _distinct(values: Iterator[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))


INGRESS: Fields[Written] = Fields(
    {
        "ingress.class": _class,
        "ingress.hosts": lambda found: _distinct(text(rule.get("host")) for rule in _rules(found)),
        "ingress.paths": lambda found: _distinct(text(path.get("path")) for path in _paths(found)),
        "ingress.backends": lambda found: _distinct(_backends(found)),
        "ingress.tls": lambda found: bool(items(_spec(found).get("tls"))),
        "ingress.tls_written": lambda found: found.touches(("spec", "tls")),
        "ingress.settings": _settings,
        "ingress.written": lambda found: found.touches(("spec",)),
    },
    families={"ingress.annotations.": annotations},
)
