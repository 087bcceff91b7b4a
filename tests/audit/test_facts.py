"""The derived facts, one table each, on real events and on edits of them."""

import json
from typing import Any

import msgspec
import pytest

from ekswatch.audit import facts
from ekswatch.audit.event import AuditEvent, PartialEvent, Value
from tests.audit.examples import attack, event, first, made

BOB = "arn:aws:sts::111122223333:assumed-role/dev-payments/bob"
EVE = "arn:aws:sts::111122223333:assumed-role/platform-ops/eve"

EXEC = attack("exec_kubectl", stage="ResponseStarted")
GHOST = attack("impersonate_masters")
NODE = attack("node_identity_reads_secrets", verb="get")
POD_OF_SERVICE_ACCOUNT = attack("pods_sa_create_hostpath", verb="create")
ANONYMOUS = attack("anonymous_denied", verb="create")
UNAUTHORIZED = attack("invalid_token")
REFUSED = attack("priv_pod_rejected_by_psa", verb="create")
ESCALATION = attack("role_escalation_denied", verb="create")
LIST_ALL = attack("secrets_list_all_namespaces", verb="list")
CHILD = first(
    "benign",
    lambda d: (
        d["user"]["username"].endswith(":replicaset-controller")
        and d["verb"] == "create"
        and d["objectRef"]["resource"] == "pods"
    ),
)


def named(name: str, **more: Any) -> AuditEvent:
    return made(user={"username": name, **more})


def reason(text: str) -> AuditEvent:
    return made(annotations={"authorization.k8s.io/reason": text})


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (
            EXEC,
            {
                "actor_name": BOB,
                "actor_kind": "human",
                "actor_groups": ("dev:payments", "system:authenticated"),
                "actor_uid": "aws-iam-authenticator:111122223333:AROA211CF9FFFC3C543BA",
                "actor_arn": "arn:aws:iam::111122223333:role/dev-payments",
                "actor_role": "arn:aws:sts::111122223333:assumed-role/dev-payments",
                "actor_session": "bob",
                "actor_access_key_id": "ASIARCBGVNKSOJZWHSQ4",
                "actor_principal_id": "AROA211CF9FFFC3C543BA",
                "actor_pod": None,
                "actor_node": None,
                "actor_namespace": None,
                "actor_account": None,
                "impersonator": None,
                "actor_at_own_node": None,
            },
        ),
        (
            GHOST,
            {
                "actor_name": "ghost",
                "actor_kind": "human",
                "actor_groups": ("system:masters", "system:authenticated"),
                "actor_uid": None,
                "actor_arn": "arn:aws:iam::111122223333:role/platform-ops",
                "actor_role": "ghost",
                "actor_session": "eve",
                "impersonator": EVE,
            },
        ),
        (
            POD_OF_SERVICE_ACCOUNT,
            {
                "actor_name": "system:serviceaccount:data:reports",
                "actor_kind": "service-account",
                "actor_arn": None,
                "actor_session": None,
                "actor_namespace": "data",
                "actor_account": "reports",
                "impersonator": None,
            },
        ),
        (
            NODE,
            {
                "actor_kind": "node",
                "actor_arn": "arn:aws:iam::111122223333:role/eks-node-role",
                "actor_at_own_node": False,
            },
        ),
        (ANONYMOUS, {"actor_name": "system:anonymous", "actor_kind": "anonymous"}),
        (UNAUTHORIZED, {"actor_name": None, "actor_kind": "anonymous", "actor_role": None}),
    ],
)
def test_facts_say_who_acted(document: dict[str, Any], expected: dict[str, Value]) -> None:
    """Impersonation changes the actor; credentials stay those of the real user."""
    given = event(document)

    assert {name: getattr(facts, name)(given) for name in expected} == expected


