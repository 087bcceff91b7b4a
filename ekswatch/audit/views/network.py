"""The view network: whom a network policy lets through to the pods that it selects.

Policies add up: one that lets everybody in outdoes all others that select the same pods.
"""

from collections.abc import Iterator, Mapping
from ipaddress import ip_network

from ekswatch.audit.event import AuditEvent, Json
from ekswatch.audit.lenient import items, mapping, objects, text, texts
from ekswatch.audit.views.row import Fields, Row
from ekswatch.audit.views.written import Target, Written, written

POLICIES = Target({"networkpolicies": "NetworkPolicy"}, groups=("networking.k8s.io", "extensions"))

PEERS = {"ingress": "from", "egress": "to"}
"""The directions, and what the peers of a rule are called in each."""

WIDE_PREFIX = 1
"""Bits of a network that is half of all addresses: two of them are all."""


def network_rows(event: AuditEvent) -> tuple[Row, ...]:
    found = written(event, POLICIES)
    return () if found is None else (Row((NETWORK, found)),)


def _spec(found: Written) -> Mapping[str, Json]:
    return mapping(found.object.get("spec"))


def _rules(found: Written, direction: str) -> list[dict[str, Json]]:
    return objects(_spec(found).get(direction))


def _peers(rule: Mapping[str, Json], direction: str) -> list[dict[str, Json]]:
    return objects(rule.get(PEERS[direction]))


def _is_everybody(rule: Mapping[str, Json], direction: str) -> bool:
    """Without peers a rule means all of them."""
    if not items(rule.get(PEERS[direction])):
        return True
    return any(_is_wide(mapping(peer.get("ipBlock"))) for peer in _peers(rule, direction))


def _is_wide(block: Mapping[str, Json]) -> bool:
    try:
        return ip_network(text(block.get("cidr")), strict=False).prefixlen <= WIDE_PREFIX
    except ValueError:
        return False


def _is_limited(rule: Mapping[str, Json], direction: str) -> bool:
    """Return whether ports, or exceptions from every wide network, leave something out."""
    if items(rule.get("ports")):
        return True
    blocks = [mapping(peer.get("ipBlock")) for peer in _peers(rule, direction)]
    wide = [block for block in blocks if _is_wide(block)]
    return bool(wide) and all(items(block.get("except")) for block in wide)


def _is_all_pods(rule: Mapping[str, Json], direction: str) -> bool:
    """Return whether a peer is every pod of every namespace, on every port."""
    every = any(
        "namespaceSelector" in peer
        and _selects_all(peer.get("namespaceSelector"))
        and _selects_all(peer.get("podSelector"))
        for peer in _peers(rule, direction)
    )
    return every and not items(rule.get("ports"))


def _selects_all(selector: Json) -> bool:
    """An empty selector means all; so does, beside another one, none."""
    found = mapping(selector)
    return not mapping(found.get("matchLabels")) and not items(found.get("matchExpressions"))


def _open(found: Written) -> Iterator[str]:
    for way in PEERS:
        rules = _rules(found, way)
        if any(_is_everybody(rule, way) and not _is_limited(rule, way) for rule in rules):
            yield way


def _partly_open(found: Written) -> Iterator[str]:
    for way in PEERS:
        rules = _rules(found, way)
        if any(_is_everybody(rule, way) and _is_limited(rule, way) for rule in rules):
            yield way


def _open_inside(found: Written) -> Iterator[str]:
    for way in PEERS:
        if any(_is_all_pods(rule, way) for rule in _rules(found, way)):
            yield way


def _selects_namespace(found: Written) -> bool:
    return _selects_all(_spec(found).get("podSelector"))


NETWORK: Fields[Written] = Fields(
    {
        "network.name": lambda found: found.name,
        "network.types": lambda found: texts(_spec(found).get("policyTypes")),
        "network.whole_namespace": _selects_namespace,
        "network.open": lambda found: tuple(_open(found)),
        "network.partly_open": lambda found: tuple(_partly_open(found)),
        "network.open_inside": lambda found: tuple(_open_inside(found)),
        "network.written": lambda found: found.touches(("spec",)),
        "network.types_written": lambda found: found.touches(("spec", "policyTypes")),
        "network.rules_written": lambda found: any(found.touches(("spec", way)) for way in PEERS),
        "network.selector_written": lambda found: found.touches(("spec", "podSelector")),
    }
)
