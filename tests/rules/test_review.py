"""What lint says of detections and filters that compile, and what it lets pass."""

import re
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ekswatch.audit.places import Place
from ekswatch.audit.resources import CLUSTER_SCOPED, WORKLOADS
from ekswatch.audit.views import VIEWS
from ekswatch.audit.vocabulary import FIELDS, OUTCOMES, STATES
from ekswatch.rules.compiler.databases import FIELDS as FIELDS_OF_DATABASES
from ekswatch.rules.compiler.sources import read_sources
from ekswatch.rules.lint.branches import MAX_BRANCHES, TooMany, branches
from ekswatch.rules.lint.chosen import ANCHORS, CHOSEN, PLACES
from ekswatch.rules.lint.reach import RUN_IN, WRITTEN_IN
from ekswatch.rules.lint.resources import RESOURCES, VERBS, paths, verbs_of
from ekswatch.rules.lint.review import CODES, Problem, review
from ekswatch.rules.ruleset import And, Check, Or
from tests import places
from tests.rules import build

ROOT = Path(__file__).parents[2]
TODAY = date(2026, 11, 20)
BOTH = frozenset({"match", "ignore"})

KEYS = {"message": "{actor.name} did it", "runbook": "Ask {actor.name}."}
WHOLE = {
    "status": "stable",
    "references": ["https://kubernetes.io/docs/"],
    "falsepositives": ["Administrators."],
    "tags": ["attack.discovery", "attack.t1613"],
}
"""What a main document without remarks has."""


def rule(detection: dict[str, Any], /, *, name: str = "rule", **more: Any) -> dict[str, Any]:
    keys = {**KEYS, **more.pop("ekswatch", {})}
    return build.document(name, detection, **{**WHOLE, **more}, ekswatch=keys)


def one(selection: Any, /, **more: Any) -> dict[str, Any]:
    """A rule of one selection."""
    return rule({"s": selection, "condition": "s"}, **more)


def without(exclusion: Any, /, **more: Any) -> dict[str, Any]:
    """A rule on reads of secrets with an exclusion."""
    read = {"objectRef.resource": "secrets", "verb": ["get", "list"]}
    return rule({"read": read, "usual": exclusion, "condition": "read and not usual"}, **more)


def raised(*entries: dict[str, Any], level: str = "medium", **selections: Any) -> dict[str, Any]:
    """A rule on writes whose severity is changed by selections."""
    written = {"verb": ["create", "update"]}
    return rule(
        {"written": written, **selections, "condition": "written"},
        level=level,
        ekswatch={"severity": list(entries)},
    )


def suppression(section: Any, /, *, rules: Any = "any", **more: Any) -> dict[str, Any]:
    return build.exclusion(
        "expected", {"rules": rules, "usual": section, "condition": "not usual"}, **more
    )


def reviewed(folder: Path, tuning: Path | None = None, **options: Any) -> tuple[Problem, ...]:
    sources = read_sources(folder, tuning)
    assert sources.errors == ()
    examples = {file.slug: BOTH for file in sources.files}
    return review(sources, **{"examples": examples, "today": TODAY, **options})


def of(folder: Path, *documents: dict[str, Any]) -> tuple[Problem, ...]:
    """What is said of documents; filters among them go where filters are."""
    rules = [each for each in documents if "filter" not in each]
    filters = [each for each in documents if "filter" in each]
    build.detection(folder, *(rules or [one({"verb": "get"})]))
    if filters:
        build.write(folder / "filters" / "filters.yml", *filters)
    return reviewed(folder)


CREATED = {"verb": "create", "pod.privileged": True}

