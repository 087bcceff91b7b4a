"""The tables of the report, counted over events."""

from typing import Any

import pytest

from ekswatch.audit.event import AuditEvent
from ekswatch.cli.content import detections_folder
from ekswatch.cli.measures import (
    COUNTINGS,
    NOBODY,
    OF_FINDINGS,
    VALUES_KEPT,
    Counted,
    Measure,
    Table,
    is_whole_request,
)
from tests.audit.examples import event

RECORD = {
    "verb": "get",
    "stage": "ResponseComplete",
    "user": {"username": "jane", "groups": ["ops", "system:authenticated"]},
    "sourceIPs": ["203.0.113.7"],
    "userAgent": "kubectl/v1.32.4 (linux/amd64)",
    "objectRef": {"resource": "secrets", "namespace": "web", "name": "db"},
    "responseStatus": {"code": 200},
    "requestReceivedTimestamp": "2026-11-20T12:00:00Z",
    "annotations": {
        "authorization.k8s.io/decision": "allow",
        "authorization.k8s.io/reason": "RBAC: allowed by a binding",
    },
}
SA = {"username": "system:serviceaccount:data:reports", "groups": ["system:serviceaccounts"]}


def given(**changes: Any) -> AuditEvent:
    return event(RECORD, **changes)


def counted(name: Measure, *events: AuditEvent, rows_kept: int = 10) -> Table:
    (what,) = (one for one in COUNTINGS if one.name == name)
    table = Counted(what, rows_kept)
    for one in events:
        table.add(one)
    return table.table()


def rows(name: Measure, *events: AuditEvent) -> list[dict[str, Any]]:
    return [dict(row) for row in counted(name, *events).rows]


def test_a_request_counts_for_each_group_of_the_caller() -> None:
    """Group and address are the row, users and resources are listed in it."""
    found = rows(Measure.GROUPS_AND_ADDRESSES, given(), given(user={"username": "joe"}))

    assert [(r["group"], r["source_address"], r["requests"], r["users"]) for r in found] == [
        (NOBODY, "203.0.113.7", 1, ("joe",)),
        ("ops", "203.0.113.7", 1, ("jane",)),
        ("system:authenticated", "203.0.113.7", 1, ("jane",)),
    ]


def test_the_list_has_what_the_use_case_asks_for() -> None:
    """User, groups, object, namespace and the reason why it was allowed, once per account."""
    later = given(
        verb="list",
        objectRef={"resource": "configmaps"},
        requestReceivedTimestamp="2026-11-20T13:00:00Z",
    )

    assert rows(Measure.SENSITIVE_OBJECTS, later, given()) == [
        {
            "user": "jane",
            "groups": "ops, system:authenticated",
            "requests": 2,
            "source_addresses": ("203.0.113.7",),
            "resources": ("configmaps", "secrets"),
            "namespaces": (NOBODY, "web"),
            "names": ("*", "db"),
            "verbs": ("get", "list"),
            "reasons": ("RBAC: allowed by a binding",),
            "first_seen": "2026-11-20T12:00:00Z",
            "last_seen": "2026-11-20T13:00:00Z",
        }
    ]


def test_clients_and_users_are_counted_together() -> None:
    """Versions of a client are one row that lists them."""
    (found,) = rows(Measure.CLIENTS_AND_USERS, given(), given(userAgent="kubectl/v1.30.0"))

    assert (found["client"], found["user"], found["requests"]) == ("kubectl", "jane", 2)
    assert found["user_agents"] == ("kubectl/v1.30.0", "kubectl/v1.32.4 (linux/amd64)")


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        (Measure.SENSITIVE_OBJECTS, {"objectRef": {"resource": "pods"}}),
        (Measure.SENSITIVE_OBJECTS, {"sourceIPs": ["127.0.0.1"]}),
        (Measure.SENSITIVE_OBJECTS, {"sourceIPs": ["::1"]}),
        (Measure.SENSITIVE_ROLES, {}),
        (Measure.REFUSED_SERVICE_ACCOUNTS, {"responseStatus": {"code": 403}}),
        (Measure.REFUSED_SERVICE_ACCOUNTS, {"user": SA}),
        (Measure.RAREST_REASONS, {"annotations": {}}),
        (Measure.SERVICE_ACCOUNTS_ON_PODS, {"objectRef": {"resource": "pods"}}),
        (Measure.SERVICE_ACCOUNTS_ON_PODS, {"user": SA}),
    ],
)
def test_what_a_table_leaves_out(name: Measure, changes: dict[str, Any]) -> None:
    """Other objects, the API server itself, people where accounts are asked for."""
    assert rows(name, given(**changes)) == []