@pytest.mark.parametrize(
    ("name", "groups", "expected"),
    [
        ("system:anonymous", [], "anonymous"),
        ("bob", ["system:unauthenticated"], "anonymous"),
        ("", [], "anonymous"),
        ("system:serviceaccount:a:b", [], "service-account"),
        ("system:node:ip-10-0-0-1.ec2.internal", ["system:nodes"], "node"),
        ("system:kube-scheduler", [], "system"),
        ("eks:addon-manager", [], "system"),
        ("kubernetes-admin", ["system:masters"], "human"),
        ("systematic", [], "human"),
    ],
)
def test_the_kind_of_actor_follows_its_name(name: str, groups: list[str], expected: str) -> None:
    """Names that the API server reserves are told from people's."""
    assert facts.actor_kind(named(name, groups=groups)) == expected


def test_a_damaged_record_without_a_name_has_no_kind() -> None:
    """A cut is no proof that nobody authenticated."""
    assert facts.actor_kind(PartialEvent(verb="get", partial="cut in user")) is None


@pytest.mark.parametrize(
    ("name", "extra", "expected"),
    [
        ("admin", {"sessionName": ["jane"]}, "jane"),
        ("admin", {"arn": ["arn:aws:sts::1:assumed-role/ops/jane"]}, "jane"),
        ("arn:aws:sts::1:assumed-role/ops/jane", {}, "jane"),
        ("arn:aws:iam::1:user/jane", {}, None),
        ("x:assumed-role/a/b", {}, None),
        ("admin", {"sessionName": []}, None),
    ],
)
def test_the_session_comes_from_iam_or_from_an_arn(
    name: str, extra: dict[str, list[str]], expected: str | None
) -> None:
    """A mapped name hides the session, the authenticator's extras keep it."""
    assert facts.actor_session(named(name, extra=extra)) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("arn:aws:sts::1:assumed-role/ops/jane", "arn:aws:sts::1:assumed-role/ops"),
        ("arn:aws:iam::1:user/jane", "arn:aws:iam::1:user/jane"),
        ("not-an-arn:assumed-role/x/y", "not-an-arn:assumed-role/x/y"),
    ],
)
def test_an_assumed_role_loses_its_session(name: str, expected: str) -> None:
    """Sessions of one role are one principal for a baseline."""
    assert facts.actor_role(named(name)) == expected


@pytest.mark.parametrize(
    ("name", "sources", "expected"),
    [
        ("system:node:ip-10-0-1-23.ec2.internal", ["10.0.1.23"], True),
        ("system:node:ip-10-0-1-23.ec2.internal", ["10.0.1.23", "10.0.1.24"], False),
        ("system:node:ip-10-0-1-23", ["10.0.1.23"], True),
        ("system:node:i-0123456789.ec2.internal", ["10.0.1.23"], None),
        ("system:node:ip-10-0-1.ec2.internal", ["10.0.1.23"], None),
        ("system:node:ip-10-0-1-23.ec2.internal", [], None),
        ("bob", ["10.0.1.23"], None),
    ],
)
def test_a_node_named_after_its_address_is_known_there(
    name: str, sources: list[str], expected: bool | None
) -> None:
    """Only the last address counts; a name without an address proves nothing."""
    given = made(user={"username": name}, sourceIPs=sources)

    assert facts.actor_at_own_node(given) is expected