REMARKS: list[tuple[str, str, dict[str, Any], str]] = [
    # conditions that no event meets, or every event
    ("never-matches", "two values", rule(
        {"a": {"verb": "get"}, "b": {"verb": "list"}, "condition": "a and b"}
    ), "no value of verb meets all its tests"),
    ("never-matches", "a value and its absence", rule(
        {"a": {"objectRef.name": None}, "b": {"objectRef.name": "*"}, "condition": "a and b"}
    ), "no value of objectRef.name"),
    ("never-matches", "a value and another start", one(
        {"objectRef.resource": "secrets", "objectRef.resource|startswith": "pod"}
    ), "no value of objectRef.resource"),
    ("never-matches", "a test and its opposite", rule(
        {"s": {"user.groups": "dev"}, "condition": "s and not s"}
    ), "user.groups must meet a test and fail it"),
    ("never-matches", "exists and is absent", one(
        {"objectRef.name|exists": True, "objectRef.name": None}
    ), "no value of objectRef.name"),
    ("never-matches", "rows of other resources", one(
        {**CREATED, "objectRef.resource": "secrets"}, view="pod"
    ), "the view pod has rows for"),
    ("never-matches", "rows of other verbs", one(
        {"verb": ["get", "delete"], "pod.privileged": True}, view="pod"
    ), "for create, patch, update only"),
    ("never-matches", "rows of verbs by class", one(
        {"verb.class": "read", "service.type": "NodePort"}, view="service"
    ), "not for get, list, watch"),
    ("never-matches", "rows of the one verb", one(
        {"verb": "update", "token.audience": "vault"}, view="token"
    ), "the view token has rows for create only, not for update"),
    ("never-matches", "commands of other resources", one(
        {"resource": "pods/portforward", "command.tty": True}, view="command"
    ), "the view command has rows for pods/attach, pods/exec only"),
    ("never-matches", "a namespace for a node", one(
        {"objectRef.resource": "nodes", "objectRef.namespace": "default"}
    ), "nodes are in no namespace"),
    ("always-matches", "one or its opposite", rule(
        {"s": {"verb": "get"}, "condition": "s or not s"}
    ), "every event meets the condition"),
    # what EKS logs
    ("not-logged", "secrets have no body", one(
        {"objectRef.resource": "secrets", "requestObject.type": "Opaque"}
    ), "without the request body"),
    ("not-logged", "config maps are created without body", one(
        {"objectRef.resource": "configmaps", "verb": "create", "requestObject.data.a|exists": True}
    ), "configmaps by create without the request body"),
    ("not-logged", "other config maps have none", one(
        {"objectRef.resource": "configmaps", "objectRef.name": "coredns", "requestObject.kind": "x"}
    ), "without the request body"),
    ("not-logged", "custom resources have none", one(
        {"objectRef.resource": "nodepools", "verb": "patch", "responseObject.kind": "NodePool"}
    ), "nodepools by patch without the response body"),
    ("not-logged", "custom API groups have none", one(
        {"objectRef.apiGroup": "kyverno.io", "requestObject.kind": "Policy"}
    ), "API group kyverno.io without"),
    ("not-logged", "minted tokens are not answered", one(
        {"resource": "serviceaccounts/token", "responseObject.status.token|exists": True}
    ), "serviceaccounts/token without the response body"),
    ("not-logged", "reads have no answer", one(
        {"objectRef.resource": "pods", "verb": "list", "responseObject.kind": "PodList"}
    ), "pods by list without the response body"),
    ("not-logged", "core events", one(
        {"objectRef.resource": "events", "objectRef.apiGroup": None, "verb": "delete"}
    ), "EKS logs no request for events of the core group"),
    ("not-logged", "health", one({"request.path": ["/healthz", "/version"]}), "/healthz, /version"),
    # names
    ("unknown-resource", "singular", one(
        {"objectRef.resource": "pod"}
    ), "there is no resource 'pod'; did you mean 'pods'?"),
    ("unknown-resource", "subresource", one(
        {"resource": "pods/exce"}
    ), "did you mean 'pods/exec'?"),
    ("unknown-resource", "subresource alone", one(
        {"objectRef.subresource": "portfoward"}
    ), "did you mean 'portforward'?"),
    ("unknown-resource", "in the wrong field", one(
        {"objectRef.resource": "pods/exec"}
    ), "use resource for 'pods/exec'"),
    ("unknown-resource", "API group", one(
        {"objectRef.apiGroup": "app"}
    ), "there is no API group 'app'; did you mean 'apps'?"),
    ("unknown-resource", "of another API group", one(
        {"objectRef.apiGroup": "extensions", "objectRef.resource": "deployments"}
    ), "deployments is in the API group apps, not in extensions"),
    ("unknown-resource", "granted", one(
        {"verb": "create", "grant.resources": ["secret", "*/\\*"]}, view="grant"
    ), "did you mean 'secrets'?"),
    ("impossible-verb", "of a log", one(
        {"resource": "pods/log", "verb": "create"}
    ), "pods/log has no create, only get"),
    ("impossible-verb", "one of two", one(
        {"resource": ["pods/exec", "pods/attach"], "verb": ["create", "delete"]}
    ), "none of pods/attach, pods/exec has the verb delete"),
    ("impossible-verb", "of a review", one(
        {"objectRef.resource": "tokenreviews", "verb.class": "read"}
    ), "tokenreviews has no get or list or watch, only create"),
    ("verb-not-restricted", "any write", one({"pod.privileged": True}, view="pod"), "say which"),
    ("verb-not-restricted", "one of two verbs", one({"scale.to": 0}, view="scale"), "say which"),
    # exclusions
    ("chosen-exclusion", "user agent", without({"userAgent|startswith": "helm"}), "says it of"),
    ("chosen-exclusion", "with what is asked", without(
        {"client.family": "helm", "verb": "get"}
    ), "client.family"),
    ("chosen-exclusion", "earlier addresses", without({"sourceIPs|cidr": "10.0.0.0/8"}), "headers"),
    ("chosen-exclusion", "one of two ways", without(
        [{"actor.name": "ci"}, {"userAgent": "ci"}]
    ), "userAgent alone"),
    ("chosen-exclusion", "query", without({"requestURI|contains": "dryRun=All"}), "query"),
    ("chosen-exclusion", "ignored selector", without(
        {"request.label_selector": "owner=helm"}
    ), "the server ignores it"),
    ("chosen-exclusion", "role session", without({"actor.session|startswith": "ci-"}), "session"),
    ("chosen-exclusion", "impersonation", without(
        {"impersonatedUser.username": "ci"}
    ), "who impersonates"),
    ("chosen-exclusion", "cut record", without({"partial": "*"}), "incomplete"),
    # severities
    ("dead-severity", "the same before", raised(
        {"when": "a", "level": "high"}, {"when": ["a", "b"], "level": "low"},
        a={"actor.kind": "human"}, b={"source.class": "public"},
    ), "never decides: the entry for a comes first"),
    ("dead-severity", "an unconditional one before", raised(
        {"when": "written", "level": "high"}, {"when": "a", "level": "low"},
        a={"actor.kind": "human"},
    ), "earlier entries cover it"),
    ("dead-severity", "all values before", raised(
        {"when": "a", "level": "high"}, {"when": "b", "level": "low"},
        a={"verb": ["create", "update"]}, b={"source.class": "public"},
    ), "earlier entries cover it"),
    ("dead-severity", "not with the condition", raised(
        {"when": "a", "level": "high"}, a={"verb": "delete"}
    ), "it excludes the condition"),
    ("dead-severity", "no other level", raised(
        {"when": "a", "level": "medium"}, a={"actor.kind": "human"}
    ), "changes nothing: the level is medium anyway"),
    ("unproven-severity", "experimental", one(
        {"verb": "get"}, status="experimental", level="critical"
    ), "the status is experimental, the severity critical"),
    ("unproven-severity", "by an entry", {
        **raised({"when": "a", "level": "high"}, a={"actor.kind": "human"}), "status": "deprecated"
    }, "the severity high"),
    # the rest
    ("unused-selection", "by nothing", rule(
        {"s": {"verb": "get"}, "t": {"verb": "list"}, "condition": "s"}
    ), "nothing uses the selection t"),
    ("attack-unknown", "technique", one({"verb": "get"}, tags=["attack.t9999"]), "no technique"),
    ("attack-mapping", "tactic", one(
        {"verb": "get"}, tags=["attack.t1609"]
    ), "belongs to execution"),
    ("missing-metadata", "status", one({"verb": "get"}, status=None), "has no status"),
    ("missing-metadata", "runbook", one(
        {"verb": "get"}, ekswatch={"runbook": None}
    ), "has no runbook"),
    ("missing-metadata", "technique", one({"verb": "get"}, tags=["attack.discovery"]), "ATT&CK"),
    ("unused-acceptance", "not there", one(
        {"verb": "get"}, ekswatch={"lint": {"dead-severity": "because"}}
    ), "nothing here is dead-severity"),
    ("unused-acceptance", "no such code", one(
        {"verb": "get"}, ekswatch={"lint": {"dead-severities": "because"}}
    ), "did you mean 'dead-severity'?"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "document", "expected"),
    [(code, document, expected) for code, _, document, expected in REMARKS],
    ids=[f"{code}: {name}" for code, name, _, _ in REMARKS],
)
def test_remark(tmp_path: Path, code: str, document: dict[str, Any], expected: str) -> None:
    """What would not do what was meant is said once, under its code."""
    found = of(tmp_path, document)

    assert [each.code for each in found] == [code]
    assert expected in found[0].message


