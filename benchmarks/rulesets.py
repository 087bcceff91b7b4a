"""Rule sets of 10, 100 and 1,000 rules: the shipped ones, filled up with variants of them.

A variant asks the same questions with other constants: another resource, namespace, name,
image or agent. Verbs, numbers and truth values stay, since they are what makes the rule. A rule
whose condition demands nothing else than those and a resource gets one more question: in which
namespace, by whom, on which object, with which agent, from which network. Without it, most
variants would hold for ordinary requests, and nobody keeps a rule that does.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec

from benchmarks import ROOT
from ekswatch.rules.compiler.compile import compile_ruleset
from ekswatch.rules.ruleset import (
    And,
    Check,
    Expression,
    Not,
    Or,
    Rule,
    Ruleset,
    Scalar,
    Use,
)

RESOURCES = (
    "pods",
    "secrets",
    "configmaps",
    "serviceaccounts",
    "deployments",
    "daemonsets",
    "statefulsets",
    "cronjobs",
    "jobs",
    "replicationcontrollers",
    "nodes",
    "namespaces",
    "persistentvolumes",
    "persistentvolumeclaims",
    "clusterroles",
    "clusterrolebindings",
    "roles",
    "rolebindings",
    "networkpolicies",
    "ingresses",
    "ingressclasses",
    "validatingwebhookconfigurations",
    "mutatingwebhookconfigurations",
    "apiservices",
    "storageclasses",
    "customresourcedefinitions",
    "certificatesigningrequests",
    "priorityclasses",
    "podtemplates",
    "resourcequotas",
    "limitranges",
    "csidrivers",
    "volumeattachments",
    "runtimeclasses",
    "flowschemas",
    "poddisruptionbudgets",
    "horizontalpodautoscalers",
    "validatingadmissionpolicies",
    "endpointslices",
)
"""What the resources of variants are drawn from: what detections are written about."""

ENUMERATED = frozenset(
    {
        "verb",
        "outcome",
        "stage",
        "level",
        "actor.kind",
        "source.class",
        "authorization.decision",
        "responseStatus.status",
        "role.kind",
        "binding.kind",
        "subject.kind",
        "volume.type",
        "service.type",
        "request.creates",
        "requestObject.kind",
        "objectRef.apiGroup",
        "resource",
        "objectRef.subresource",
    }
)
"""Fields with a few possible values: another constant would make a rule that never holds."""

RESOURCE = "objectRef.resource"
NAMESPACES = ("argocd", "cert-manager", "default", "kube-node-lease", "kube-system", "monitoring")
"""Namespaces that clusters have, the recorded one included: one variant in ten asks for them."""

TEXTUAL = frozenset(("equals", "startswith", "endswith", "contains"))
BUILT_IN_GROUPS = ("system:authenticated", "system:masters", "system:unauthenticated")


@cache
def shipped() -> Ruleset:
    """All detections of the repository."""
    return compile_ruleset(ROOT / "detections", None)


def first_rules(count: int) -> Ruleset:
    """The first `count` shipped rules by name, without correlations, which run elsewhere."""
    return _with(shipped(), shipped().rules[:count])


def at_least(count: int) -> Ruleset:
    """All shipped rules, and variants of them until there are `count`."""
    rules = list(shipped().rules)
    number = 0
    while len(rules) < count:
        number += 1
        missing = count - len(rules)
        rules += [variant(rule, number) for rule in shipped().rules][:missing]
    return _with(shipped(), tuple(rules))


def scoped_in_body(count: int) -> Ruleset:
    """As `at_least`, but no variant can be told apart by the header: each asks for a label."""
    rules = list(shipped().rules)
    number = 0
    while len(rules) < count:
        number += 1
        for rule in shipped().rules[: count - len(rules)]:
            label = Check("requestObject.metadata.labels.team", "equals", (f"team-{number}",))
            rules.append(_renamed(rule, number, condition=And((rule.condition, label))))
    return _with(shipped(), tuple(rules))


def variant(rule: Rule, number: int) -> Rule:
    """The rule with other constants; the same for the same number."""

    def changed(expression: Expression) -> Expression:
        return _mapped(expression, lambda check: _other(check, number))

    selections = {name: changed(one) for name, one in rule.selections.items()}
    condition = changed(rule.condition)
    if not _differs(rule.condition, rule.selections, selections):
        condition = And((condition, _scope(number)))
    return _renamed(rule, number, selections=selections, condition=condition)


def _renamed(rule: Rule, number: int, **changes: Any) -> Rule:
    return msgspec.structs.replace(rule, name=f"{rule.name}-variant-{number:03}", **changes)


def _with(base: Ruleset, rules: tuple[Rule, ...]) -> Ruleset:
    ordered = tuple(sorted(rules, key=lambda rule: rule.name))
    return msgspec.structs.replace(base, rules=ordered, correlations=()).sealed()


def _mapped(expression: Expression, change: Callable[[Check], Check]) -> Expression:
    match expression:
        case Check():
            return change(expression)
        case And(args):
            return And(tuple(_mapped(one, change) for one in args))
        case Or(args):
            return Or(tuple(_mapped(one, change) for one in args))
        case Not(arg):
            return Not(_mapped(arg, change))
        case Use():
            return expression


def _differs(
    condition: Expression, before: dict[str, Expression], after: dict[str, Expression]
) -> bool:
    """Return whether what the condition demands, rather than excludes, has other constants."""
    match condition:
        case Check():
            return False
        case And(args):
            return any(_differs(one, before, after) for one in args)
        case Or(args):
            return bool(args) and all(_differs(one, before, after) for one in args)
        case Not():
            return False
        case Use(selection):
            return _all_other(before[selection], after[selection])


def _all_other(before: Expression, after: Expression) -> bool:
    match before, after:
        case And(old), And(new):
            return any(map(_all_other, old, new))
        case Or(old), Or(new):
            return bool(old) and all(map(_all_other, old, new))
        case Check(), Check():
            return before != after and before.field != RESOURCE
    return False


def _other(check: Check, number: int) -> Check:
    """The test with other constants of the same shape, or the test itself."""
    if check.field in ENUMERATED:
        return check
    if check.field == RESOURCE:
        values: tuple[Scalar, ...] = tuple(_resource(value, number) for value in check.values)
    elif check.op in TEXTUAL:
        values = tuple(_text(value, check.op, number) for value in check.values)
    elif check.op in ("re", "like"):
        values = tuple(f"{value}|^variant-{number}/[a-z]+$" for value in check.values)
    else:
        return check
    return msgspec.structs.replace(check, values=values)


def _resource(value: Scalar, number: int) -> Scalar:
    at = RESOURCES.index(value) if value in RESOURCES else len(str(value))
    return RESOURCES[(at + 7 * number) % len(RESOURCES)]


def _text(value: Scalar, op: str, number: int) -> Scalar:
    """Another text that goes on like the old one: `argocd` becomes `argocd-v7`.

    Groups that Kubernetes builds in, and words without letters such as `*`, stay.
    """
    if not isinstance(value, str) or value in BUILT_IN_GROUPS:
        return value
    if not any(letter.isalpha() for letter in value):
        return value
    return f"v{number}-{value}" if op == "endswith" else f"{value}-v{number}"


def _scope(number: int) -> Check:
    """One more question, in turn about each part of the header by which teams are told apart."""
    if number % 10 == 0:
        return Check("objectRef.namespace", "equals", (NAMESPACES[number // 10 % len(NAMESPACES)],))
    scopes: tuple[Check, ...] = (
        Check("objectRef.namespace", "equals", (f"team-{number}", f"team-{number}-staging")),
        Check("user.username", "startswith", (f"system:serviceaccount:team-{number}:",)),
        Check("objectRef.name", "startswith", (f"payments-{number}-",)),
        Check("userAgent", "contains", (f"deployer-{number}",)),
        Check("sourceIPs", "cidr", (f"10.{number % 256}.0.0/16",)),
        Check("user.groups", "equals", (f"team-{number}-admins",)),
    )
    return scopes[number % len(scopes)]
