"""The view service: how a Service is reached, from where."""

from collections.abc import Mapping

from ekswatch.audit.event import AuditEvent, Json, Value
from ekswatch.audit.lenient import mapping, objects, text, texts
from ekswatch.audit.resources import CORE
from ekswatch.audit.views.row import Row, row
from ekswatch.audit.views.written import written


def service_rows(event: AuditEvent) -> tuple[Row, ...]:
    found = written(event, {"services": "Service"}, groups=(CORE,))
    if found is None:
        return ()
    spec = mapping(found.object.get("spec")) or mapping(found.request.get("spec"))
    ports = objects(spec.get("ports"))
    fields: dict[str, Value] = {
        "service.type": text(spec.get("type")),
        "service.ports": tuple(filter(None, map(_port, ports))),
        "service.node_ports": tuple(filter(None, (_number(p.get("nodePort")) for p in ports))),
        "service.external_ips": texts(spec.get("externalIPs")),
        "service.source_ranges": texts(spec.get("loadBalancerSourceRanges")),
        "service.written": found.touches(("spec",)),
    }
    return (row(fields),)


def _port(port: Mapping[str, Json]) -> str:
    """As kubectl prints it: port, node port if any, protocol."""
    number, node = _number(port.get("port")), _number(port.get("nodePort"))
    both = f"{number}:{node}" if node else number
    return f"{both}/{text(port.get('protocol')) or 'TCP'}" if number else ""


def _number(value: Json) -> str:
    return str(value) if isinstance(value, int) and value else ""