SILENT: list[tuple[str, dict[str, Any]]] = [
    ("two values of a list", rule(
        {"a": {"user.groups": "a"}, "b": {"user.groups": "b"}, "condition": "a and b"}
    )),
    ("one way is left", rule({
        "a": {"verb": "get"}, "b": [{"verb": "list"}, {"objectRef.name": "x"}],
        "condition": "a and b",
    })),
    ("the same without case", one({"objectRef.name": "X", "objectRef.name|startswith": "x"})),
    ("field against field", one(
        {"objectRef.name": "x", "objectRef.name|fieldref": "actor.account"}
    )),
    ("aws-auth is logged whole", one({
        "objectRef.resource": "configmaps", "objectRef.name": "aws-auth", "verb": "patch",
        "requestObject.data.mapRoles|exists": True,
    })),
    ("a body that must be absent", one(
        {"objectRef.resource": "secrets", "requestObject.kind": None}
    )),
    ("a body of one resource of two", one(
        {"objectRef.resource": ["secrets", "pods"], "requestObject.kind": "Pod"}
    )),
    ("the request that mints a token", one(
        {"resource": "serviceaccounts/token", "requestObject.spec.audiences": "sts.amazonaws.com"}
    )),
    ("events of the other group", one(
        {"objectRef.resource": "events", "verb": "delete", "objectRef.apiGroup": "events.k8s.io"}
    )),
    ("a path among logged ones", one({"request.path": ["/healthz", "/livez"]})),
    ("a namespace in itself", one(
        {"objectRef.resource": "namespaces", "objectRef.namespace": "x"}
    )),
    ("an ephemeral container", one(
        {"resource": "pods/ephemeralcontainers", "verb": "patch", "container.name": "*"},
        view="container",
    )),
    ("sessions by resource alone", one(
        {"objectRef.resource": "pods", "command.tty": True}, view="command"
    )),
    ("sessions of one kind", one(
        {"objectRef.resource": "pods", "objectRef.subresource": "exec", "verb": "get",
         "command.tty": True}, view="command",
    )),
    ("custom resource", one({"objectRef.resource": "nodepools", "verb": "delete"})),
    ("status of a custom resource", one({"resource": "applications/status", "verb": "patch"})),
    ("resource by its start", one({"objectRef.resource|startswith": "tok"})),
    ("written says what", one({"pod.written": True, "pod.privileged": True}, view="pod")),
    ("rows of one verb only", one({"token.audience": "vault"}, view="token")),
    ("identity", without({"actor.name": "ci", "userAgent|startswith": "helm"})),
    ("network", without({"source.class": "private", "client.family": "helm"})),
    ("grant", without({"authorization.role": "reader", "userAgent": "x"})),
    ("path with client", without({"request.path": "/livez", "userAgent": "kube-probe/1"})),
    ("kind of request alone", without({"verb": "list"})),
    ("name of what is read", without({"verb": "get", "objectRef.name": "kube-root-ca.crt"})),
    ("selector of a list", without({"verb": "list", "request.label_selector": "owner=helm"})),
    ("image of a registry", rule(
        {"written": {"verb": "create"}, "known": {"container.repository|startswith":
            "public.ecr.aws/eks-distro/"}, "condition": "written and not known"}, view="container"
    )),
    ("image of a pattern below a registry", rule(
        {"written": {"verb": "create"}, "known": {"container.repository":
            "registry.k8s.io/*/pause"}, "condition": "written and not known"}, view="container"
    )),
    ("entries that decide", raised(
        {"when": ["a", "b"], "level": "high"}, {"when": "a", "level": "medium"},
        {"when": "b", "level": "low"},
        a={"actor.kind": "human"}, b={"source.class": "public"},
    )),
    ("experimental and modest", one({"verb": "get"}, status="experimental", level="medium")),
    ("used by severity alone", raised({"when": "a", "level": "low"}, a={"actor.kind": "human"})),
    ("accepted", without(
        {"userAgent": "helm"}, ekswatch={"lint": {"chosen-exclusion": "because"}}
    )),
]  # fmt: skip


