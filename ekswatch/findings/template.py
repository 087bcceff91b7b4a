"""Templates of detections, filled: messages and runbooks for people, commands for a shell.

A template is trusted, what is put into it is not.
"""

import re
import shlex
from collections.abc import Callable, Mapping

from ekswatch.audit.event import Value

FIELD = re.compile(r"\{([A-Za-z][A-Za-z0-9_.\-/]*)\}")
"""`{actor.name}`; what starts otherwise, as in the JSON path `{.status}`, is left alone."""

MISSING = "-"
VALUE_CHARS = 300
MEMBERS_SHOWN = 5
SHELL_CHARS = 1_024
SHELL_MEMBERS = 10
"""Longer values, and members after the first ten, are of no use in a command."""


def message(
    template: str,
    values: Mapping[str, Value],
    escape: Callable[[str], str],
) -> str:
    """The template with each `{field}` replaced by its escaped value, `-` where there is none.

    Units: a value is cut at 300 characters, several values at the first five.
    """
    return FIELD.sub(lambda found: escape(shown(values.get(found[1]))), template)


def shown(value: Value) -> str:
    """A value as people read it: several joined by a comma, long ones cut, none as `-`."""
    if isinstance(value, tuple):
        more = f" and {len(value) - MEMBERS_SHOWN} more" if len(value) > MEMBERS_SHOWN else ""
        return ", ".join(_cut(member) for member in value[:MEMBERS_SHOWN]) + more or MISSING
    return _cut(_text(value)) or MISSING


def command(template: str, values: Mapping[str, Value]) -> str | None:
    """The command with each value quoted for a POSIX shell.

    Returns None where it could not be right or safe: a field is missing, a value would read
    as an option or holds a character that cannot be pasted, or a value that needs quotes
    would land inside quotes of the template. Several values become several words.
    """
    words: dict[str, str] = {}
    for found in FIELD.finditer(template):
        quoted = _quoted(values.get(found[1]))
        if quoted is None:
            return None
        if "'" in quoted and _inside_quotes(template[: found.start()]):
            return None
        words[found[1]] = quoted
    return FIELD.sub(lambda found: words[found[1]], template)


def _quoted(value: Value) -> str | None:
    members = value if isinstance(value, tuple) else (_text(value),)
    if not members or not all(_fits_a_shell(member) for member in members):
        return None
    return " ".join(shlex.quote(member) for member in members[:SHELL_MEMBERS])


def _text(value: str | int | float | bool | None) -> str:
    """A scalar as text, nothing where there is none."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _fits_a_shell(text: str) -> bool:
    return text.isprintable() and 0 < len(text) <= SHELL_CHARS and not text.startswith("-")


def _inside_quotes(text: str) -> bool:
    """Whether a shell that has read this text is still inside quotes."""
    open_quote = ""
    escaped = False
    for character in text:
        if escaped:
            escaped = False
        elif character == "\\" and open_quote != "'":
            escaped = True
        elif open_quote:
            open_quote = "" if character == open_quote else open_quote
        elif character in "'\"":
            open_quote = character
    return bool(open_quote)


def _cut(text: str) -> str:
    return text if len(text) <= VALUE_CHARS else text[: VALUE_CHARS - 1] + "…"
