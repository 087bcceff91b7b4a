"""Chosen fields: what whoever makes a request decides, and so must not be excused by.

An exclusion hides. One that rests on what an attacker can write into the request hides the
attacker too, as soon as the list of excuses is known, and ours is public.
"""

from collections.abc import Mapping

from ekswatch.rules.lint.branches import Branch, Demand
from ekswatch.rules.lint.reach import reach
from ekswatch.rules.lint.resources import DELETES, READS
from ekswatch.rules.ruleset import Check

NAMED = "who creates an object names it"
WRITTEN = "who writes an object writes this too"

CHOSEN: Mapping[str, str] = {
    "userAgent": "the client says it of itself",
    "client.family": "the client says it of itself",
    "requestURI": "the client may add to the query what the server ignores",
    "request.query": "the client may add to the query what the server ignores",
    "request.label_selector": "the server ignores it unless it lists, watches or deletes many",
    "request.field_selector": "the server ignores it unless it lists, watches or deletes many",
    "sourceIPs": "all addresses but the last come from headers of the client",
    "source.addresses": "all addresses but the last come from headers of the client",
    "source.any_public": "all addresses but the last come from headers of the client",
    "objectRef.name": NAMED,
    "object.name": NAMED,
    "object.ref": NAMED,
    "pod.name": NAMED,
    "container.name": NAMED,
    "volume.name": NAMED,
    "binding.name": NAMED,
    "webhook.name": NAMED,
    "webhook.configuration": NAMED,
    "pod.labels.<key>": WRITTEN,
    "pod.annotations.<key>": WRITTEN,
    "pod.owner_kind": WRITTEN,
    "pod.priority_class": WRITTEN,
    "service.annotations.<key>": WRITTEN,
    "ingress.annotations.<key>": WRITTEN,
    "ingress.settings": WRITTEN,
    "namespace.labels.<key>": WRITTEN,
    "namespace.annotations.<key>": WRITTEN,
    "node.name": NAMED,
    "certificate.common_name": "who asks for a certificate names whom it is for",
    "certificate.organizations": "who asks for a certificate names whom it is for",
    "certificate.text": "who asks for a certificate names whom it is for",
    "requestObject.metadata.*": WRITTEN,
    "responseObject.metadata.*": WRITTEN,
    "container.command": "a command can carry the words of another",
    "container.hooks": "a command can carry the words of another",
    "container.decoded": "a command can carry the words of another",
    "container.outside_hosts": "a command can carry the words of another",
    "command.text": "a command can carry the words of another",
    "command.words": "a command can carry the words of another",
    "command.decoded": "a command can carry the words of another",
    "command.outside_hosts": "a command can carry the words of another",
    "command.word": "a program can be copied to any name",
    "container.env_names": WRITTEN,
    "container.credentials": WRITTEN,
    "container.image": "every registry may hold an image of this name",
    "container.repository": "every registry may hold an image of this name",
    "pod.images": "every registry may hold an image of this name",
    "volume.images": "every registry may hold an image of this name",
    "volume.repositories": "every registry may hold an image of this name",
    "actor.session": "who assumes a role names the session",
    "user.extra.sessionName": "who assumes a role names the session",
    "impersonatedUser.username": "who impersonates names whom",
    "impersonatedUser.uid": "who impersonates names it",
    "impersonatedUser.groups": "who impersonates names them",
    "network.name": NAMED,
    "policy.name": NAMED,
    "quota.name": NAMED,
    "body": "a large request makes its record incomplete",
    "partial": "a large request makes its record incomplete",
}
"""The fields that an attacker chooses, each with the reason."""

IMAGES = frozenset(
    {
        "container.image",
        "container.repository",
        "pod.images",
        "volume.images",
        "volume.repositories",
    }
)
"""Images; one that is named with its registry is what that registry holds."""

EXISTING = frozenset({"objectRef.name", "object.name", "object.ref"})
"""Names; a request that reads or deletes finds the object as somebody else named it."""

SELECTORS = frozenset({"request.label_selector", "request.field_selector"})

SELECTING = frozenset({"list", "watch", "deletecollection"})
"""Verbs for which the server applies a selector."""

ANCHORS = ("actor.", "user.", "authorization.", "annotations.")
"""What starts so is set by the API server and its authenticators."""

PLACES = frozenset(
    {
        "impersonator",
        "source.address",
        "source.class",
        "objectRef.namespace",
        "object.namespace",
        "request.path",
        "controller_child",
        "container.registry",
    }
)
"""Fields that say where a request comes from, and where it goes."""


def only_chosen(branch: Branch, view: str) -> tuple[str, ...]:
    """The chosen fields that a branch rests on; none when it rests on something else as well.

    What is asked for (verb, resource, the written settings) is no excuse either: it narrows an
    exclusion, but does not say who may be excused. A branch of such tests alone is a statement
    about the kind of request, and rests on nothing chosen.
    """
    if any(test.holds and _is_anchor(test, branch, view) for test in branch):
        return ()
    return tuple(
        dict.fromkeys(test.check.field for test in branch if reason(test.check.field, view))
    )


def reason(field: str, view: str) -> str:
    """Why a field is chosen by whoever makes the request, or an empty string."""
    if field == "role.name" and view == "grant":
        return NAMED
    for family in (field, _family(field)):
        if family in CHOSEN:
            return CHOSEN[family]
    return ""


FAMILIES = tuple(name.removesuffix("<key>") for name in CHOSEN if name.endswith(".<key>"))
"""What the fields begin with of which clients name the rest."""


def _family(field: str) -> str:
    for prefix in FAMILIES:
        if field.startswith(prefix):
            return f"{prefix}<key>"
    side, _, path = field.partition(".")
    return f"{side}.metadata.*" if path.startswith("metadata.") else ""


def _is_anchor(test: Demand, branch: Branch, view: str) -> bool:
    """Whether a test that holds ties its branch to something that an attacker does not choose."""
    field = test.check.field
    if field in IMAGES:
        return _names_registries(test.check)
    if field in EXISTING:
        return _only(branch, view, READS | DELETES)
    if field in SELECTORS:
        return _only(branch, view, SELECTING)
    if reason(field, view):
        return False
    return field in PLACES or field.startswith(ANCHORS)


def _only(branch: Branch, view: str, verbs: frozenset[str]) -> bool:
    """Whether a branch is about requests with these verbs only."""
    asked = reach(branch, view).verbs
    return bool(asked) and asked is not None and asked <= verbs


def _names_registries(check: Check) -> bool:
    """Whether every image of a check is named with the host of its registry."""
    return check.op in ("equals", "startswith", "like") and all(
        _names_registry(str(value), check.op) for value in check.values
    )


def _names_registry(image: str, op: str) -> bool:
    if op == "like":  # a pattern for the whole value, in which a wildcard is a group
        image = image.partition("(?s:")[0].replace("\\", "")
    host, slash, _ = image.partition("/")
    return bool(slash) and ("." in host or ":" in host)