@pytest.mark.parametrize(
    ("sources", "address", "class_", "any_public"),
    [
        (["198.51.100.7", "10.0.0.1"], "10.0.0.1", "private", True),
        (["10.0.0.1", "198.51.100.7"], "198.51.100.7", "public", True),
        (["127.0.0.1"], "127.0.0.1", "loopback", False),
        (["?"], "?", "unknown", False),
        ([], None, "unknown", None),
    ],
)
def test_the_last_source_address_is_the_one_to_trust(
    sources: list[str], address: str | None, class_: str, any_public: bool | None
) -> None:
    """Earlier entries come from headers that any client can send."""
    given = made(sourceIPs=sources)

    assert facts.source_address(given) == address
    assert facts.source_class(given) == class_
    assert facts.source_any_public(given) is any_public
    assert facts.source_addresses(given) == (tuple(sources) or None)


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        (EXEC["userAgent"], "kubectl"),
        ("Helm/3.13.2", "helm"),
        ("Mozilla (x) Gecko/1", "mozilla"),
        ("  curl/8 ", "curl"),
        ("/x", None),
        ("", None),
    ],
)
def test_a_user_agent_is_named_by_its_family(agent: str, expected: str | None) -> None:
    """Versions and platforms do not split a family."""
    assert facts.client_family(made(userAgent=agent)) == expected


@pytest.mark.parametrize(
    ("verb", "expected"),
    [
        ("get", "read"),
        ("list", "read"),
        ("watch", "read"),
        ("create", "write"),
        ("update", "write"),
        ("patch", "write"),
        ("delete", "delete"),
        ("deletecollection", "delete"),
        ("post", None),
        ("", None),
    ],
)
def test_verbs_fall_into_three_classes(verb: str, expected: str | None) -> None:
    """HTTP methods of non-resource paths are none of them, unless they are verbs too."""
    assert facts.verb_class(made(verb=verb)) == expected


def test_the_request_facts_of_an_exec() -> None:
    """The path stops at the question mark, and the query reads as typed."""
    given = event(EXEC)

    assert facts.resource(given) == "pods/exec"
    assert facts.request_path(given) == (
        "/api/v1/namespaces/payments/pods/checkout-644dfbbbcc-kzzw8/exec"
    )
    assert "command=id; cat /var/run/secrets" in str(facts.request_query(given))
    assert facts.request_target(given) == "get pods/exec payments"
    assert facts.object_ref(given) == "pods payments/checkout-644dfbbbcc-kzzw8"


@pytest.mark.parametrize(
    ("uri", "path", "labels", "fields"),
    [
        ("/api/v1/pods?labelSelector=a%3Db%2Cc&limit=5", "/api/v1/pods", "a=b,c", None),
        ("/api/v1/pods?fieldSelector=spec.nodeName%3Dn", "/api/v1/pods", None, "spec.nodeName=n"),
        ("/api/v1/nodes/n/proxy/%72un/x", "/api/v1/nodes/n/proxy/run/x", None, None),
        ("/api?labelSelector=", "/api", None, None),
        ("/api?x=labelSelector", "/api", None, None),
        ("", None, None, None),
    ],
)
def test_paths_and_selectors_are_decoded(
    uri: str, path: str | None, labels: str | None, fields: str | None
) -> None:
    """No spelling in percent signs hides a path from a rule."""
    given = made(requestURI=uri)

    assert facts.request_path(given) == path
    assert facts.request_label_selector(given) == labels
    assert facts.request_field_selector(given) == fields


