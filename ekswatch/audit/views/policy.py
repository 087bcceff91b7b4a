"""The view policy: admission policies that the API server evaluates itself, and their bindings.

A policy says what is wrong, or what is to be changed; a binding says where it applies and what
follows from it.
"""

from collections.abc import Iterator, Mapping

from ekswatch.audit.event import AuditEvent, Json
from ekswatch.audit.lenient import at, items, mapping, objects, text, texts
from ekswatch.audit.views.row import Fields, Row
from ekswatch.audit.views.written import Target, Written, written

POLICIES = Target(
    {
        "validatingadmissionpolicies": "ValidatingAdmissionPolicy",
        "validatingadmissionpolicybindings": "ValidatingAdmissionPolicyBinding",
        "mutatingadmissionpolicies": "MutatingAdmissionPolicy",
        "mutatingadmissionpolicybindings": "MutatingAdmissionPolicyBinding",
    },
    groups=("admissionregistration.k8s.io",),
)

SELECTORS = ("namespaceSelector", "objectSelector")


def policy_rows(event: AuditEvent) -> tuple[Row, ...]:
    found = written(event, POLICIES)
    return () if found is None else (Row((POLICY, found)),)


def _spec(found: Written) -> Mapping[str, Json]:
    return mapping(found.object.get("spec"))


def _scopes(spec: Mapping[str, Json]) -> Iterator[Mapping[str, Json]]:
    yield mapping(spec.get("matchConstraints"))
    yield mapping(spec.get("matchResources"))


def _exclusions(spec: Mapping[str, Json]) -> Iterator[str]:
    """What a spec leaves out: excluded rules, selectors that say something, conditions."""
    for scope in _scopes(spec):
        if items(scope.get("excludeResourceRules")):
            yield "excludeResourceRules"
        for selector in SELECTORS:
            given = mapping(scope.get(selector))
            if mapping(given.get("matchLabels")) or items(given.get("matchExpressions")):
                yield selector
    if items(spec.get("matchConditions")):
        yield "matchConditions"


def _written_exclusions(found: Written) -> Iterator[str]:
    """What a patch leaves out; a create or an update names what was there before, too."""
    if found.fragment is not None:
        yield from _exclusions(mapping(found.fragment.get("spec")))


def _mutations(found: Written) -> Iterator[str]:
    for mutation in objects(_spec(found).get("mutations")):
        for kind in ("applyConfiguration", "jsonPatch"):
            yield text(at(mutation, (kind, "expression")))


POLICY: Fields[Written] = Fields(
    {
        "policy.kind": lambda found: found.kind,
        "policy.name": lambda found: found.name,
        "policy.bound": lambda found: text(_spec(found).get("policyName")),
        "policy.failure_policy": lambda found: text(_spec(found).get("failurePolicy")),
        "policy.failure_written": lambda found: found.touches(("spec", "failurePolicy")),
        "policy.actions": lambda found: texts(_spec(found).get("validationActions")),
        "policy.actions_written": lambda found: found.touches(("spec", "validationActions")),
        "policy.exclusions": lambda found: tuple(_exclusions(_spec(found))),
        "policy.exclusions_written": lambda found: tuple(_written_exclusions(found)),
        "policy.mutations": lambda found: tuple(filter(None, _mutations(found))),
        "policy.written": lambda found: found.touches(("spec",)),
    }
)
