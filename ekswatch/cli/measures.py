"""Measures: who touches sensitive objects, and how, counted over events and findings.

The tables of the use case "access to sensitive objects": an output list, its searches and its
measures. One request counts once. Texts that clients choose are without secret material.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ekswatch.audit import facts
from ekswatch.audit.event import AuditEvent, Value
from ekswatch.audit.redact import redact
from ekswatch.findings.finding import Finding

ROWS_KEPT = 100_000
"""Of one table; whoever chooses user agents could fill the memory otherwise."""

VALUES_KEPT = 100
"""Different values of one cell."""

NOBODY = "(none)"
"""What stands for an absent value, so that no request is left out of a table."""


class Measure(StrEnum):
    """The tables by name, in their order: five measures, the list behind them, the searches."""

    GROUPS_AND_ADDRESSES = "groups-and-addresses"
    CLIENTS_AND_USERS = "clients-and-users"
    UNUSUAL_SERVICE_ACCOUNTS = "unusual-service-accounts"
    LATERAL_MOVEMENT = "lateral-movement"
    UNUSUAL_CHANGES = "unusual-changes"
    SENSITIVE_OBJECTS = "sensitive-objects"
    SUSPICIOUS_CALLS = "suspicious-calls"
    REFUSED_SERVICE_ACCOUNTS = "refused-service-accounts"
    SENSITIVE_ROLES = "sensitive-roles"
    RAREST_REASONS = "rarest-reasons"
    SERVICE_ACCOUNTS_ON_PODS = "service-accounts-on-pods"


Cell = str | int | tuple[str, ...]
Texts = Callable[[AuditEvent], Iterable[str]]
Row = Mapping[str, Cell]


@dataclass(frozen=True, slots=True)
class Counting:
    """A table of requests: which of them, what makes two of them one row, what a row lists.

    Shape: an event counts in every combination of the values of `key`; `also` are columns of
    distinct values. Most requests first, or with `rarest` fewest.
    """

    name: Measure
    title: str
    counts: Callable[[AuditEvent], bool]
    key: Mapping[str, Texts]
    also: Mapping[str, Texts] = field(default_factory=dict)
    rarest: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.key, "requests", *self.also, "first_seen", "last_seen")


@dataclass(frozen=True, slots=True)
class Found:
    """A table of the findings of some detections, worst first as a scan has them."""

    name: Measure
    title: str
    detections: tuple[str, ...]

    columns = (
        *("detection", "severity", "user", "source_address", "object", "client"),
        *("requests", "first_seen", "last_seen", "finding"),
    )


def _one(read: Callable[[AuditEvent], str | None]) -> Texts:
    return lambda event: (redact(read(event) or "") or NOBODY,)


def _groups(event: AuditEvent) -> tuple[str, ...]:
    """Whoever impersonates chooses groups, and how many."""
    return (facts.actor_groups(event) or (NOBODY,))[:VALUES_KEPT]


def _all_groups(event: AuditEvent) -> tuple[str, ...]:
    return (", ".join(_groups(event)),)


def _code(event: AuditEvent) -> tuple[str, ...]:
    return (str(event.responseStatus.code or NOBODY),)


USER = _one(facts.actor_name)
ADDRESS = _one(facts.source_address)
CLIENT = _one(facts.client_family)
AGENT = _one(lambda event: event.userAgent)
RESOURCE = _one(facts.resource)
NAMESPACE = _one(facts.object_namespace)
NAME = _one(lambda event: event.objectRef.name or "*")
VERB = _one(lambda event: event.verb)
OUTCOME = _one(facts.outcome)
DECISION = _one(facts.authorization_decision)
REASON = _one(facts.authorization_reason)
PATH = _one(facts.request_path)


def _from_elsewhere(event: AuditEvent) -> bool:
    """Not the API server talking to itself."""
    return facts.source_class(event) != "loopback"


def _sensitive_object(event: AuditEvent) -> bool:
    return event.objectRef.resource in ("secrets", "configmaps") and _from_elsewhere(event)


def _sensitive_role(event: AuditEvent) -> bool:
    roles = ("clusterroles", "clusterrolebindings")
    return event.objectRef.resource in roles and _from_elsewhere(event)


def _is_service_account(event: AuditEvent) -> bool:
    return facts.actor_kind(event) == "service-account"


def _refused_service_account(event: AuditEvent) -> bool:
    return _is_service_account(event) and facts.outcome(event) in ("denied", "refused", "failed")


def _service_account_on_pods(event: AuditEvent) -> bool:
    return _is_service_account(event) and event.objectRef.resource == "pods"


def _authorized(event: AuditEvent) -> bool:
    return bool(facts.authorization_reason(event))


COUNTINGS = (
    Counting(
        Measure.GROUPS_AND_ADDRESSES,
        "Interactions with secrets and config maps, per group and source address",
        _sensitive_object,
        {"group": _groups, "source_address": ADDRESS},
        {"users": USER, "resources": RESOURCE, "outcomes": OUTCOME},
    ),
    Counting(
        Measure.CLIENTS_AND_USERS,
        "User agents and users that touch secrets and config maps",
        _sensitive_object,
        {"client": CLIENT, "user": USER},
        {"user_agents": AGENT, "resources": RESOURCE, "verbs": VERB, "outcomes": OUTCOME},
    ),
    Counting(
        Measure.SENSITIVE_OBJECTS,
        "Accounts that touched secrets and config maps, and why they were allowed to",
        _sensitive_object,
        {"user": USER, "groups": _all_groups},
        {
            "source_addresses": ADDRESS,
            "resources": RESOURCE,
            "namespaces": NAMESPACE,
            "names": NAME,
            "verbs": VERB,
            "reasons": REASON,
        },
    ),
    Counting(
        Measure.SENSITIVE_ROLES,
        "Accounts that touched cluster roles and their bindings",
        _sensitive_role,
        {"user": USER, "groups": _all_groups},
        {
            "source_addresses": ADDRESS,
            "resources": RESOURCE,
            "names": NAME,
            "verbs": VERB,
            "reasons": REASON,
        },
    ),
    Counting(
        Measure.REFUSED_SERVICE_ACCOUNTS,
        "Service accounts that were refused",
        _refused_service_account,
        {
            "source_address": ADDRESS,
            "user": USER,
            "user_agent": AGENT,
            "verb": VERB,
            "status": _code,
            "path": PATH,
        },
    ),
    Counting(
        Measure.RAREST_REASONS,
        "Rarest reasons for which requests were allowed, per account",
        _authorized,
        {"reason": REASON, "user": USER},
        {"verbs": VERB, "resources": RESOURCE},
        rarest=True,
    ),
    Counting(
        Measure.SERVICE_ACCOUNTS_ON_PODS,
        "Most active service accounts on pods",
        _service_account_on_pods,
        {"user": USER, "source_address": ADDRESS, "verb": VERB, "decision": DECISION},
        {"resources": RESOURCE, "namespaces": NAMESPACE},
    ),
)

OF_FINDINGS = (
    Found(
        Measure.SUSPICIOUS_CALLS,
        "Suspicious calls",
        ("anonymous-request", "service-account-human-client", "attack-tool-user-agent"),
    ),
    Found(
        Measure.UNUSUAL_SERVICE_ACCOUNTS,
        "Service accounts that act unusually",
        ("service-account-unusual-activity", "service-account-denied"),
    ),
    Found(
        Measure.LATERAL_MOVEMENT,
        "Calls that lead from one part of the cluster to another",
        (
            *("pod-exec", "port-forward", "service-or-pod-proxy-used"),
            *("exec-attack-tool", "node-proxy-used"),
        ),
    ),
    Found(
        Measure.UNUSUAL_CHANGES,
        "Resources created, changed or read unusually",
        ("unusual-workload-change", "secret-access-new-client"),
    ),
)


@dataclass(frozen=True, slots=True)
class Table:
    """One table, ready to show. `left_out` requests had no room in it."""

    name: Measure
    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    left_out: int = 0


class _Group:
    """The requests of one row."""

    __slots__ = ("also", "count", "first_at", "last_at")

    def __init__(self, at: datetime) -> None:
        self.count = 0
        self.first_at = self.last_at = at
        self.also: defaultdict[str, dict[str, None]] = defaultdict(dict)

    def add(self, event: AuditEvent, also: Mapping[str, Texts]) -> None:
        self.count += 1
        self.first_at = min(self.first_at, event.at)
        self.last_at = max(self.last_at, event.at)
        for column, read in also.items():
            values = self.also[column]
            for value in read(event):
                if len(values) < VALUES_KEPT:
                    values[value] = None


class Counted:
    """The rows of one table, counted event by event."""

    def __init__(self, what: Counting, rows_kept: int = ROWS_KEPT) -> None:
        self._what = what
        self._rows_kept = rows_kept
        self._groups: dict[tuple[str, ...], _Group] = {}
        self._left_out = 0

    def add(self, event: AuditEvent) -> None:
        if not is_whole_request(event) or not self._what.counts(event):
            return
        for key in _combinations([tuple(read(event)) for read in self._what.key.values()]):
            group = self._groups.get(key)
            if group is None:
                if len(self._groups) >= self._rows_kept:
                    self._left_out += 1
                    continue
                group = self._groups[key] = _Group(event.at)
            group.add(event, self._what.also)

    def table(self) -> Table:
        sign = 1 if self._what.rarest else -1
        groups = sorted(self._groups.items(), key=lambda item: (sign * item[1].count, item[0]))
        rows = tuple(self._row(key, group) for key, group in groups)
        what = self._what
        return Table(what.name, what.title, what.columns, rows, self._left_out)

    def _row(self, key: tuple[str, ...], group: _Group) -> Row:
        return {
            **dict(zip(self._what.key, key, strict=True)),
            "requests": group.count,
            **{column: tuple(sorted(group.also[column])) for column in self._what.also},
            "first_seen": stamp(group.first_at),
            "last_seen": stamp(group.last_at),
        }


def is_whole_request(event: AuditEvent) -> bool:
    """Whether this is the record by which a request is counted.

    A request that failed authentication has no later one than ResponseStarted.
    """
    if event.stage == "ResponseStarted":
        return event.responseStatus.code >= 400
    return event.stage != "RequestReceived"


def of_findings(what: Found, findings: Iterable[Finding]) -> Table:
    """The findings of the table's detections, in the order given."""
    wanted = frozenset(what.detections)
    rows = tuple(_found(one) for one in findings if one.detection.slug in wanted)
    return Table(what.name, what.title, what.columns, rows)


def _found(finding: Finding) -> Row:
    said = finding.facts
    return {
        "detection": finding.detection.slug,
        "severity": finding.severity.name,
        "user": _text(said.get("actor.name")),
        "source_address": _text(said.get("source.address")),
        "object": _text(said.get("object.ref")),
        "client": _text(said.get("userAgent")),
        "requests": finding.count,
        "first_seen": stamp(finding.first_seen),
        "last_seen": stamp(finding.last_seen),
        "finding": finding.id,
    }


def _text(value: Value) -> str:
    if isinstance(value, tuple):
        return ", ".join(value)
    return NOBODY if value is None else str(value)


def stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _combinations(values: Sequence[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """Every choice of one value each; keys have one value but for groups."""
    if not values:
        yield ()
        return
    for first in values[0]:
        for rest in _combinations(values[1:]):
            yield (first, *rest)