@pytest.mark.parametrize(
    ("document", "target", "ref"),
    [
        (LIST_ALL, "list secrets", "secrets */*"),
        (
            {**LIST_ALL, "objectRef": {"resource": "secrets", "namespace": "kube-system"}},
            "list secrets kube-system",
            "secrets kube-system/*",
        ),
        ({"verb": "get", "requestURI": "/api?x"}, "get /api", "/api"),
        (
            {"verb": "get", "objectRef": {"resource": "clusterroles", "name": "admin"}},
            "get clusterroles",
            "clusterroles admin",
        ),
        ({"verb": "list", "objectRef": {"resource": "nodes"}}, "list nodes", "nodes *"),
        (
            {"verb": "get", "objectRef": {"resource": "widgets", "name": "w"}},
            "get widgets",
            "widgets w",
        ),
        (
            {
                "verb": "delete",
                "objectRef": {"resource": "namespaces", "namespace": "web", "name": "web"},
            },
            "delete namespaces web",
            "namespaces web",
        ),
        ({}, None, None),
    ],
)
def test_targets_and_references_say_what_was_asked_for(
    document: dict[str, Any], target: str | None, ref: str | None
) -> None:
    """A star stands for every name, and for every namespace."""
    given = event(document)

    assert facts.request_target(given) == target
    assert facts.object_ref(given) == ref


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"objectRef": {"name": "a"}, "requestObject": {"metadata": {"name": "b"}}}, "a"),
        ({"responseObject": {"metadata": {"name": "c"}}, "requestObject": {"metadata": 3}}, "c"),
        ({"requestObject": {"metadata": {"name": "b"}}, "responseObject": {"kind": "Status"}}, "b"),
        ({"requestObject": {"metadata": {"generateName": "web-"}}}, "web-"),
        ({"requestObject": [1, {"metadata": {}}], "responseObject": "text"}, None),
        ({"requestObject": {"metadata": {"name": ["x"]}}}, None),
    ],
)
def test_a_name_is_found_in_the_bodies(document: dict[str, Any], expected: str | None) -> None:
    """A create of an older API server has no name in its reference."""
    assert facts.object_name(event(document)) == expected


@pytest.mark.parametrize(
    ("verb", "subresource", "code", "expected"),
    [
        ("create", "", 201, True),
        ("create", "", 403, True),
        ("create", "token", 201, False),
        ("patch", "", 201, True),
        ("patch", "", 200, False),
        ("update", "", 201, True),
        ("get", "", 200, False),
        ("", "", 201, None),
    ],
)
def test_apply_creates_when_it_answers_201(
    verb: str, subresource: str, code: int, expected: bool | None
) -> None:
    """A server-side apply is a patch even when the object is new."""
    given = made(verb=verb, objectRef={"subresource": subresource}, responseStatus={"code": code})

    assert facts.request_creates(given) is expected


@pytest.mark.parametrize(
    ("code", "decision", "expected"),
    [
        (200, "allow", "ok"),
        (200, None, "ok"),
        (299, "allow", "ok"),
        (101, "allow", "ok"),
        (100, "allow", "unknown"),
        (300, "allow", "failed"),
        (403, "forbid", "denied"),
        (403, None, "denied"),
        (0, "forbid", "denied"),
        (400, "allow", "refused"),
        (403, "allow", "refused"),
        (422, "allow", "refused"),
        (400, None, "failed"),
        (401, None, "unauthenticated"),
        (401, "allow", "unauthenticated"),
        (404, "allow", "failed"),
        (409, "allow", "failed"),
        (500, "allow", "failed"),
        (0, "allow", "unknown"),
    ],
)
def test_the_outcome_is_read_from_code_and_decision(
    code: int, decision: str | None, expected: str
) -> None:
    """Authorization that allowed does not mean that the request succeeded."""
    notes = {} if decision is None else {"authorization.k8s.io/decision": decision}

    assert facts.outcome(made(responseStatus={"code": code}, annotations=notes)) == expected


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (EXEC, "ok"),
        (ANONYMOUS, "denied"),
        (UNAUTHORIZED, "unauthenticated"),
        (REFUSED, "refused"),
        (ESCALATION, "denied"),
    ],
)
def test_the_outcome_of_recorded_attacks(document: dict[str, Any], expected: str) -> None:
    """Pod Security refuses what authorization allowed."""
    assert facts.outcome(event(document)) == expected


EKS_POLICY = (
    'EKS Access Policy: allowed by ClusterRoleBinding "arn:aws:iam::1:role/x+AmazonEKSAdminPolicy"'
    ' of ClusterRole "AmazonEKSAdminPolicy" to User "x"'
)


