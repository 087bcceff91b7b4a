"""The view review: what somebody asks the API server about permissions, theirs or another's."""

from collections.abc import Mapping

from ekswatch.audit.event import AuditEvent, Json
from ekswatch.audit.lenient import at, mapping, text, texts
from ekswatch.audit.views.row import Fields, Row
from ekswatch.audit.views.written import Target, Written, written

REVIEWS = Target(
    {
        "selfsubjectaccessreviews": "SelfSubjectAccessReview",
        "selfsubjectrulesreviews": "SelfSubjectRulesReview",
        "subjectaccessreviews": "SubjectAccessReview",
        "localsubjectaccessreviews": "LocalSubjectAccessReview",
    },
    groups=("authorization.k8s.io",),
)
VERBS = ("create",)

ATTRIBUTES = "resourceAttributes"
PATH = "nonResourceAttributes"


def review_rows(event: AuditEvent) -> tuple[Row, ...]:
    found = written(event, REVIEWS) if event.verb in VERBS else None
    return () if found is None else (Row((REVIEW, found)),)


def _spec(found: Written) -> Mapping[str, Json]:
    """What was asked; the answer to a rules review leaves it out."""
    return mapping(found.request.get("spec")) or mapping(found.object.get("spec"))


def _asked(found: Written, key: str) -> str:
    return text(at(_spec(found), (ATTRIBUTES, key)))


def _verb(found: Written) -> str:
    return _asked(found, "verb") or text(at(_spec(found), (PATH, "verb")))


def _resource(found: Written) -> str:
    return "/".join(filter(None, (_asked(found, "resource"), _asked(found, "subresource"))))


def _namespace(found: Written) -> str:
    """A rules review names its namespace beside the attributes that it does not have."""
    return _asked(found, "namespace") or text(_spec(found).get("namespace"))


def _user(found: Written) -> str:
    """Whom a question is about; questions about oneself name nobody."""
    own = found.kind.startswith("Self")
    return found.event.actor.username if own else text(_spec(found).get("user"))


def _path(found: Written) -> str:
    return text(at(_spec(found), (PATH, "path")))


def _question(found: Written) -> str:
    """As in "create pods/exec payments": what counts as one question among many."""
    what = _resource(found) or _path(found)
    return " ".join(filter(None, (_verb(found), what, _namespace(found)))) if what else ""


def _is_allowed(found: Written) -> bool | None:
    """An answer leaves the field out only where there is none."""
    value: Json = at(found.object, ("status", "allowed"))
    return value if isinstance(value, bool) else None


REVIEW: Fields[Written] = Fields(
    {
        "review.kind": lambda found: found.kind,
        "review.verb": _verb,
        "review.resource": _resource,
        "review.api_group": lambda found: _asked(found, "group"),
        "review.namespace": _namespace,
        "review.name": lambda found: _asked(found, "name"),
        "review.path": _path,
        "review.question": _question,
        "review.user": _user,
        "review.groups": lambda found: texts(_spec(found).get("groups")),
        "review.allowed": _is_allowed,
    }
)
