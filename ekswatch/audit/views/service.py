"""The view service: how a Service is reached, from where."""

from collections.abc import Mapping

from ekswatch.audit.event import AuditEvent, Json
from ekswatch.audit.lenient import at, has, mapping, objects, text, texts
from ekswatch.audit.resources import CORE
from ekswatch.audit.views.labels import ANNOTATIONS, annotations
from ekswatch.audit.views.row import Fields, Row
from ekswatch.audit.views.written import Target, Written, written

SERVICES = Target({"services": "Service"}, groups=(CORE,))

PREFIX = "service.beta.kubernetes.io/"
SCHEME = f"{PREFIX}aws-load-balancer-scheme"
INTERNAL = f"{PREFIX}aws-load-balancer-internal"
KIND = f"{PREFIX}aws-load-balancer-type"
RANGES = f"{PREFIX}load-balancer-source-ranges"

INTERNAL_BY_DEFAULT = frozenset({"external", "nlb-ip"})
"""Values of the type annotation that hand the service to the AWS Load Balancer Controller."""


def service_rows(event: AuditEvent) -> tuple[Row, ...]:
    found = written(event, SERVICES)
    return () if found is None else (Row((SERVICE, found)),)


def _spec(found: Written) -> Mapping[str, Json]:
    return mapping(found.object.get("spec")) or mapping(found.request.get("spec"))


def _ports(found: Written) -> list[dict[str, Json]]:
    return objects(_spec(found).get("ports"))


def _port(port: Mapping[str, Json]) -> str:
    """As kubectl prints it: port, node port if any, protocol."""
    number, node = _number(port.get("port")), _number(port.get("nodePort"))
    both = f"{number}:{node}" if node else number
    return f"{both}/{text(port.get('protocol')) or 'TCP'}" if number else ""


def _number(value: Json) -> str:
    return str(value) if isinstance(value, int) and value else ""


def _selector(found: Written) -> tuple[str, ...]:
    pairs = mapping(_spec(found).get("selector")).items()
    return tuple(f"{key}={value}" for key, value in pairs if isinstance(value, str))


def _is_internet_facing(found: Written) -> bool:
    """Return whether AWS makes a load balancer with public addresses for the service.

    The controller in Kubernetes makes it public unless told otherwise, the AWS Load Balancer
    Controller and EKS Auto Mode make it internal. A class or a type names the latter; newer
    ones set their class at admission, which the answer shows.
    Source: AWS Load Balancer Controller guide, "Service annotations"; Kubernetes' cloud
    provider for AWS, "Load balancer annotations".
    """
    spec, notes = _spec(found), annotations(found)
    if spec.get("type") != "LoadBalancer":
        return False
    if scheme := text(notes.get(SCHEME)):
        return scheme == "internet-facing"
    if text(notes.get(INTERNAL)) not in ("", "false"):
        return False
    return not spec.get("loadBalancerClass") and notes.get(KIND) not in INTERNAL_BY_DEFAULT


def _source_ranges(found: Written) -> tuple[str, ...]:
    listed = text(annotations(found).get(RANGES)).split(",")
    written_out = texts(_spec(found).get("loadBalancerSourceRanges"))
    return written_out or tuple(filter(None, map(str.strip, listed)))


def _writes_exposure(found: Written) -> bool:
    """Return whether the request sets, or takes away, what decides who reaches the service."""
    if found.fragment is None:
        return True
    if has(found.fragment, ANNOTATIONS) and at(found.fragment, ANNOTATIONS) is None:
        return True
    spec = mapping(found.fragment.get("spec"))
    notes = mapping(at(found.fragment, ANNOTATIONS))
    decisive = {"type", "loadBalancerClass", "loadBalancerSourceRanges"}
    return bool(decisive & spec.keys()) or any(key.startswith(PREFIX) for key in notes)


SERVICE: Fields[Written] = Fields(
    {
        "service.type": lambda found: text(_spec(found).get("type")),
        "service.ports": lambda found: tuple(filter(None, map(_port, _ports(found)))),
        "service.node_ports": lambda found: tuple(
            filter(None, (_number(port.get("nodePort")) for port in _ports(found)))
        ),
        "service.external_ips": lambda found: texts(_spec(found).get("externalIPs")),
        "service.source_ranges": _source_ranges,
        "service.selector": _selector,
        "service.load_balancer_class": lambda found: text(_spec(found).get("loadBalancerClass")),
        "service.internet_facing": _is_internet_facing,
        "service.exposure_written": _writes_exposure,
        "service.written": lambda found: found.touches(("spec",)),
    },
    families={"service.annotations.": annotations},
)
