"""The view command: what a request runs in a container.

The words are in the request URI, one `command` parameter each. The audit verb is get for
clients that open a WebSocket and create for older ones, so the subresource decides.
"""

from collections.abc import Mapping

from ekswatch.audit.commands import outside_hosts, readings
from ekswatch.audit.event import AuditEvent, Json
from ekswatch.audit.facts import request_path
from ekswatch.audit.lenient import flag, mapping, text, texts
from ekswatch.audit.views.row import Fields, Row

SUBRESOURCES = ("exec", "attach")


def command_rows(event: AuditEvent) -> tuple[Row, ...]:
    return (Row((COMMAND, event)),) if _runs(event) else ()


def _runs(event: AuditEvent) -> bool:
    ref = event.objectRef
    if ref.resource:
        return ref.resource == "pods" and ref.subresource in SUBRESOURCES
    path = request_path(event) or ""
    return path.startswith("/api/v1/namespaces/") and path.rpartition("/")[2] in SUBRESOURCES


def _words(event: AuditEvent) -> tuple[str, ...]:
    words = tuple(value for key, value in event.query if key == "command")
    return words or texts(_options(event).get("command"))


def _text(event: AuditEvent) -> str:
    return " ".join(_words(event))


def _word(event: AuditEvent) -> str:
    words = _words(event)
    return words[0].rstrip("/").rpartition("/")[2] if words else ""


def _options(event: AuditEvent) -> Mapping[str, Json]:
    return mapping(event.request)


def _parameter(event: AuditEvent, name: str) -> str:
    return next((value for key, value in event.query if key == name), "")


def _switch(event: AuditEvent, name: str) -> bool:
    """Source: the API server reads booleans of a query so: absent, 0 and false are false."""
    value = next((value for key, value in event.query if key == name), None)
    return value is not None and value.lower() not in ("0", "false")


COMMAND: Fields[AuditEvent] = Fields(
    {
        "command.words": _words,
        "command.text": _text,
        "command.decoded": lambda event: readings(_text(event)),
        "command.outside_hosts": lambda event: outside_hosts(readings(_text(event))),
        "command.word": _word,
        "command.tty": lambda event: _switch(event, "tty") or flag(_options(event).get("tty")),
        "command.stdin": lambda event: (
            _switch(event, "stdin") or flag(_options(event).get("stdin"))
        ),
        "command.container": lambda event: (
            _parameter(event, "container") or text(_options(event).get("container"))
        ),
    }
)
