"""Which containers a request adds to a workload that is there already."""

import copy
from typing import Any

import msgspec
import pytest

from ekswatch.audit.event import AuditEvent
from ekswatch.audit.views import rows
from tests.audit.examples import attack, event, lines, made

PATCH = attack("sidecar_injection", verb="patch", stage="ResponseComplete")
AT = "2026-11-20T20:29:13.500000Z"
CONTAINERS = "/spec/template/spec/containers"

SIDECAR = {"name": "helper", "image": "example.com/helper:1"}
WEB = {"name": "web", "image": "example.com/web:2", "ports": [{"containerPort": 80}]}
BARE = {"name": "web", "image": "example.com/web:2"}


def added(given: AuditEvent) -> set[str]:
    found = rows(given, "container")
    return {str(row["container.name"]) for row in found if row["container.added"]}


def owner(manager: str, *names: str, at: str = "2026-11-20T20:29:13Z", **more: Any) -> Any:
    owned: Any = {f'k:{{"name":"{name}"}}': {".": {}, "f:image": {}} for name in names}
    spec = {"f:containers": owned} if names else {}
    fields = {"f:spec": {"f:template": {"f:spec": spec}}}
    return {"manager": manager, "operation": "Update", "time": at, "fieldsV1": fields, **more}


def body(*containers: Any, owners: tuple[Any, ...] = (), spec: Any = None) -> dict[str, Any]:
    return {
        "kind": "Deployment",
        "metadata": {"name": "web", "managedFields": list(owners)},
        "spec": {"template": {"spec": {"containers": list(containers), **(spec or {})}}},
    }


def written(request: Any, response: Any, verb: str = "patch", **more: Any) -> AuditEvent:
    return made(
        **{
            "verb": verb,
            "requestURI": "/apis/apps/v1/namespaces/web/deployments/web?fieldManager=kubectl-edit",
            "objectRef": {"resource": "deployments", "apiGroup": "apps", "name": "web"},
            "requestReceivedTimestamp": AT,
            "responseStatus": {"code": 200},
            "requestObject": request,
            "responseObject": response,
            **more,
        }
    )


def test_a_real_injection() -> None:
    """The new container is found, and not the one that was there."""
    assert added(event(PATCH)) == {"istio-proxy2"}


def test_a_real_injection_without_field_managers() -> None:
    """What the patch names in full, beside what it does not name, is new."""
    document = copy.deepcopy(PATCH)
    del document["responseObject"]["metadata"]["managedFields"]

    assert added(event(document)) == {"istio-proxy2"}


def test_ordinary_deployments_add_nothing() -> None:
    """No write of the ordinary recording adds a container."""
    decode = msgspec.json.Decoder(AuditEvent).decode
    events = (decode(line) for line in lines("benign") if b'"deployments"' in line)

    assert set().union(*map(added, events)) == set()


OLD = owner("helm", "web", at="2026-11-19T08:00:00Z")
NEW = owner("kubectl-edit", "helper")
BOTH = body(WEB, SIDECAR, owners=(OLD, NEW))
UNKNOWN = body(WEB, SIDECAR)


@pytest.mark.parametrize(
    ("request_", "response", "verb"),
    [
        ([{"op": "add", "path": f"{CONTAINERS}/-", "value": SIDECAR}], UNKNOWN, "patch"),
        ([{"op": "add", "path": f"{CONTAINERS}/0", "value": SIDECAR}], UNKNOWN, "patch"),
        ([{"op": "replace", "path": CONTAINERS, "value": [WEB, SIDECAR]}], BOTH, "patch"),
        (body(SIDECAR), UNKNOWN, "patch"),
        (body(SIDECAR), BOTH, "patch"),
        (body(WEB, SIDECAR), BOTH, "patch"),
        (BOTH, BOTH, "update"),
    ],
)
def test_a_container_is_added(request_: Any, response: Any, verb: str) -> None:
    """By every kind of patch, and by a full replacement."""
    assert added(written(request_, response, verb)) == {"helper"}


@pytest.mark.parametrize(
    ("request_", "response", "verb"),
    [
        ([{"op": "replace", "path": f"{CONTAINERS}/0/image", "value": "x"}], UNKNOWN, "patch"),
        ([{"op": "replace", "path": f"{CONTAINERS}/1", "value": SIDECAR}], UNKNOWN, "patch"),
        (body(BARE), UNKNOWN, "patch"),
        (body(SIDECAR), body(SIDECAR), "patch"),
        (body(WEB, SIDECAR), UNKNOWN, "patch"),
        (body({"name": "helper", "env": []}), UNKNOWN, "patch"),
        (UNKNOWN, UNKNOWN, "update"),
        (BOTH, body(WEB, SIDECAR, owners=(OLD, owner("helm", "helper"))), "update"),
        (
            BOTH,
            body(WEB, SIDECAR, owners=(owner("helm", "web", "helper"), NEW)),
            "update",
        ),
        (
            BOTH,
            body(WEB, SIDECAR, owners=(OLD, owner("kubectl-edit", "helper", at=OLD["time"]))),
            "update",
        ),
        (BOTH, body(WEB, SIDECAR, owners=(owner("kubectl-edit", "web", "helper"),)), "update"),
        (BOTH, BOTH, "create"),
        ({"metadata": {"labels": {"a": "b"}}}, BOTH | {"metadata": {}}, "patch"),
    ],
)
def test_no_container_is_added(request_: Any, response: Any, verb: str) -> None:
    """By a new image, by what was there before, or where nothing shows what was."""
    assert added(written(request_, response, verb)) == set()


def test_what_apply_creates_is_not_added() -> None:
    """A server-side apply that makes the workload answers 201."""
    assert added(written(BOTH, BOTH, responseStatus={"code": 201})) == set()


def test_an_init_container_of_a_cron_job_is_added() -> None:
    """Both lists count, wherever the kind keeps its template."""
    pod = {"containers": [WEB], "initContainers": [SIDECAR]}
    template = {"spec": {"template": {"spec": pod}}}
    response = {"kind": "CronJob", "spec": {"jobTemplate": template}}
    path = "/spec/jobTemplate/spec/template/spec/initContainers/-"
    reference = {"resource": "cronjobs", "apiGroup": "batch", "name": "web"}
    operations = [{"op": "add", "path": path, "value": SIDECAR}]

    assert added(written(operations, response, objectRef=reference)) == {"helper"}


def test_the_user_agent_names_the_manager_that_the_query_does_not() -> None:
    """As the server does it."""
    given = written(
        BOTH,
        body(WEB, SIDECAR, owners=(OLD, owner("python-requests", "helper"))),
        "update",
        requestURI="/apis/apps/v1/namespaces/web/deployments/web",
        userAgent="python-requests/2.32",
    )

    assert added(given) == {"helper"}