@pytest.mark.parametrize("document", [each for _, each in SILENT], ids=[name for name, _ in SILENT])
def test_nothing_to_remark(tmp_path: Path, document: dict[str, Any]) -> None:
    """What may well happen, and what rests on more than the attacker's word, is let pass."""
    assert of(tmp_path, document) == ()


CHOSEN_IMAGES = ["nginx", "*/aws-node", "docker*.io/library/nginx"]


@pytest.mark.parametrize("image", CHOSEN_IMAGES)
def test_an_image_without_its_registry_excuses_nobody(tmp_path: Path, image: str) -> None:
    """Anyone may push an image of any name to a registry of their own."""
    document = rule(
        {
            "written": {"verb": "create"},
            "known": {"container.repository": image},
            "condition": "written and not known",
        },
        view="container",
    )

    (found,) = of(tmp_path, document)

    assert found.code == "chosen-exclusion"
    assert "every registry" in found.message


def test_a_remark_says_where(tmp_path: Path) -> None:
    """The line is that of the value, the selection, the entry or the tag that is meant."""
    text = """\
title: Rule
id: 0b7d6a52-6d1e-4d0e-9d52-6f1f0a6f5c11
status: stable
description: What happens.
references: [https://kubernetes.io/docs/]
tags:
  - attack.discovery
  - attack.t9999
logsource: {product: kubernetes, service: audit}
detection:
  read:
    verb: get
    objectRef.resource:
      - secrets
      - confgmaps
  usual:
    userAgent: helm
  unused:
    verb: list
  person:
    actor.kind: human
  condition: read and not usual
falsepositives: [Nobody.]
level: medium
ekswatch:
  message: '{actor.name} did it'
  runbook: Ask.
  severity:
    - {when: person, level: high}
    - {when: person, level: low}
"""
    file = tmp_path / "discovery" / "rule.yml"
    file.parent.mkdir()
    file.write_text(text)

    found = reviewed(tmp_path)

    assert {each.file for each in found} == {str(file)}
    assert [(each.line, each.code) for each in found] == [
        (8, "attack-unknown"),
        (15, "unknown-resource"),
        (16, "chosen-exclusion"),
        (18, "unused-selection"),
        (30, "dead-severity"),
    ]
    assert found[0].message == "ATT&CK 19 has no technique T9999"
    assert found[0].level == "error"


