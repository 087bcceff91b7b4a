"""The view service: how a Service is reached, from where."""

from collections.abc import Mapping

from ekswatch.audit.event import AuditEvent, Json
from ekswatch.audit.lenient import mapping, objects, text, texts
from ekswatch.audit.resources import CORE
from ekswatch.audit.views.row import Fields, Row
from ekswatch.audit.views.written import Target, Written, written

SERVICES = Target({"services": "Service"}, groups=(CORE,))


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


SERVICE: Fields[Written] = Fields(
    {
        "service.type": lambda found: text(_spec(found).get("type")),
        "service.ports": lambda found: tuple(filter(None, map(_port, _ports(found)))),
        "service.node_ports": lambda found: tuple(
            filter(None, (_number(port.get("nodePort")) for port in _ports(found)))
        ),
        "service.external_ips": lambda found: texts(_spec(found).get("externalIPs")),
        "service.source_ranges": lambda found: texts(_spec(found).get("loadBalancerSourceRanges")),
        "service.written": lambda found: found.touches(("spec",)),
    }
)
