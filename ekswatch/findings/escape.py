"""What text chosen by a stranger becomes before a person sees it: one function per sink.

Nearly every string of an audit event can be chosen by the caller. JSON needs no function
here, its encoder escapes; the subject of a mail is made ASCII in `text.py`.
"""

import re

SHORT_ESCAPES = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}

AUTO_LINKED = re.compile(r"(?i)(://|www\.|mailto:)")
"""What mail clients turn into a link on their own."""


def terminal(text: str) -> str:
    """Text that no terminal interprets: control, format and bidi characters are spelled out.

    Shape: one line in the result, whatever came in; printable characters stay as they are.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _spelled(c) for c in text)


def mail(text: str) -> str:
    """Text for a plain mail: as for a terminal, and what looks like a link is not one."""
    return AUTO_LINKED.sub(_unlinked, terminal(text))


def _unlinked(found: re.Match[str]) -> str:
    return found[0].replace(":", "[:]").replace(".", "[.]")


def _spelled(character: str) -> str:
    if character in SHORT_ESCAPES:
        return SHORT_ESCAPES[character]
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