@pytest.mark.parametrize(
    ("text", "grant", "role"),
    [
        (EXEC["annotations"]["authorization.k8s.io/reason"], "RoleBinding", "edit"),
        (
            'RBAC: allowed by ClusterRoleBinding "a b" of ClusterRole "view" to Group "g"',
            "ClusterRoleBinding",
            "view",
        ),
        ('RBAC: allowed by RoleBinding "x/y" of Role "r" to User "u"', "RoleBinding", "r"),
        (EKS_POLICY, "EKS Access Policy", "AmazonEKSAdminPolicy"),
        ("no relationship found between node 'n' and this object", None, None),
        ("", None, None),
    ],
)
def test_the_reason_names_what_granted_the_request(
    text: str, grant: str | None, role: str | None
) -> None:
    """Access policies of EKS are seen nowhere but in the reason."""
    assert facts.authorization_grant(reason(text)) == grant
    assert facts.authorization_role(reason(text)) == role
    assert facts.authorization_reason(reason(text)) == (text or None)


def test_a_controllers_pod_is_its_parents_child() -> None:
    """One Deployment makes one finding, with the person as actor."""
    assert facts.controller_child(event(CHILD)) is True


@pytest.mark.parametrize(
    "changes",
    [
        {"user": {"username": "system:serviceaccount:web:replicaset-controller"}},
        {"impersonatedUser": {"username": "x"}},
        {"verb": "delete"},
        {"objectRef": {"resource": "secrets"}},
        {"requestObject": {"metadata": {"ownerReferences": []}}},
        {"requestObject": [{"metadata": {}}]},
        {"requestObject": None},
    ],
)
def test_others_pods_are_nobodys_children(changes: dict[str, Any]) -> None:
    """Each condition is needed: the account, its own token, a write, an owner."""
    assert facts.controller_child(event(CHILD, **changes)) is False


@pytest.mark.parametrize(
    ("owner", "expected"),
    [
        ({"apiVersion": "apps/v1", "kind": "ReplicaSet", "controller": True}, True),
        ({"apiVersion": "batch/v1", "kind": "Job", "controller": True}, True),
        ({"apiVersion": "v1", "kind": "ReplicationController", "controller": True}, True),
        ({"apiVersion": "apps/v1", "kind": "ReplicaSet"}, False),
        ({"apiVersion": "batch.volcano.sh/v1", "kind": "Job", "controller": True}, False),
        ({"apiVersion": "v1", "kind": "Node", "controller": True}, False),
        ({"apiVersion": 1, "kind": None, "controller": True}, False),
    ],
)
def test_only_a_parent_that_is_evaluated_hides_its_child(
    owner: dict[str, Any], expected: bool
) -> None:
    """A pod of a custom resource has no other event to be found by."""
    given = event(CHILD, requestObject={"metadata": {"ownerReferences": [owner]}})

    assert facts.controller_child(given) is expected


def test_a_token_issued_to_a_pod_is_not_the_controllers() -> None:
    """The real controllers run outside any pod."""
    user = {**CHILD["user"], "extra": {"authentication.kubernetes.io/pod-name": ["x"]}}

    assert facts.controller_child(event(CHILD, user=user)) is False


@pytest.mark.parametrize(
    ("bodies", "expected"),
    [
        ({}, "none"),
        ({"requestObject": {}}, "request"),
        ({"responseObject": {}}, "response"),
        ({"requestObject": [], "responseObject": {}}, "both"),
    ],
)
def test_the_recorded_bodies_are_named(bodies: dict[str, Any], expected: str) -> None:
    """A rule that needs a body can tell "not there" from "not so"."""
    assert facts.body(event(bodies)) == expected


def test_a_record_says_when_it_is_incomplete() -> None:
    """The API server marks bodies that it left out; our recovery names what it lost."""
    dropped = made(annotations={"audit.k8s.io/truncated": "true"})

    assert facts.partial(dropped) == "bodies dropped by the API server"
    assert facts.partial(PartialEvent(partial="cut in user")) == "cut in user"
    assert facts.partial(event(EXEC)) is None