FILTER_REMARKS: list[tuple[str, str, dict[str, Any], str]] = [
    ("always-matches", "everything", {
        **suppression({"verb": "get"}),
        "filter": {"rules": "any", "s": {"verb": "get"}, "condition": "not (s or not s)"},
    }, "every event meets"),
    ("never-matches", "nothing", {
        **suppression({"verb": "get"}),
        "filter": {"rules": "any", "s": {"verb": "get"}, "t": {"verb": "list"},
                   "condition": "not (s and t)"},
    }, "no value of verb"),
    ("not-logged", "a body that there never is", suppression(
        {"objectRef.resource": "secrets", "requestObject.type": "Opaque"}
    ), "without the request body"),
    ("chosen-exclusion", "client", suppression({"userAgent": "helm"}), "userAgent alone"),
    ("chosen-exclusion", "shipped too", suppression(
        {"userAgent": "helm"}, ekswatch={"default": True}
    ), "userAgent alone"),
    ("chosen-exclusion", "label", suppression(
        {"pod.labels.app": "ci"}, view="pod"
    ), "pod.labels.app alone"),
    ("chosen-exclusion", "name of a role", suppression(
        {"role.name": "system:ci"}, view="grant"
    ), "names it"),
    ("chosen-exclusion", "metadata", suppression(
        {"requestObject.metadata.name": "ci"}
    ), "requestObject.metadata.name"),
    ("idle-filter", "another verb", suppression(
        {"verb": "delete", "actor.name": "ci"}, rules=["rule"]
    ), "no match of rule can meet the filter"),
    ("impossible-verb", "of a log", suppression(
        {"resource": "pods/log", "verb": "watch"}
    ), "pods/log has no watch"),
    ("unknown-resource", "singular", suppression({"objectRef.resource": "secret"}), "secrets"),
    ("unused-selection", "by nothing", {
        **suppression({"actor.name": "ci"}),
        "filter": {"rules": "any", "s": {"actor.name": "ci"}, "t": {"verb": "list"},
                   "condition": "not s"},
    }, "selection t"),
    ("duplicate-title", "of a rule", suppression(
        {"actor.name": "ci"}, title="TITLE of rule"
    ), "the title is already taken by"),
    ("duplicate-id", "of a rule", suppression(
        {"actor.name": "ci"}, id=build.document("rule", {})["id"]
    ), "is already taken by"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "document", "expected"),
    [(code, document, expected) for code, _, document, expected in FILTER_REMARKS],
    ids=[f"{code}: {name}" for code, name, _, _ in FILTER_REMARKS],
)
def test_remark_on_a_filter(
    tmp_path: Path, code: str, document: dict[str, Any], expected: str
) -> None:
    """A filter is judged as a condition is, and more strictly, as it hides."""
    found = of(tmp_path, document)

    assert [each.code for each in found] == [code]
    assert expected in found[0].message


def test_a_filter_may_accept_a_remark(tmp_path: Path) -> None:
    """The reason stands in the filter's own file."""
    accepted = {"lint": {"chosen-exclusion": "A probe, for one month."}}

    assert of(tmp_path, suppression({"userAgent": "x"}, ekswatch=accepted)) == ()


