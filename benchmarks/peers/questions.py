"""The rules that every peer gets, stated once, and written in each one's own language.

They are header tests and a few fields of request bodies: what all of the languages can say.
Values are spelled as the audit log spells them, since not every language ignores case.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import msgspec

from benchmarks.rulesets import shipped
from ekswatch.rules.ruleset import And, Check, Expression, Not, Rule, Ruleset, Use

Value = str | int | bool


@dataclass(frozen=True, slots=True)
class Test:
    """One field against values; `has` asks whether a list holds one of them."""

    field: str
    op: Literal["equals", "startswith", "has"]
    values: tuple[Value, ...]

    @property
    def path(self) -> tuple[str, ...]:
        return tuple(self.field.split("."))


@dataclass(frozen=True, slots=True)
class Question:
    """Holds when all of `demands` hold and none of `excludes` does."""

    name: str
    demands: tuple[Test, ...]
    excludes: tuple[Test, ...] = ()

    @property
    def tests(self) -> Iterator[Test]:
        yield from self.demands
        yield from self.excludes


def _is(field: str, *values: Value) -> Test:
    return Test(field, "equals", values)


def _begins(field: str, *values: Value) -> Test:
    return Test(field, "startswith", values)


def _resource(*names: str) -> Test:
    return _is("objectRef.resource", *names)


def _subresource(*names: str) -> Test:
    return _is("objectRef.subresource", *names)


def _by(*beginnings: str) -> Test:
    return _begins("user.username", *beginnings)


WRITTEN = _is("verb", "create", "update", "patch")
READ = _is("verb", "get", "list", "watch")
CREATED = _is("verb", "create")

QUESTIONS = (
    Question("secret-read", (READ, _resource("secrets")), (_by("system:"),)),
    Question("secret-read-by-account", (READ, _resource("secrets"), _by("system:serviceaccount:"))),
    Question("secret-listed", (_is("verb", "list"), _resource("secrets"))),
    Question("secret-deleted", (_is("verb", "delete", "deletecollection"), _resource("secrets"))),
    Question("pod-exec", (_resource("pods"), _subresource("exec", "attach"))),
    Question("port-forward", (_resource("pods"), _subresource("portforward"))),
    Question("pod-log", (_is("verb", "get"), _resource("pods"), _subresource("log"))),
    Question("node-proxy", (_resource("nodes"), _subresource("proxy"))),
    Question("csr-approved", (_resource("certificatesigningrequests"), _subresource("approval"))),
    Question("anonymous", (_is("user.username", "system:anonymous"),)),
    Question("unauthenticated", (Test("user.groups", "has", ("system:unauthenticated",)),)),
    Question("admin-group", (Test("user.groups", "has", ("system:masters",)), WRITTEN)),
    Question("forbidden", (_is("responseStatus.code", 403),)),
    Question("refused-login", (_is("responseStatus.code", 401),)),
    Question(
        "pod-in-system-namespace",
        (CREATED, _resource("pods"), _is("objectRef.namespace", "kube-system")),
        (_subresource("binding", "eviction", "exec", "attach"),),
    ),
    Question(
        "webhook-written",
        (
            WRITTEN,
            _resource("validatingwebhookconfigurations", "mutatingwebhookconfigurations"),
        ),
    ),
    Question("role-written", (WRITTEN, _resource("roles", "clusterroles"))),
    Question("binding-written", (WRITTEN, _resource("rolebindings", "clusterrolebindings"))),
    Question(
        "cluster-admin-granted", (WRITTEN, _is("requestObject.roleRef.name", "cluster-admin"))
    ),
    Question("node-port", (WRITTEN, _is("requestObject.spec.type", "NodePort"))),
    Question("host-network", (WRITTEN, _is("requestObject.spec.hostNetwork", True))),
    Question("host-pid", (WRITTEN, _is("requestObject.spec.hostPID", True))),
    Question("handmade-client", (_begins("userAgent", "curl/", "python-requests/", "Wget/"),)),
    Question("kubectl-in-pod", (_begins("userAgent", "kubectl/"), _by("system:serviceaccount:"))),
    Question(
        "token-made",
        (CREATED, _resource("serviceaccounts"), _subresource("token")),
        (_by("system:node:"),),
    ),
)

FIELDS = tuple(dict.fromkeys(test.field for question in QUESTIONS for test in question.tests))
"""Every field that the questions ask for."""


def ours() -> Ruleset:
    """The questions as compiled rules; their metadata is that of any shipped detection."""
    base = shipped()
    rules = [_rule(question, base.rules[0]) for question in QUESTIONS]
    ordered = tuple(sorted(rules, key=lambda rule: rule.name))
    return msgspec.structs.replace(base, rules=ordered, correlations=(), filters=()).sealed()


def sigma(question: Question) -> str:
    """The question as a Sigma document (JSON is YAML). Lists are asked with `contains`."""
    detection: dict[str, object] = {"demands": _items(question.demands), "condition": "demands"}
    if question.excludes:
        detection |= {
            "excludes": _items(question.excludes),
            "condition": "demands and not excludes",
        }
    document = {
        "title": question.name,
        "status": "test",
        "logsource": {"product": "kubernetes", "service": "audit"},
        "detection": detection,
    }
    return json.dumps(document)


def _items(tests: tuple[Test, ...]) -> dict[str, list[Value]]:
    modifiers = {"equals": "", "startswith": "|startswith", "has": "|contains"}
    return {f"{test.field}{modifiers[test.op]}": [*test.values] for test in tests}


def _rule(question: Question, base: Rule) -> Rule:
    selections: dict[str, Expression] = {"demands": _and(question.demands)}
    condition: Expression = Use("demands")
    if question.excludes:
        selections["excludes"] = _and(question.excludes)
        condition = And((condition, Not(Use("excludes"))))
    return Rule(
        name=question.name,
        detection=base.detection,
        view="",
        selections=selections,
        condition=condition,
        severity=base.severity,
    )


def _and(tests: tuple[Test, ...]) -> And:
    return And(tuple(_check(test) for test in tests))


def _check(test: Test) -> Check:
    values = tuple(v.lower() if isinstance(v, str) else v for v in test.values)
    return Check(test.field, "startswith" if test.op == "startswith" else "equals", values)
