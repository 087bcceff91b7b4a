"""The view review."""

from typing import Any

import pytest

from ekswatch.audit.views import rows
from tests.audit.examples import Document, attack, event, first

RULES = attack("can_i_list_burst")


def is_about_pods(document: Document) -> bool:
    return document.get("objectRef", {}).get("resource") == "selfsubjectaccessreviews"


QUESTION = first("benign", is_about_pods)


def asked(kind: str, spec: Any, status: Any = None) -> Document:
    """The question as a record has it; without `status` the answer was lost."""
    body = {"kind": kind, "apiVersion": "authorization.k8s.io/v1", "spec": spec}
    answer = None if status is None else {**body, "status": status}
    ref = {**QUESTION["objectRef"], "resource": f"{kind.lower()}s"}
    return {**QUESTION, "objectRef": ref, "requestObject": body, "responseObject": answer}


def test_a_real_question() -> None:
    """Questions about oneself are about the actor."""
    (row,) = rows(event(QUESTION), "review")

    assert row == {
        "review.kind": "SelfSubjectAccessReview",
        "review.verb": "create",
        "review.resource": "pods",
        "review.namespace": "payments",
        "review.question": "create pods payments",
        "review.user": QUESTION["user"]["username"],
        "review.allowed": True,
    }


def test_a_real_list_of_rules_names_its_namespace_in_the_request_alone() -> None:
    """The answer to a rules review has an empty spec."""
    (row,) = rows(event(RULES), "review")

    assert row == {
        "review.kind": "SelfSubjectRulesReview",
        "review.namespace": RULES["requestObject"]["spec"]["namespace"],
        "review.user": RULES["user"]["username"],
    }


@pytest.mark.parametrize(
    ("kind", "spec", "expected"),
    [
        (
            "SubjectAccessReview",
            {
                "user": "jane",
                "groups": ["dev", 7],
                "resourceAttributes": {
                    "verb": "create",
                    "group": "apps",
                    "resource": "deployments",
                    "subresource": "scale",
                    "name": "web",
                },
            },
            {
                "review.verb": "create",
                "review.resource": "deployments/scale",
                "review.api_group": "apps",
                "review.name": "web",
                "review.question": "create deployments/scale",
                "review.user": "jane",
                "review.groups": ("dev",),
            },
        ),
        (
            "LocalSubjectAccessReview",
            {"user": "jane", "nonResourceAttributes": {"verb": "get", "path": "/metrics"}},
            {
                "review.verb": "get",
                "review.path": "/metrics",
                "review.question": "get /metrics",
                "review.user": "jane",
            },
        ),
    ],
)
def test_questions_about_others(kind: str, spec: Any, expected: dict[str, Any]) -> None:
    """Resource and subresource are one word, and paths are no resources."""
    (row,) = rows(event(asked(kind, spec)), "review")

    assert row == {"review.kind": kind, **expected}


@pytest.mark.parametrize(
    ("status", "allowed"),
    [({"allowed": False}, False), ({"allowed": True}, True), ({"allowed": "yes"}, None)],
)
def test_the_answer(status: Any, allowed: bool | None) -> None:
    """An answer that is no answer is absent."""
    document = asked("SelfSubjectAccessReview", {"resourceAttributes": {"verb": "get"}}, status)

    (row,) = rows(event(document), "review")

    assert row.get("review.allowed") is allowed


@pytest.mark.parametrize(
    "spec", [None, 7, {"resourceAttributes": 7}, {"resourceAttributes": {"verb": ["get"]}}]
)
def test_a_broken_question_is_one_still(spec: Any) -> None:
    """What cannot be read is absent."""
    (row,) = rows(event(asked("SelfSubjectAccessReview", spec)), "review")

    assert row.keys() == {"review.kind", "review.user"}


def test_what_is_no_question() -> None:
    """A token review and a read ask for no permission."""
    ref = {**QUESTION["objectRef"], "resource": "tokenreviews"}

    assert rows(event(QUESTION, objectRef=ref), "review") == ()
    assert rows(event(QUESTION, verb="list"), "review") == ()
