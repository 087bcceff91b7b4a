"""The view command: what a request runs in a container.

The words are in the request URI, one `command` parameter each. The audit verb is get for
clients that open a WebSocket and create for older ones, so the subresource decides.
"""

from ekswatch.audit.event import AuditEvent, Value
from ekswatch.audit.facts import request_path
from ekswatch.audit.lenient import flag, mapping, text, texts
from ekswatch.audit.views.row import Row, row

SUBRESOURCES = ("exec", "attach")


def command_rows(event: AuditEvent) -> tuple[Row, ...]:
    if not _runs(event):
        return ()
    options = mapping(event.request)
    words = tuple(value for key, value in event.query if key == "command")
    words = words or texts(options.get("command"))
    fields: dict[str, Value] = {
        "command.words": words,
        "command.text": " ".join(words),
        "command.word": words[0].rstrip("/").rpartition("/")[2] if words else "",
        "command.tty": _switch(event, "tty") or flag(options.get("tty")),
        "command.stdin": _switch(event, "stdin") or flag(options.get("stdin")),
        "command.container": _parameter(event, "container") or text(options.get("container")),
    }
    return (row(fields),)


def _runs(event: AuditEvent) -> bool:
    ref = event.objectRef
    if ref.resource:
        return ref.resource == "pods" and ref.subresource in SUBRESOURCES
    path = request_path(event) or ""
    return path.startswith("/api/v1/namespaces/") and path.rpartition("/")[2] in SUBRESOURCES


def _parameter(event: AuditEvent, name: str) -> str:
    return next((value for key, value in event.query if key == name), "")


def _switch(event: AuditEvent, name: str) -> bool:
    """Source: the API server reads booleans of a query so: absent, 0 and false are false."""
    value = next((value for key, value in event.query if key == name), None)
    return value is not None and value.lower() not in ("0", "false")
