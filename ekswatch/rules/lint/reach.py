"""Reach: which requests a branch of a condition is about, and whether EKS could ever log one."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from ekswatch.audit.resources import WORKLOADS
from ekswatch.audit.views import VIEWS
from ekswatch.rules.lint.branches import Branch, candidates, contradiction, fields_in, is_present
from ekswatch.rules.lint.resources import (
    ALL,
    UNLOGGED_PATHS,
    VERB_CLASSES,
    Side,
    Target,
    is_cluster_scoped,
    is_logged,
    records_body,
    verbs_of,
)

WRITTEN_IN: Mapping[str, frozenset[str]] = {
    "pod": frozenset(WORKLOADS),
    "container": frozenset(WORKLOADS),
    "volume": frozenset({*WORKLOADS, "persistentvolumes"}),
    "grant": frozenset({"roles", "clusterroles"}),
    "subject": frozenset({"rolebindings", "clusterrolebindings"}),
    "webhook": frozenset({"mutatingwebhookconfigurations", "validatingwebhookconfigurations"}),
    "service": frozenset({"services"}),
    "token": frozenset({"serviceaccounts"}),
    "certificate": frozenset({"certificatesigningrequests"}),
    "mapping": frozenset({"configmaps"}),
    "namespace": frozenset({"namespaces"}),
    "extension": frozenset({"apiservices", "customresourcedefinitions"}),
    "node": frozenset({"nodes"}),
    "account": frozenset({"serviceaccounts"}),
    "ingress": frozenset({"ingresses"}),
    "network": frozenset({"networkpolicies"}),
    "quota": frozenset({"resourcequotas"}),
    "policy": frozenset(
        {
            *("validatingadmissionpolicies", "validatingadmissionpolicybindings"),
            *("mutatingadmissionpolicies", "mutatingadmissionpolicybindings"),
        }
    ),
    "review": frozenset(
        {
            *("selfsubjectaccessreviews", "selfsubjectrulesreviews"),
            *("subjectaccessreviews", "localsubjectaccessreviews"),
        }
    ),
    "scale": frozenset(
        {
            *("deployments", "replicasets", "replicationcontrollers", "statefulsets"),
            "horizontalpodautoscalers",
        }
    ),
}
"""The resources of which a view of written objects has rows."""

RUN_IN = frozenset({"pods/exec", "pods/attach"})
"""The resources of which the view of commands has rows."""

SAYS_WHAT = ("verb", "verb.class", "request.creates", "request.target")
"""Fields that say what a request does."""


@dataclass(frozen=True, slots=True)
class Reach:
    """The requests that a branch is about.

    Shape: `targets` is None where any resource will do, `groups` where any API group will (the
    core group is the empty text), `verbs` where any verb will.
    """

    targets: frozenset[Target] | None
    groups: frozenset[str] | None
    verbs: frozenset[str] | None


def reach(branch: Branch, view: str) -> Reach:
    groups = _absent_is_empty(branch, "objectRef.apiGroup", view)
    return Reach(_targets(branch, view, groups), groups, _verbs(branch, view))


def _targets(branch: Branch, view: str, groups: frozenset[str] | None) -> frozenset[Target] | None:
    paths, resources = _texts(branch, "resource", view), _texts(branch, "objectRef.resource", view)
    subresources = _texts(branch, "objectRef.subresource", view)
    if paths is not None:
        split = {(path.partition("/")[0], path.partition("/")[2]) for path in paths}
        split = {pair for pair in split if resources is None or pair[0] in resources}
    elif resources is not None:
        split = set(product(resources, subresources or {""}))
    else:
        return None
    return frozenset(Target(*pair, group) for pair in split for group in (groups or {None}))


def _texts(branch: Branch, field: str, view: str) -> frozenset[str] | None:
    """The texts that a field may be, None for any; a request without the field has no text."""
    found = candidates(branch, field, view)
    return None if found is None else frozenset(v for v in found if isinstance(v, str))


def _absent_is_empty(branch: Branch, field: str, view: str) -> frozenset[str] | None:
    found = candidates(branch, field, view)
    return None if found is None else frozenset("" if v is None else str(v) for v in found)


def _verbs(branch: Branch, view: str) -> frozenset[str] | None:
    verbs, classes = _texts(branch, "verb", view), _texts(branch, "verb.class", view)
    if classes is None:
        return verbs
    of_classes = frozenset().union(*(VERB_CLASSES.get(each, frozenset()) for each in classes))
    return of_classes if verbs is None else verbs & of_classes


def why_silent(branch: Branch, view: str) -> tuple[str, str]:
    """Why no event that EKS logs meets a branch, as code and reason; empty when one may."""
    found = reach(branch, view)
    for code, reason in (
        ("never-matches", contradiction(branch, view)),
        ("never-matches", _no_rows(found, view)),
        ("never-matches", _no_namespace(branch, found)),
        ("not-logged", _not_logged(branch, found, view)),
        ("not-logged", _no_body(branch, found, view)),
    ):
        if reason:
            return code, reason
    return "", ""


def _no_rows(found: Reach, view: str) -> str:
    """Why a view has no rows for the requests of a branch."""
    if view == "command" and found.targets and not any(map(_runs, found.targets)):
        return f"the view command has rows for {_listed(RUN_IN)} only"
    if view not in WRITTEN_IN:
        return ""
    verbs = VIEWS[view].verbs
    if found.verbs and not found.verbs & {*verbs}:
        return f"the view {view} has rows for {_listed(verbs)} only, not for {_listed(found.verbs)}"
    if found.targets and not {each.resource for each in found.targets} & WRITTEN_IN[view]:
        asked = _listed(each.path for each in found.targets)
        return f"the view {view} has rows for {_listed(WRITTEN_IN[view])}, not for {asked}"
    return ""


def _runs(target: Target) -> bool:
    return target.path in RUN_IN or target == Target("pods", "", target.group)


def _no_namespace(branch: Branch, found: Reach) -> str:
    if not found.targets or not is_present(branch, "objectRef.namespace"):
        return ""
    if all(is_cluster_scoped(target.resource) for target in found.targets):
        return f"{_listed(each.resource for each in found.targets)} are in no namespace"
    return ""


def _not_logged(branch: Branch, found: Reach, view: str) -> str:
    if found.targets and not any(is_logged(target) for target in found.targets):
        return "EKS logs no request for events of the core group"
    paths = _texts(branch, "request.path", view)
    unlogged = [
        path
        for path in paths or ()
        if path.startswith(UNLOGGED_PATHS) or path.rstrip("/") == "/version"
    ]
    if paths and len(unlogged) == len(paths):
        return f"EKS logs no request for {_listed(unlogged)}"
    return ""


def _no_body(branch: Branch, found: Reach, view: str) -> str:
    """Why EKS records no body that a branch needs."""
    targets = found.targets
    if targets is None and found.groups is not None:
        targets = frozenset(Target("", group=group) for group in found.groups)
    if targets is None:
        return ""
    names = candidates(branch, "objectRef.name", view)
    for side in _sides(branch):
        cases = product(targets, found.verbs or ALL, names or {None})
        if not any(
            records_body(target, side, verb, name if isinstance(name, str) else None)
            for target, verb, name in cases
        ):
            verbs = f" by {_listed(found.verbs)}" if found.verbs else ""
            resources = _listed(
                each.path or f"API group {each.group or 'core'}" for each in targets
            )
            return f"EKS logs requests for {resources}{verbs} without the {side} body"
    return ""


def _sides(branch: Branch) -> Iterator[Side]:
    """The bodies that a branch cannot hold without."""
    present = [field for field in fields_in(branch) if is_present(branch, field)]
    if any(field.startswith("requestObject.") for field in present):
        yield "request"
    if any(field.startswith("responseObject.") for field in present):
        yield "response"


def wrong_verbs(found: Reach) -> Iterator[str]:
    """The verbs that no resource of a branch has, and the resources that have none of its verbs."""
    if not found.targets or not found.verbs:
        return
    for target in sorted(found.targets, key=lambda each: each.path):
        if not found.verbs & verbs_of(target.path):
            yield f"{target.path} has no {_listed(found.verbs, ' or ')}, only " + _listed(
                verbs_of(target.path)
            )
    had = frozenset().union(*(verbs_of(target.path) for target in found.targets))
    if found.verbs & had:
        for verb in sorted(found.verbs & ALL - had):
            yield f"none of {_listed(each.path for each in found.targets)} has the verb {verb}"


def says_what(branch: Branch) -> bool:
    """Whether a branch says what the request does, or what of the object it writes."""
    return any(field in SAYS_WHAT or field.endswith(".written") for field in fields_in(branch))


def _listed(texts: Iterable[str], joint: str = ", ") -> str:
    return joint.join(sorted(set(texts)))