def test_an_error_cannot_be_accepted(tmp_path: Path) -> None:
    """A condition that nothing meets is wrong whatever the reason."""
    found = of(
        tmp_path,
        one(
            {"objectRef.resource": "secrets", "requestObject.kind": "x"},
            ekswatch={"lint": {"not-logged": "because"}},
        ),
    )

    assert {each.code for each in found} == {"not-logged", "unused-acceptance"}
    assert "cannot be accepted" in "".join(each.message for each in found)


EXPIRY: list[tuple[int, str, str]] = [
    (-1, "expired-filter", "expired on 2026-11-19"),
    (0, "expiring-filter", "today"),
    (1, "expiring-filter", "tomorrow"),
    (14, "expiring-filter", "in 14 days"),
    (15, "", ""),
]


@pytest.mark.parametrize(("days", "code", "expected"), EXPIRY)
def test_a_filter_expires(tmp_path: Path, days: int, code: str, expected: str) -> None:
    """The last day is a warning, the day after an error, and two weeks ahead the first word."""
    last = TODAY + timedelta(days=days)
    document = suppression({"actor.name": "ci"}, ekswatch={"expires": last})

    found = of(tmp_path, document)

    assert [each.code for each in found] == ([code] if code else [])
    assert expected in "".join(each.message for each in found)


@pytest.mark.parametrize("there", [frozenset[str](), frozenset({"match"}), frozenset({"ignore"})])
def test_a_detection_needs_examples_of_both_kinds(tmp_path: Path, there: frozenset[str]) -> None:
    """Each kind that is missing is an error."""
    build.detection(tmp_path, one({"verb": "get"}))

    found = reviewed(tmp_path, examples={"rule": there})

    assert {each.code for each in found} == {"missing-example"}
    assert len(found) == len(BOTH - there)


@pytest.mark.parametrize("view", STATES)
def test_a_detection_on_states_needs_no_examples(tmp_path: Path, view: str) -> None:
    """No audit event could be one."""
    alone = build.document("rule", {"s": {f"{view}.name": "x"}, "condition": "s"}, view=view)
    build.detection(tmp_path, alone | {"ekswatch": {"message": "x", "dedup": {"key": []}}})

    assert "missing-example" not in {each.code for each in reviewed(tmp_path, examples={})}


def test_documents_that_serve_another_need_no_metadata(tmp_path: Path) -> None:
    """The main document speaks for the whole file."""
    base = build.document("rule-read", {"s": {"verb": "get"}, "condition": "s"}, ekswatch=None)
    main = build.correlation(
        "rule",
        {
            "type": "event_count",
            "rules": ["rule-read"],
            "group-by": ["actor.name"],
            "timespan": "1h",
            "condition": {"gte": 5},
        },
        **WHOLE,
        ekswatch=KEYS,
    )

    assert of(tmp_path, main, base) == ()


def test_lists_are_used_and_filled(tmp_path: Path) -> None:
    """A list that nobody names is said, and a condition that an empty one keeps from holding."""
    build.values(tmp_path, "unused", ["x"])
    build.values(tmp_path, "empty", [])
    build.detection(tmp_path, one({"objectRef.name|expand": "%empty%"}))

    found = reviewed(tmp_path)

    assert [(each.code, each.message) for each in found] == [
        ("empty-list", "no event meets the condition while a list is empty: empty"),
        ("unused-list", "no document uses the list 'unused'"),
    ]


def test_an_entry_may_wait_for_its_list(tmp_path: Path) -> None:
    """A severity that depends on a list which the operator fills is not dead."""
    build.values(tmp_path, "empty", [])
    document = raised({"when": "a", "level": "low"}, a={"objectRef.namespace|expand": "%empty%"})

    assert of(tmp_path, document) == ()


def test_a_public_rule_is_not_asked_for_ours(tmp_path: Path) -> None:
    """A rule written for any tool lacks our metadata; what of it never holds is still said."""
    public = build.document(
        "rule",
        {"s": {"verb": "create", "objectRef.nonsense": "x"}, "condition": "s"},
        ekswatch=None,
    )

    found = of(tmp_path, public)

    assert {each.code for each in found} == {"public-rule"}
    assert {each.level for each in found} == {"warning"}


def test_one_title_is_one_document(tmp_path: Path) -> None:
    """The second of two equal titles is said, with the place of the first."""
    build.detection(tmp_path, one({"verb": "get"}))
    build.detection(tmp_path, one({"verb": "get"}, name="other", title="Title of rule"))

    (found,) = reviewed(tmp_path)

    assert (found.code, Path(found.file).stem) == ("duplicate-title", "rule")
    assert "other.yml:1" in found.message


