"""Pattern: what a subscription filter may leave in the log, because no rule can match it.

A record is left out only where the fields that the pattern reads decide that no rule can hold,
whatever stands in all others. So nothing rests on what clusters usually write, and what a caller
may choose (user agent, labels, annotations, bodies) can only make a record pass.

The pattern is of CloudWatch Logs' grammar for JSON, which reads fields. Its terms read the whole
line: a term that excludes, `-"RequestReceived"`, would leave out any record with a label or a
user agent of that text, and its caller chooses those.

Source: CloudWatch Logs user guide, "Filter pattern syntax".
"""

from collections.abc import Iterator, Mapping

from ekswatch.audit.event import AUDIT_API, AuditEvent, ObjectRef, Value
from ekswatch.audit.views import DELIVERY, VIEWS
from ekswatch.audit.vocabulary import OUTCOMES, reader
from ekswatch.rules.expression import inlined
from ekswatch.rules.fields import is_row_field
from ekswatch.rules.matcher.screen import needs
from ekswatch.rules.predicate import predicate, references
from ekswatch.rules.ruleset import And, Check, Expression, Not, Or, Rule, Ruleset

MAX_CHARACTERS = 1_024
"""Source: CloudWatch Logs API reference, PutSubscriptionFilter, `filterPattern`."""

RESOURCES = (
    *("leases", "endpointslices", "endpoints", "events", "nodes", "pods", "replicasets"),
    *("tokenreviews", "subjectaccessreviews", "configmaps", "services", "namespaces"),
    *("deployments", "csinodes", "networkpolicies", "certificatesigningrequests"),
    *("persistentvolumes", "persistentvolumeclaims", "volumeattachments", "storageclasses"),
    *("daemonsets", "statefulsets", "jobs", "horizontalpodautoscalers", "ingresses"),
)
"""What a cluster asks for again and again, the most first. The rules decide which of it may stay
in the log; what does not stand here is delivered."""

VERBS = ("get", "list", "watch", "create", "update", "patch")
"""Of requests that come again and again."""

HEARTBEAT = ("update", "leases")
"""How the leaders of the control plane say every few seconds that they live. Where a rule looks
at the minutes in which a log has events, these stay, or a quiet cluster would seem silent."""

DECIDED = ("verb", "verb.class", "objectRef.resource", "objectRef.subresource", "resource")
"""The fields that a verb, a resource and no subresource decide; a test holds that they do."""

OF_RESOURCE = ("objectRef.resource", "objectRef.subresource", "resource")
"""The same without the verb."""

JUDGED = '($.stage NOT EXISTS || $.stage != "RequestReceived")'
"""The engine leaves that stage out: a later record reports the same request, with its outcome."""

Quiet = Mapping[str, tuple[str, ...]]
"""By resource, the verbs that no rule can match; none of them stands for every verb."""


def narrow(ruleset: Ruleset, *, limit: int = MAX_CHARACTERS) -> str:
    """The narrowest filter pattern of at most `limit` characters that passes what can match.

    Shape: always valid; where a pattern for all of RESOURCES would be longer, those that no
    longer fit are delivered. Records that are no whole JSON never pass, nor do those of other
    shapes than the API server's.
    """
    kept: dict[str, tuple[str, ...]] = {}
    for resource, verbs in quiet(ruleset).items():
        wider = {**kept, resource: verbs}
        if len(_pattern(wider)) <= limit:
            kept = wider
    return _pattern(kept)


def quiet(ruleset: Ruleset) -> Quiet:
    """The requests for RESOURCES themselves, not their subresources, that no rule can match."""
    conditions = tuple(_conditions(ruleset))
    heard = any(rule.view == DELIVERY for rule in ruleset.rules)

    def none_matches(resource: str, verb: str) -> bool:
        if heard and resource == HEARTBEAT[1] and verb in ("", HEARTBEAT[0]):
            return False
        known = _known(resource, verb)
        return all(_holds(each, rule.view, known) is False for rule, each in conditions)

    found: dict[str, tuple[str, ...]] = {}
    for resource in RESOURCES:
        if none_matches(resource, ""):
            found[resource] = ()
        elif verbs := tuple(verb for verb in VERBS if none_matches(resource, verb)):
            found[resource] = verbs
    return found


def _conditions(ruleset: Ruleset) -> Iterator[tuple[Rule, Expression]]:
    """What must hold of an event for each rule that looks at events."""
    for rule in ruleset.rules:
        if rule.view not in OUTCOMES:
            condition = inlined(rule.condition, rule.selections)
            yield rule, And((*needs(VIEWS[rule.view]), condition))


def _known(resource: str, verb: str) -> Mapping[str, Value]:
    """The fields that are decided; an empty verb is any."""
    event = AuditEvent(verb=verb, objectRef=ObjectRef(resource=resource))
    return {name: reader(name)(event) for name in (DECIDED if verb else OF_RESOURCE)}


def _holds(expression: Expression, view: str, known: Mapping[str, Value]) -> bool | None:
    """Whether an expression holds for the fields that are known; None where others have a say."""
    match expression:
        case Check():
            return _check_holds(expression, view, known)
        case Not(arg):
            inner = _holds(arg, view, known)
            return None if inner is None else not inner
        case And(args):
            return _all([_holds(arg, view, known) for arg in args])
        case Or(args):
            inner = _all([_holds(Not(arg), view, known) for arg in args])
            return None if inner is None else not inner
    raise TypeError(f"{expression!r} must be written out first")


def _check_holds(check: Check, view: str, known: Mapping[str, Value]) -> bool | None:
    """The same of a check. Values of lists are open: live lists change them after deployment."""
    if check.field not in known or check.lists or references(check) is not None:
        return None
    return None if is_row_field(check.field, view) else predicate(check)(known[check.field])


def _all(parts: list[bool | None]) -> bool | None:
    if False in parts:
        return False
    return None if None in parts else True


def _pattern(left_out: Quiet) -> str:
    """The pattern that passes all audit events but these.

    A selector that finds nothing is asked for by itself: the guide does not say what != means then.
    """
    parts = [f'$.apiVersion = "{AUDIT_API}*"', JUDGED]
    if left_out:
        groups: dict[tuple[str, ...], list[str]] = {}
        for resource, verbs in left_out.items():
            groups.setdefault(verbs, []).append(resource)
        passing = " && ".join(_other_than(names, verbs) for verbs, names in groups.items())
        without = "$.objectRef.resource NOT EXISTS || $.verb NOT EXISTS"
        parts.append(f"({without} || $.objectRef.subresource = * || ({passing}))")
    return f"{{ {' && '.join(parts)} }}"


def _other_than(resources: list[str], verbs: tuple[str, ...]) -> str:
    """What a record must be to pass: about other resources, or with other verbs."""
    others = _none_of("$.objectRef.resource", resources)
    return f"({others} || {_none_of('$.verb', verbs)})" if verbs else others


def _none_of(selector: str, values: list[str] | tuple[str, ...]) -> str:
    return "(" + " && ".join(f'{selector} != "{value}"' for value in values) + ")"