DELETE_OPTIONS = {"kind": "DeleteOptions", "apiVersion": "v1"}


@pytest.mark.parametrize(
    ("verb", "subresource", "query", "expected"),
    [
        ("create", "", "fieldManager=x&dryRun=All", True),
        ("update", "", "dryRun=All", True),
        ("patch", "status", "%64ry%52un=%41ll", True),
        ("create", "", "dryRun=All&dryRun=All", True),
        ("deletecollection", "", "dryRun=All", True),
        ("create", "", "x=dryRun=All", False),
        ("create", "", "x=1%26dryRun=All", False),
        ("create", "", "dryrun=All", False),
        ("create", "", "dryRun=all", False),
        ("create", "", "dryRun=", False),
        ("create", "", "dryRun=All+", False),
        ("create", "", "dryRun=All;x=1", False),
        ("create", "", "dryRun=All&dryRun=None", False),
        ("create", "", "", False),
        ("get", "", "dryRun=All", False),
        ("create", "exec", "dryRun=All&command=id", False),
        ("create", "token", "dryRun=All", False),
        ("create", "proxy", "dryRun=All", False),
    ],
)
def test_a_dry_run_is_what_the_server_takes_for_one(
    verb: str, subresource: str, query: str, expected: bool
) -> None:
    """The parameter counts in the server's spelling and where the server honours it."""
    given = made(
        verb=verb, objectRef={"subresource": subresource}, requestURI=f"/api/v1/pods?{query}"
    )

    assert facts.request_dry_run(given) is expected


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"level": "RequestResponse"}, True),
        ({"level": "Metadata"}, False),
        ({"level": "RequestResponse", "requestObject": DELETE_OPTIONS}, False),
    ],
)
def test_the_body_of_a_delete_overrules_its_query(more: dict[str, Any], expected: bool) -> None:
    """The server reads the parameter of a delete only when there is no body."""
    given = made(verb="delete", requestURI="/api/v1/namespaces/a/pods/p?dryRun=All", **more)

    assert facts.request_dry_run(given) is expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"dryRun": ["All"]}, True),
        ({"preconditions": {"uid": '"dryRun":["All"]'}}, False),
    ],
)
def test_a_delete_asks_for_a_dry_run_in_its_body(options: dict[str, Any], expected: bool) -> None:
    """As kubectl does; a text that quotes the setting is no setting."""
    body = json.dumps({**DELETE_OPTIONS, **options}, separators=(",", ":"))
    line = f'{{"verb":"delete","level":"RequestResponse","requestObject":{body}}}'

    assert facts.request_dry_run(msgspec.json.decode(line, type=AuditEvent)) is expected


AUDITED = "pod-security.kubernetes.io/audit-violations"
FAILURE = "validation.policy.admission.k8s.io/validation_failure"
DENIED_BY_POLICY = "ValidatingAdmissionPolicy 'a' with binding 'b' denied request: no"


@pytest.mark.parametrize(
    ("annotations", "message", "expected"),
    [
        ({}, "", None),
        ({"pod-security.kubernetes.io/enforce-policy": "baseline:latest"}, "", None),
        ({AUDITED: "would violate"}, "", ("would violate",)),
        ({FAILURE: '[{"message":"one"},{"message":"two"}]'}, "", ("one", "two")),
        ({FAILURE: '[{"policy":"a"}]'}, "", ('[{"policy":"a"}]',)),
        ({FAILURE: "[cut"}, "", ("[cut",)),
        ({FAILURE: "7"}, "", ("7",)),
        ({AUDITED: "same", FAILURE: '[{"message":"same"}]'}, "", ("same",)),
        ({}, DENIED_BY_POLICY, (DENIED_BY_POLICY,)),
        ({}, 'pods "web" is forbidden: User "jane" cannot create', None),
    ],
)
def test_what_admission_found_wrong(
    annotations: dict[str, str], message: str, expected: tuple[str, ...] | None
) -> None:
    """Each in the words of whoever judged, once; a refusal by RBAC is no violation."""
    document = made(annotations=annotations, responseStatus={"code": 201, "message": message})

    assert facts.admission_violations(document) == expected