def test_what_can_hold_in_too_many_ways_is_left_alone() -> None:
    """The ways of an expression are listed up to a limit, beyond which nothing is said."""
    choice = Or((Check("verb", "equals", ("get",)), Check("objectRef.name", "null")))
    wide = Or(tuple(Check("objectRef.name", "equals", (str(n),)) for n in range(MAX_BRANCHES)))

    assert len(branches(And((choice,) * 10))) <= MAX_BRANCHES
    assert len(branches(wide)) == MAX_BRANCHES
    with pytest.raises(TooMany):
        branches(Or((wide, choice)))
    with pytest.raises(TooMany):
        branches(And((choice, wide)))


def test_a_condition_with_too_many_ways_is_not_refused(tmp_path: Path) -> None:
    """Lint stays silent rather than guess, and rather than run for long."""
    names = [[{"objectRef.name": f"{key}{n}"} for n in range(50)] for key in "ab"]
    document = rule(
        {"a": names[0], "b": names[1], "c": {"userAgent": "x"}, "condition": "a and b and not c"}
    )

    assert of(tmp_path, document) == ()


@pytest.mark.parametrize(("days", "codes"), [(90, []), (91, ["old-database"])])
def test_an_old_database_is_remarked(tmp_path: Path, days: int, codes: list[str]) -> None:
    """Addresses move; a deployment still goes on."""
    build.detection(tmp_path / "detections", one({"verb": "get"}))
    built = datetime(TODAY.year, TODAY.month, TODAY.day, 12, tzinfo=UTC) - timedelta(days=days)
    places.write_asn(tmp_path / "tuning" / "ASN.mmdb", built=built)
    tuning = tmp_path / "tuning"
    build.write(tuning / "ekswatch.yml", {"geo": {"asn": "ASN.mmdb"}})

    remarks = reviewed(tmp_path / "detections", tuning)

    assert [each.code for each in remarks] == codes
    assert [each.line for each in remarks] == [2] * len(codes)
    assert all("built on 2026-08-21, 91 days ago" in each.message for each in remarks)


ABROAD = {"s": {"source.country": "BR", "verb": "get"}, "condition": "s"}
NETWORK = {"s": {"source.asn|expand": "%networks%"}, "condition": "s"}


def unplaced(folder: Path, settings: dict[str, Any], *documents: dict[str, Any]) -> list[Problem]:
    """What lint says of missing databases, with settings beside both databases."""
    build.detection(folder / "detections", *documents)
    tuning = folder / "tuning"
    places.write_country(tuning / "City.mmdb", built=datetime(2026, 11, 1, tzinfo=UTC))
    places.write_asn(tuning / "ASN.mmdb", built=datetime(2026, 11, 1, tzinfo=UTC))
    build.write(tuning / "ekswatch.yml", settings)
    return [each for each in reviewed(folder / "detections", tuning) if "database" in each.code]


@pytest.mark.parametrize(
    ("geo", "codes"),
    [
        ({}, ["no-database"]),
        ({"asn": "ASN.mmdb"}, ["no-database"]),
        ({"country": "City.mmdb"}, []),
    ],
)
def test_a_rule_on_places_without_its_database_is_remarked(
    tmp_path: Path, geo: dict[str, str], codes: list[str]
) -> None:
    """It would never find anything, and nobody would know."""
    found = unplaced(tmp_path, {"geo": geo}, rule(ABROAD))

    assert [each.code for each in found] == codes
    assert all("no event has source.country: " in each.message for each in found)
    assert all(each.message.endswith("no database, geo.country") for each in found)


def test_a_suppression_on_places_without_its_database_is_remarked(tmp_path: Path) -> None:
    """It would never hold."""
    home = {"name": "home", "rules": ["rule"], "when": {"source.asn": "AS64496"}}
    settings = {"suppressions": [{**home, "reason": "Ours.", "owner": "me"}]}

    (found,) = unplaced(tmp_path, settings, one({"verb": "get"}))

    assert (found.code, Path(found.file).name) == ("no-database", "ekswatch.yml")
    assert "no event has source.asn: " in found.message


def test_severity_may_ask_for_places_that_nobody_knows(tmp_path: Path) -> None:
    """The rule finds what it is for, with the severity of those who have no database."""
    known = raised({"when": ["known"], "level": "low"}, known={"source.asn": "*"})

    assert unplaced(tmp_path, {}, known) == []


