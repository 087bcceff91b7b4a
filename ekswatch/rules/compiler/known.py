"""What a rule may say about audit events: known fields, values of their type, real verbs.

A rule that names a field nobody writes, or compares a number with a word, would stay silent
for ever; here it is an error.
"""

from collections.abc import Callable, Iterable

from ekswatch.audit.resources import WORKLOADS
from ekswatch.audit.vocabulary import Field, lookup
from ekswatch.rules.compiler.attack import TACTICS
from ekswatch.rules.compiler.suggest import suggestion
from ekswatch.rules.expression import KEYWORDS
from ekswatch.rules.fields import names_of
from ekswatch.rules.predicate import predicate
from ekswatch.rules.ruleset import Check, Scalar

VALUES = {
    "verb": frozenset(
        {
            *("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"),
            *("post", "put", "head", "options", "connect", "trace", "proxy"),
        }
    ),
    "verb.class": frozenset({"read", "write", "delete"}),
    "actor.kind": frozenset({"human", "service-account", "node", "system", "anonymous"}),
    "outcome": frozenset({"ok", "denied", "refused", "unauthenticated", "failed", "unknown"}),
    "source.class": frozenset({"loopback", "private", "public", "unknown"}),
    "level": frozenset({"metadata", "request", "requestresponse"}),
    "stage": frozenset({"responsestarted", "responsecomplete", "panic"}),
    "body": frozenset({"none", "request", "response", "both"}),
    "responseStatus.status": frozenset({"success", "failure"}),
    "authorization.decision": frozenset({"allow", "forbid"}),
    "authorization.grant": frozenset({"rolebinding", "clusterrolebinding", "eks access policy"}),
    "pod.kind": frozenset(workload.kind.lower() for workload in WORKLOADS.values()),
    "container.kind": frozenset({"container", "init", "ephemeral"}),
    "role.kind": frozenset({"role", "clusterrole"}),
    "subject.kind": frozenset({"user", "group", "serviceaccount"}),
    "binding.kind": frozenset({"rolebinding", "clusterrolebinding"}),
    "webhook.failure_policy": frozenset({"fail", "ignore"}),
    "webhook.operations": frozenset({"create", "update", "delete", "connect", "*"}),
    "finding.severity": frozenset({"informational", "low", "medium", "high", "critical"}),
    "finding.tactic": frozenset(name.lower() for name in TACTICS.values()),
    "service.type": frozenset({"clusterip", "nodeport", "loadbalancer", "externalname"}),
}
"""Fields with few possible values, in lower case. Non-resource requests have HTTP methods as
verbs; the stage RequestReceived never reaches a rule."""

PATTERNS = frozenset({"startswith", "endswith", "contains", "like"})
ANY_TYPE = frozenset({"any", "empty", "null", "exists"})
TIMES = frozenset({"minute", "hour", "day", "week", "month", "year"})
TYPES = {bool: "bool", int: "int", float: "int", str: "string"}
WORDS = {"bool": "true or false", "int": "a number", "string": "text"}


def checker(*views: str) -> Callable[[Check], str]:
    """The function that says what is wrong with a check on any of these views, or nothing."""
    return lambda check: next(filter(None, (_problem(check, view) for view in views)), "")


def _problem(check: Check, view: str) -> str:
    if check.field == KEYWORDS:
        return ""
    field = lookup(check.field, view)
    if field is None:
        return unknown_field(check.field, {view})
    if check.op.startswith("fieldref"):
        return unknown_field(str(check.values[0]), {view})
    return _wrong_type(check, field) or _impossible(check)


def unknown_field(name: str, views: Iterable[str]) -> str:
    """Why none of the views has a field of this name, or nothing when one has."""
    views = set(views) or {""}
    if any(lookup(name, view) is not None for view in views):
        return ""
    known = {field for view in views for field in names_of(view)}
    where = f" in the view {', '.join(sorted(views))}" if views != {""} else ""
    return f"unknown field {name!r}{where}{suggestion(name, known)}"


def _wrong_type(check: Check, field: Field) -> str:
    if check.op in ANY_TYPE or field.name.endswith(".*"):  # a body may hold anything
        return ""
    expected = "string" if field.type == "strings" else field.type
    for value in check.values:
        given = _type_of(check, value)
        if given != expected:
            return (
                f"{check.field} is {WORDS[expected]}, it never matches {WORDS[given]} ({value!r})"
            )
    return ""


def _type_of(check: Check, value: Scalar) -> str:
    if check.op in TIMES:
        return "string"  # a part of a time that the field holds as text
    return TYPES[type(value)]


def _impossible(check: Check) -> str:
    """Why no value that the field can have meets a check, where there are few such values."""
    possible = VALUES.get(check.field)
    if possible is None:
        return ""
    if check.op in PATTERNS and not check.cased and not any(map(predicate(check), possible)):
        given = ", ".join(repr(value) for value in check.values)
        return f"no value of {check.field} meets {given}: it is {', '.join(sorted(possible))}"
    if check.op != "equals":
        return ""
    for value in check.values:
        if str(value).lower() not in possible:
            return f"{check.field} is never {value!r}{suggestion(str(value), possible)}"
    return ""