def test_what_admission_found_wrong_with_a_real_pod() -> None:
    """The annotation tells of the audited level, the message of the enforced one."""
    found = facts.admission_violations(event(REFUSED))

    assert found == (REFUSED["annotations"][AUDITED], REFUSED["responseStatus"]["message"])


@pytest.mark.parametrize(
    ("resource", "name", "workload"),
    [
        ("pods", "web-7d9c8b6f5d-x2kqz", "web"),
        ("pods", "web-api-66bdc4f7b-9xq5t", "web-api"),
        ("pods", "web-x2kqz", "web"),
        ("pods", "nightly-29920113-dpq77", "nightly"),
        ("pods", "db-0", "db"),
        ("pods", "db-cluster-12", "db-cluster"),
        ("pods", "web", "web"),
        ("pods", "web-shell", "web-shell"),
        ("pods", "web-aeiou", "web-aeiou"),
        ("pods", "web-x2kqz1", "web-x2kqz1"),
        ("pods", "x2kqz", "x2kqz"),
        ("pods", "-x2kqz", "-x2kqz"),
        ("deployments", "web-x2kqz", "web-x2kqz"),
        ("statefulsets", "db-0", "db-0"),
    ],
)
def test_a_pod_s_name_tells_of_its_workload(resource: str, name: str, workload: str) -> None:
    """What controllers add has digits and letters of their own choice, without vowels."""
    given = made(verb="get", objectRef={"resource": resource, "namespace": "a", "name": name})

    assert facts.object_workload(given) == workload


def test_a_created_pod_s_workload_is_in_its_answer() -> None:
    """A name that the server generates is not in the reference."""
    created = made(
        verb="create",
        objectRef={"resource": "pods", "namespace": "a"},
        requestObject={"metadata": {"generateName": "web-7d9c8b6f5d-"}},
        responseObject={"metadata": {"name": "web-7d9c8b6f5d-x2kqz"}},
    )

    assert facts.object_workload(created) == "web"
    assert facts.object_workload(made(verb="list", objectRef={"resource": "pods"})) is None


@pytest.mark.parametrize(
    ("annotations", "webhooks"),
    [
        ({}, None),
        ({"failed-open.validating.webhook.admission.k8s.io/round_0_index_2": "a.io"}, ("a.io",)),
        ({"failed-open.mutation.webhook.admission.k8s.io/round_1_index_0": "b.io"}, ("b.io",)),
        (
            {
                "failed-open.mutation.webhook.admission.k8s.io/round_0_index_0": "b.io",
                "failed-open.mutation.webhook.admission.k8s.io/round_1_index_0": "b.io",
                "failed-open.validating.webhook.admission.k8s.io/round_0_index_1": "a.io",
            },
            ("b.io", "a.io"),
        ),
        ({"mutation.webhook.admission.k8s.io/round_0_index_0": "b.io"}, None),
        ({"failed-open.validating.webhook.admission.k8s.io/round_0_index_2": ""}, None),
    ],
)
def test_webhooks_that_failed_open_are_named(
    annotations: dict[str, str], webhooks: tuple[str, ...] | None
) -> None:
    """Each once, whatever round of admission it missed; one that answered is not among them."""
    assert facts.admission_failed_open(made(annotations=annotations)) == webhooks


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        (["203.0.113.7"], "203.0.113.0/24"),
        (["203.0.113.7", "10.0.1.9"], "private"),
        ([""], None),
        ([], None),
    ],
)
def test_the_network_is_that_of_the_last_address(addresses: list[str], expected: Value) -> None:
    """Only the last one is set by the API server."""
    assert facts.source_network(made(sourceIPs=addresses)) == expected