@pytest.mark.parametrize("geo", [{}, {"country": "City.mmdb"}])
def test_a_rule_may_accept_to_have_no_database(tmp_path: Path, geo: dict[str, str]) -> None:
    """For those who have one, the acceptance is not one too many."""
    accepting = rule(ABROAD, ekswatch={"lint": {"no-database": "Said in the description."}})

    build.detection(tmp_path / "detections", accepting)
    places.write_country(tmp_path / "tuning" / "City.mmdb")
    build.write(tmp_path / "tuning" / "ekswatch.yml", {"geo": geo})

    assert reviewed(tmp_path / "detections", tmp_path / "tuning") == ()


@pytest.mark.parametrize("where", ["settings", "file"])
@pytest.mark.parametrize(
    ("geo", "also", "is_remarked"),
    [
        ({}, {}, True),
        ({"country": "City.mmdb"}, {}, True),
        ({"asn": "ASN.mmdb"}, {}, False),
        ({}, {"t": {"actor.name|expand": "%networks%"}, "condition": "s or t"}, False),
    ],
)
def test_a_list_for_places_without_a_database_is_remarked(
    tmp_path: Path, geo: dict[str, str], also: dict[str, Any], is_remarked: bool, where: str
) -> None:
    """What the operator writes there changes nothing, unless it is compared with more."""
    build.values(tmp_path / "detections", "networks", ["AS64496"])
    change = {"add": ["AS64511"]}
    lists = {"lists": {"networks": change}} if where == "settings" else {}
    if where == "file":
        build.write(tmp_path / "tuning" / "lists" / "networks.yml", change)
    accepting = {"lint": {"no-database": "Said in the description."}}

    found = unplaced(tmp_path, {"geo": geo, **lists}, rule({**NETWORK, **also}, ekswatch=accepting))

    place = {"settings": "ekswatch.yml", "file": "networks.yml"}[where]
    assert [Path(each.file).name for each in found] == [place] * is_remarked
    assert {each.code for each in found} <= {"no-database"}


def test_every_fact_of_places_has_its_database() -> None:
    """A field that is read from a database would else be remarked by nobody."""
    assert set(FIELDS_OF_DATABASES) == {f"source.{name}" for name in Place.__struct_fields__}


def test_the_shipped_detections_pass() -> None:
    """Lint has nothing to say of our own content, beyond what is accepted there with a reason."""
    sources = read_sources(ROOT / "detections", None)
    examples: dict[str, frozenset[str]] = defaultdict(frozenset)
    for path in (ROOT / "events").glob("*/*_*.json*"):
        examples[path.parent.name] |= {path.name.partition("_")[0]}

    found = review(sources, examples=examples, today=date.today())

    assert sources.errors == ()
    assert list(found) == []


def test_every_code_is_documented() -> None:
    """The page has each code with its level and meaning, and no other."""
    page = (ROOT / "docs" / "lint.md").read_text()
    rows = re.findall(r"^\| `([a-z-]+)` \| (\w+) \| (.+) \|$", page, re.MULTILINE)

    assert {code: (level, says) for code, level, says in rows} == dict(CODES)


def test_every_chosen_field_is_documented() -> None:
    """The page lists what an attacker chooses, with the reasons that lint gives."""
    page = (ROOT / "docs" / "lint.md").read_text()
    rows = dict(re.findall(r"^\| `([\w.<>*]+)` \| (.+) \|$", page, re.MULTILINE))

    assert rows == dict(CHOSEN)


def test_every_code_is_tried() -> None:
    """No code without a test that shows it."""
    source = Path(__file__).read_text()

    assert [code for code in CODES if f'"{code}"' not in source] == []


def test_the_tables_speak_of_what_exists() -> None:
    """Fields, views, resources and verbs of the tables are those of the vocabulary and the API."""
    families = {name for name in CHOSEN if name.endswith(".metadata.*")}
    extras = {name for name in CHOSEN if name.startswith("user.extra.")}
    built_in = {name for members in RESOURCES.values() for name in members}

    assert set(CHOSEN) - families - extras <= set(FIELDS)
    assert set(FIELDS) >= PLACES
    assert all(any(name.startswith(anchor) for name in FIELDS) for anchor in ANCHORS)
    assert {*WRITTEN_IN, *OUTCOMES, "command", ""} == set(VIEWS)
    assert frozenset().union(*WRITTEN_IN.values()) <= built_in
    assert paths() >= RUN_IN
    assert set(VERBS) <= paths()
    assert set(WORKLOADS) | CLUSTER_SCOPED <= built_in
    assert verbs_of("pods/status") == {"get", "update", "patch"}
    assert "list" in verbs_of("nodepools")
    assert "applications/status" in paths()
