"""The engine and the plain specification agree on every event."""

import gzip
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ekswatch.audit.event import AuditEvent
from ekswatch.rules.compile import compile_ruleset
from ekswatch.rules.engine import Engine
from ekswatch.rules.ruleset import dump, load
from tests.rules import naive

ROOT = Path(__file__).parents[2]
DATA = Path(__file__).parent / "data"
SCENARIOS = sorted((ROOT / "events" / "scenarios").glob("*.jsonl.gz"))
LINES_PER_SCENARIO = 60


def audit_events() -> Iterator[AuditEvent]:
    """A share of each scenario, and writes beyond it, which are rarer."""
    for path in SCENARIOS:
        with gzip.open(path) as lines:
            for index, line in enumerate(lines):
                if index < LINES_PER_SCENARIO or (b'"verb":"create"' in line and index % 3 == 0):
                    yield msgspec.json.decode(line, type=AuditEvent)


@pytest.fixture(scope="module")
def events() -> list[AuditEvent]:
    return list(audit_events())


class Both:
    """A folder's detections, as the engine has them and as the specification reads them."""

    def __init__(self, folder: Path) -> None:
        self.engine = Engine(load(dump(compile_ruleset(folder))))
        self.rules, self.filters = naive.load(folder)

    def fast(self, event: AuditEvent) -> Counter[tuple[str, str]]:
        """How many rows match, by rule and by the filter that suppresses them."""
        matches = self.engine.match([event])
        once = {rule.name: rule.finding for rule in self.engine.ruleset.rules}
        return Counter(
            (match.document, match.suppressed_by)
            for match in matches
            if not (match.signal and once[match.document])
        )

    def plain(self, event: AuditEvent) -> Counter[tuple[str, str]]:
        return Counter(
            (rule.name, self._filter(rule, event, row))
            for rule in self.rules
            for row in rule.rows(event)
            if rule.holds(event, row)
        )

    def _filter(self, rule: naive.Naive, event: AuditEvent, row: Any) -> str:
        """The first filter for the rule whose condition, which starts with not, does not hold."""
        for each in self.filters:
            wanted = each.document["filter"]["rules"]
            wanted = [wanted] if isinstance(wanted, str) else wanted
            if (
                (wanted == ["any"] or rule.name in self._rules(wanted))
                and each.view in ("", rule.view)
                and not each.holds(event, row)
            ):
                return each.name
        return ""

    def _rules(self, names: list[str]) -> set[str]:
        """The rules that names mean: those below a correlation stand for it."""
        below = {each.name: each.rules for each in self.engine.ruleset.correlations}
        found: set[str] = set()
        for name in names:
            found |= self._rules(list(below[name])) if name in below else {name}
        return found


@pytest.fixture(scope="module")
def both() -> Both:
    return Both(DATA)


def test_every_rule_of_the_table_on_recorded_events(both: Both, events: list[AuditEvent]) -> None:
    """Each rule matches as many rows, under the same filters, as the specification says."""
    seen: Counter[str] = Counter()
    for event in events:
        expected = both.plain(event)
        seen.update({document for document, _ in expected})

        assert both.fast(event) == expected, event

    assert both.engine.errors == Counter()
    assert {rule.name for rule in both.rules} - set(seen) <= {"dashes", "empty-list", "times"}


def test_the_shipped_detections_on_recorded_events(events: list[AuditEvent]) -> None:
    """The detections of this repository mean to the engine what they mean to Sigma."""
    shipped = Both(ROOT / "detections")

    different = [event for event in events if shipped.fast(event) != shipped.plain(event)]

    assert different == []
    assert shipped.engine.errors == Counter()


NAMES = st.sampled_from(
    ["", "a", "web", "admin", "system:anonymous", "system:node:n1", "kube-system", "payments"]
) | st.text(max_size=6)
VERBS = st.sampled_from(["get", "list", "watch", "create", "update", "patch", "delete", "GET"])
RESOURCES = st.sampled_from(["pods", "secrets", "configmaps", "deployments", "roles", "leases", ""])
SCALARS = st.none() | st.booleans() | st.integers(-2, 1000) | st.floats(allow_nan=False) | NAMES
BODIES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("spec", "metadata", "name", "replicas", "containers", "image", "labels"),
                    *("hostNetwork", "app", "kind", "rules", "verbs", "resources", "status"),
                    *("phase", "volumes", "hostPath", "path", "securityContext", "privileged"),
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
POD_WRITES = st.fixed_dictionaries(
    {
        "kind": st.just("Pod"),
        "spec": st.fixed_dictionaries(
            {
                "hostNetwork": st.booleans(),
                "containers": st.lists(
                    st.fixed_dictionaries(
                        {
                            "name": NAMES,
                            "image": st.sampled_from(["nginx:latest", "registry.k8s.io/pause"]),
                            "securityContext": st.fixed_dictionaries(
                                {"privileged": st.booleans(), "runAsUser": st.integers(0, 2000)}
                            ),
                        }
                    ),
                    max_size=3,
                ),
                "volumes": st.lists(
                    st.fixed_dictionaries(
                        {"name": NAMES, "hostPath": st.just({"path": "/var/run/x"})}
                    ),
                    max_size=2,
                ),
            }
        ),
    }
)
EVENTS = st.fixed_dictionaries(
    {
        "auditID": NAMES,
        "stage": st.sampled_from(["ResponseComplete", "ResponseStarted", "RequestReceived"]),
        "level": st.sampled_from(["Metadata", "Request", "RequestResponse"]),
        "verb": VERBS,
        "requestURI": st.sampled_from(["/api/v1/namespaces/kube-system/pods", "/healthz"]) | NAMES,
        "user": st.fixed_dictionaries(
            {
                "username": NAMES,
                "groups": st.lists(st.sampled_from(["system:nodes", "system:masters"]), max_size=2),
                "extra": st.dictionaries(
                    st.just("authentication.kubernetes.io/pod-name"),
                    st.lists(NAMES, max_size=1),
                    max_size=1,
                ),
            }
        ),
        "sourceIPs": st.lists(
            st.sampled_from(["10.0.0.1", "10.1.0.1", "198.51.100.7", "::1", "2001:db8::1", "x"]),
            max_size=2,
        ),
        "userAgent": st.sampled_from(
            ["", "kubectl/v1.32 (linux/amd64)", "Helm/3.13", "kubelet/v1", "KUBE-x"]
        ),
        "objectRef": st.fixed_dictionaries(
            {
                "resource": RESOURCES,
                "name": NAMES,
                "namespace": NAMES,
                "subresource": st.sampled_from(["", "", "exec", "status"]),
            }
        ),
        "responseStatus": st.fixed_dictionaries({"code": st.sampled_from([0, 200, 201, 403, 409])}),
        "requestObject": BODIES | POD_WRITES,
        "responseObject": BODIES,
        "requestReceivedTimestamp": st.sampled_from(["2026-11-20T10:05:00Z", "", "soon"]),
        "annotations": st.dictionaries(
            st.sampled_from(["authorization.k8s.io/decision", "authorization.k8s.io/reason"]),
            st.sampled_from(["allow", "forbid", 'ClusterRoleBinding "x" of ClusterRole "admin"']),
        ),
    }
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(record=EVENTS)
def test_every_rule_of_the_table_on_invented_events(both: Both, record: dict[str, Any]) -> None:
    """Engine and specification agree on events that nobody would write."""
    event = msgspec.json.decode(msgspec.json.encode(record), type=AuditEvent)

    assert both.fast(event) == both.plain(event)
    assert both.engine.errors == Counter()
