"""Redaction: what a match copies from an event holds no secret material.

Clients put credentials where the audit log keeps them: in exec arguments, in query strings,
in annotations. The name of a secret stays, because it is evidence; its value goes. Text is
bounded first, and every pattern reads it once, so that a hostile text costs no more than
another. Control characters are left to the sinks, which know their own.
"""

import re
from collections.abc import Callable
from urllib.parse import unquote_plus

MAX_CHARACTERS = 1_024
"""Length of what is kept; a longer value ends in an ellipsis."""

READ_CHARACTERS = 4 * MAX_CHARACTERS
"""What is searched, so that a secret across the cut is seen as a whole."""

HIDDEN = "[redacted]"

_NAMES = r"(?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|private[_-]?key|credential)"
_VALUE = r"""(?:"(?:[^"\\]|\\.)*"?|'[^']*'?|[^\s"'&,;|)}\]]+\]?)"""

_Replace = str | Callable[[re.Match[str]], str]


def _hide_secret_key(match: re.Match[str]) -> str:
    """Forty characters are an AWS secret key only when they mix cases and digits."""
    text = match[0]
    kinds = (str.isupper, str.islower, str.isdigit)
    return HIDDEN if all(any(map(kind, text)) for kind in kinds) else text


_PATTERNS: tuple[tuple[re.Pattern[str], _Replace], ...] = (
    # PEM private keys, with or without their end
    (
        re.compile(
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----"
            r"(?:[^-]|-(?!----END))*+(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----)?"
        ),
        HIDDEN,
    ),
    # JSON web tokens, and other base64 of a JSON object such as registry credentials
    (re.compile(r"eyJ[A-Za-z0-9_\-+/=]{8,}+(?:\.[A-Za-z0-9_\-+/=]*+){0,4}"), HIDDEN),
    # Presigned tokens of EKS, session tokens of AWS, tokens of common services
    (re.compile(r"k8s-aws-v1\.[A-Za-z0-9_\-]++"), HIDDEN),
    (re.compile(r"\b(?:IQoJ|FwoG|FQoG)[A-Za-z0-9/+=]{40,}+"), HIDDEN),
    (re.compile(r"\b(?:gh[oprsu]_|github_pat_|glpat-|xox[abprs]-|sk_live_)[\w\-]{10,}+"), HIDDEN),
    # Authorization headers
    (re.compile(r"(?i)(\bbearer(?:\s|%20|\+)+)[\w.~+/=\-]{8,}+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)(\bauthorization:\s*+basic\s++)[\w+/=\-]++"), rf"\1{HIDDEN}"),
    # User and password in a URL, user and password of curl
    (
        re.compile(r"(?i)(\b[a-z][a-z0-9+.\-]{0,20}:/{1,2}[^\s/@:]{0,256}):[^\s/@]{1,256}@"),
        rf"\1:{HIDDEN}@",
    ),
    (re.compile(r"(\s(?:-u|--user)[ =]?[^\s:]{1,256}):\S++"), rf"\1:{HIDDEN}"),
    # The short password options of clients that have one
    (
        re.compile(r"\b((?:sshpass|mysql\w{0,10}|mariadb\w{0,10})\b[^|;&\n]{0,200}?\s-p\s?)\S++"),
        rf"\1{HIDDEN}",
    ),
    # name=value, "name": "value", name: value, --name value
    (
        re.compile(
            rf"(?i)({_NAMES}[\w.\-]{{0,40}}+(?:[\"']?\s{{0,4}}=\s{{0,4}}|[\"']\s{{0,4}}:\s{{0,4}}|:\s{{1,4}}))"
            rf"{_VALUE}"
        ),
        rf"\1{HIDDEN}",
    ),
    (
        re.compile(rf"(?i)((?:^|[\s=])--?[\w\-]{{0,40}}?{_NAMES}[\w\-]{{0,40}}+\s{{1,4}}){_VALUE}"),
        rf"\1{HIDDEN}",
    ),
    # The same as two arguments of an exec request
    (
        re.compile(rf"(?i)(=--?[\w\-]{{0,40}}?{_NAMES}[\w\-]{{0,40}}+&command=)[^&\s]++"),
        rf"\1{HIDDEN}",
    ),
    # AWS secret access keys
    (
        re.compile(r"(?<![A-Za-z0-9/+=])[A-Za-z0-9+][A-Za-z0-9/+]{39}(?![A-Za-z0-9/+=])"),
        _hide_secret_key,
    ),
)


_TRIGGER = re.compile(
    r"-----BEGIN|eyJ|k8s-aws-v1|IQoJ|FwoG|FQoG|gh[oprsu]_|github_pat_|glpat-|xox[abprs]-|sk_live_"
    rf"|(?i:bearer|authorization|:/|\s(?:-u|-p)|--user|{_NAMES})|[A-Za-z0-9/+]{{40}}"
)
"""What any of the patterns begins with; most texts have none of it and cost one search."""


def redact(text: str) -> str:
    """Return the text without secret material, at most 1,024 characters long.

    A percent-encoded text that holds any comes back decoded.
    """
    found = _without_secrets(text[:READ_CHARACTERS])
    if len(found) <= MAX_CHARACTERS and len(text) <= READ_CHARACTERS:
        return found
    return found[: MAX_CHARACTERS - 1] + "…"


def _without_secrets(text: str) -> str:
    """Return the text as it is, or decoded where only decoding shows what it holds."""
    if "%" in text:
        decoded = unquote_plus(text)
        shown = _hidden(decoded)
        if shown != decoded:
            return shown
    return _hidden(text)


def _hidden(text: str) -> str:
    if not _TRIGGER.search(text):
        return text
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text