@pytest.mark.parametrize(
    ("name", "changes", "shown"),
    [
        (Measure.SENSITIVE_ROLES, {"objectRef": {"resource": "clusterroles"}}, {"user": "jane"}),
        (
            Measure.REFUSED_SERVICE_ACCOUNTS,
            {
                "user": SA,
                "responseStatus": {"code": 403},
                "annotations": {"authorization.k8s.io/decision": "forbid"},
                "requestURI": "/api/v1/secrets?limit=5",
            },
            {"user": SA["username"], "status": "403", "path": "/api/v1/secrets", "verb": "get"},
        ),
        (
            Measure.SERVICE_ACCOUNTS_ON_PODS,
            {"user": SA, "objectRef": {"resource": "pods", "subresource": "log"}},
            {"decision": "allow", "resources": ("pods/log",)},
        ),
    ],
)
def test_what_a_table_has(name: Measure, changes: dict[str, Any], shown: dict[str, Any]) -> None:
    """The searches beside the measures."""
    (found,) = rows(name, given(**changes))

    assert {key: found[key] for key in shown} == shown


def test_the_most_come_first_and_of_reasons_the_fewest() -> None:
    """What to read first stands first."""
    rare = given(annotations={"authorization.k8s.io/reason": "rare"})
    pods = {"user": SA, "objectRef": {"resource": "pods"}}
    many = [given(**pods), given(**pods), given(**pods, verb="list")]

    assert [r["reason"] for r in rows(Measure.RAREST_REASONS, given(), given(), rare)] == [
        "rare",
        "RBAC: allowed by a binding",
    ]
    assert [r["verb"] for r in rows(Measure.SERVICE_ACCOUNTS_ON_PODS, *many)] == ["get", "list"]


@pytest.mark.parametrize(
    ("stage", "code", "counts"),
    [
        ("RequestReceived", 0, False),
        ("ResponseStarted", 101, False),
        ("ResponseStarted", 401, True),
        ("ResponseComplete", 200, True),
        ("Panic", 500, True),
    ],
)
def test_one_record_of_a_request_counts(stage: str, code: int, counts: bool) -> None:
    """The last one, which a rejected caller's is the first of."""
    assert is_whole_request(given(stage=stage, responseStatus={"code": code})) is counts


@pytest.mark.parametrize(("users", "left_out"), [(3, 0), (4, 1)])
def test_a_full_table_says_what_it_left_out(users: int, left_out: int) -> None:
    """Memory is bounded, whoever names themselves how."""
    events = [given(user={"username": f"u{n}"}) for n in range(users)]

    found = counted(Measure.CLIENTS_AND_USERS, *events, rows_kept=3)

    assert (len(found.rows), found.left_out) == (3, left_out)


@pytest.mark.parametrize("agents", [VALUES_KEPT, VALUES_KEPT + 1])
def test_a_cell_keeps_so_many_values(agents: int) -> None:
    """More are counted and not listed."""
    events = [given(userAgent=f"kubectl/{n}") for n in range(agents)]

    (found,) = rows(Measure.CLIENTS_AND_USERS, *events)

    assert (found["requests"], len(found["user_agents"])) == (agents, VALUES_KEPT)


@pytest.mark.parametrize("groups", [VALUES_KEPT, VALUES_KEPT + 1])
def test_a_caller_of_many_groups_counts_in_so_many(groups: int) -> None:
    """Whoever impersonates chooses how many."""
    user = {"username": "jane", "groups": [f"g{n}" for n in range(groups)]}

    found = counted(Measure.GROUPS_AND_ADDRESSES, given(user=user), rows_kept=1_000)

    assert len(found.rows) == VALUES_KEPT


def test_no_secret_is_shown() -> None:
    """A client that carries a token in its name is shown without it."""
    (found,) = rows(Measure.CLIENTS_AND_USERS, given(userAgent="curl/8 token=cAnArY7sEcReT"))

    assert "cAnArY7sEcReT" not in str(found)


def test_every_table_is_made_once() -> None:
    """No name without a table, no table without a name."""
    assert sorted(one.name for one in (*COUNTINGS, *OF_FINDINGS)) == sorted(Measure)


def test_every_detection_of_a_table_ships() -> None:
    """A table whose detections are gone would be empty for ever."""
    slugs = {file.stem for file in detections_folder().rglob("*.yml")}

    assert [s for one in OF_FINDINGS for s in one.detections if s not in slugs] == []
