"""The view token: for whom, how long and for what a service account's token is asked."""

from collections.abc import Mapping
from dataclasses import dataclass

from ekswatch.audit.event import AuditEvent, Json
from ekswatch.audit.facts import SERVICE_ACCOUNT
from ekswatch.audit.lenient import at, mapping, text, texts
from ekswatch.audit.views.row import Fields, Row


@dataclass(frozen=True, slots=True)
class Token:
    """A token that is asked for, and one of the audiences that shall accept it.

    Shape: `spec` is empty where the record has no body; `audience` where none is named, which
    means the API server.
    """

    event: AuditEvent
    spec: Mapping[str, Json]
    audience: str


def token_rows(event: AuditEvent) -> tuple[Row, ...]:
    """Decided on the header: a request whose body was lost has a row too."""
    ref = event.objectRef
    if (event.verb, ref.resource, ref.subresource) != ("create", "serviceaccounts", "token"):
        return ()
    spec = mapping(mapping(event.request).get("spec"))
    audiences = dict.fromkeys(texts(spec.get("audiences"))) or ("",)
    return tuple(Row((TOKEN, Token(event, spec, audience))) for audience in audiences)


def _user(token: Token) -> str:
    ref = token.event.objectRef
    return f"{SERVICE_ACCOUNT}{ref.namespace}:{ref.name}" if ref.name else ""


def _seconds(token: Token) -> int | None:
    value = token.spec.get("expirationSeconds")
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _bound(token: Token, key: str) -> str:
    return text(at(token.spec, ("boundObjectRef", key)))


TOKEN: Fields[Token] = Fields(
    {
        "token.user": _user,
        "token.audience": lambda token: token.audience,
        "token.expiration_seconds": _seconds,
        "token.bound_kind": lambda token: _bound(token, "kind"),
        "token.bound_name": lambda token: _bound(token, "name"),
    }
)
