"""All views: hostile bodies never raise, and a row holds only its view's fields."""

import json
import random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekswatch.audit.event import AuditEvent
from ekswatch.audit.facts import controller_child, object_name
from ekswatch.audit.views import VIEWS, rows
from ekswatch.audit.vocabulary import FIELDS, lookup
from tests.audit.examples import attack, event, lines

NASTY = [
    None,
    True,
    0,
    -1,
    1e300,
    "",
    "x" * 50,
    [],
    {},
    [[]],
    [None],
    [{"name": 5}],
    {"a": {"b": []}},
]

WRITES = [
    attack("priv_pod_apply", verb="create"),
    attack("priv_by_patch_deployment", verb="patch"),
    attack("cronjob_persistence", verb="create"),
    attack("ephemeral_container", verb="patch"),
    attack("hostpath_root_pod", verb="create"),
    attack("clusterrole_wildcard", verb="create"),
    attack("crb_cluster_admin_user", verb="create"),
    attack("validating_webhook_create", verb="create"),
    attack("nodeport_service", verb="create"),
    attack("aws_auth_patch_masters", verb="patch"),
    attack("csr_create_approve", verb="create"),
    attack("psa_label_to_privileged", verb="patch"),
    attack("token_request", stage="ResponseComplete", verb="create"),
    attack("exec_kubectl", verb="get"),
]  # fmt: skip

JSON = st.recursive(
    st.sampled_from([None, True, False, 0, 7, "text", "/a/b", "spec", "containers"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["spec", "template", "containers", "volumes", "metadata", "name", "securityContext",
                 "rules", "subjects", "webhooks", "clientConfig", "url", "ports", "op", "path",
                 "value", "kind", "annotations", "labels", "hostPath", "command", "jobTemplate"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)  # fmt: skip


def all_rows(given_: AuditEvent) -> list[dict[str, Any]]:
    return [dict(row) for view in VIEWS for row in rows(given_, view)]


def mutated(value: Any, chance: random.Random) -> Any:
    """The value with some part, at any depth, replaced by something nasty."""
    if chance.random() < 0.04:
        return chance.choice(NASTY)
    if isinstance(value, dict):
        return {key: mutated(inner, chance) for key, inner in value.items()}
    if isinstance(value, list):
        return [mutated(inner, chance) for inner in value]
    return value


@pytest.mark.parametrize("document", WRITES, ids=lambda d: d["requestURI"][-40:])
def test_mutated_real_events_never_raise(document: dict[str, Any]) -> None:
    """Wrong types anywhere yield what can be read."""
    for seed in range(80):
        chance = random.Random(seed)  # noqa: S311 (a repeatable choice, no secret)
        bodies = {
            side: mutated(document.get(side), chance)
            for side in ("requestObject", "responseObject")
        }
        given_ = event(document, **bodies)
        for row in all_rows(given_):
            assert msgspec.json.encode(row)
        object_name(given_)
        controller_child(given_)


@given(JSON, JSON, st.sampled_from(WRITES), st.sampled_from(["create", "update", "patch"]))
def test_any_bodies_never_raise(
    request: Any, response: Any, document: dict[str, Any], verb: str
) -> None:
    """Also where the response claims to be the object."""
    kind = document.get("requestObject", {}).get("kind") or "Pod"
    claimed = {**response, "kind": kind} if isinstance(response, dict) else response

    all_rows(event(document, verb=verb, requestObject=request, responseObject=claimed))


def test_deep_bodies_never_raise() -> None:
    """As deep as the decoder lets pass, and deeper."""
    for depth in (500, 900, 100_000):
        deep = "[" * depth + "]" * depth
        for inside in (deep, f'{{"kind":"Pod","spec":{{"containers":{deep},"volumes":{deep}}}}}'):
            raw = json.dumps({**WRITES[0], "requestObject": None, "responseObject": None})
            given_ = msgspec.json.decode(raw.replace("null", "{}"), type=AuditEvent)
            all_rows(msgspec.structs.replace(given_, requestObject=msgspec.Raw(inside.encode())))


def test_rows_of_real_events_hold_documented_fields_of_their_type() -> None:
    """The vocabulary and the views agree."""
    kinds = {"string": str, "int": int, "bool": bool, "strings": tuple}
    documents = [*map(json.loads, lines("benign", 3_000)), *WRITES]
    seen = set()
    for document in documents:
        for view in VIEWS:
            for row in rows(event(document), view):
                for name, value in row.items():
                    field = lookup(name, view)
                    assert field is not None
                    assert type(value) is kinds[field.type]
                    assert value not in ("", ())
                    seen.add(field.name)

    assert len(seen) > 60
    assert seen <= set(FIELDS)


@pytest.mark.parametrize("verb", ["get", "list", "watch", "delete", "deletecollection", ""])
@pytest.mark.parametrize("document", WRITES[:-1], ids=lambda d: d["requestURI"][-40:])
def test_only_writes_have_rows_of_objects(document: dict[str, Any], verb: str) -> None:
    """A delete answers with the object that is gone."""
    assert all_rows(event(document, verb=verb)) == [{}]


def test_status_updates_have_no_rows() -> None:
    """A status cannot change a spec, and controllers write thousands."""
    reference = {**WRITES[0]["objectRef"], "subresource": "status"}

    assert all_rows(event(WRITES[0], objectRef=reference)) == [{}]


def test_a_resource_of_another_group_has_no_rows() -> None:
    """A custom resource may be called deployments too."""
    reference = {**WRITES[1]["objectRef"], "apiGroup": "example.com"}

    assert all_rows(event(WRITES[1], objectRef=reference)) == [{}]


def test_a_record_that_lost_its_reference_is_judged_by_the_kind_of_its_body() -> None:
    """A hostile or damaged reference hides nothing."""
    (row,) = rows(event(WRITES[0], objectRef=None), "pod")

    assert row["pod.privileged"] is True


def test_an_unknown_view_is_an_error() -> None:
    """Lint catches it before the engine does."""
    with pytest.raises(KeyError):
        rows(event({}), "nothing")
