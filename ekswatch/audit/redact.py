"""Redaction: what a match copies from an event holds no secret material.

Clients put credentials where the audit log keeps them: in exec arguments, in query strings,
in annotations. The name of a secret stays, because it is evidence; its value goes. Text is
bounded first, and every pattern reads it once, so that a hostile text costs no more than
another. Control characters are left to the sinks, which know their own.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class _Pattern:
    """What is searched and what replaces it, if any of `marks` and any of `also` is in the text.

    Both are in folded case; a text with none of them costs no search.
    """

    marks: tuple[str, ...]
    regex: re.Pattern[str]
    replace: _Replace
    also: tuple[str, ...] = ("",)

    def hide(self, text: str, folded: str) -> str:
        if _holds_any(folded, self.also) and _holds_any(folded, self.marks):
            return self.regex.sub(self.replace, text)
        return text


def _holds_any(text: str, marks: tuple[str, ...]) -> bool:
    for mark in marks:  # noqa: SIM110 - any() with a generator costs three times as much
        if mark in text:
            return True
    return False


_NAME_MARKS = (
    *("passw", "passphrase", "pwd", "secret", "token", "credential"),
    *("apikey", "api_key", "api-key", "privatekey", "private_key", "private-key"),
)
"""Of these one is in every text that holds one of `_NAMES`."""

_PATTERNS: tuple[_Pattern, ...] = (
    # PEM private keys, with or without their end
    _Pattern(
        ("-----begin",),
        re.compile(
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----"
            r"(?:[^-]|-(?!----END))*+(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----)?"
        ),
        HIDDEN,
    ),
    # JSON web tokens, and other base64 of a JSON object such as registry credentials
    _Pattern(
        ("eyj",),
        re.compile(r"eyJ[A-Za-z0-9_\-+/=]{8,}+(?:\.[A-Za-z0-9_\-+/=]*+){0,4}"),
        HIDDEN,
    ),
    # Presigned tokens of EKS, session tokens of AWS, tokens of common services
    _Pattern(("k8s-aws-v1",), re.compile(r"k8s-aws-v1\.[A-Za-z0-9_\-]++"), HIDDEN),
    _Pattern(
        ("iqoj", "fwog", "fqog"),
        re.compile(r"\b(?:IQoJ|FwoG|FQoG)[A-Za-z0-9/+=]{40,}+"),
        HIDDEN,
    ),
    _Pattern(
        ("gho_", "ghp_", "ghr_", "ghs_", "ghu_", "github_pat_", "glpat-", "xox", "sk_live_"),
        re.compile(r"\b(?:gh[oprsu]_|github_pat_|glpat-|xox[abprs]-|sk_live_)[\w\-]{10,}+"),
        HIDDEN,
    ),
    # Authorization headers
    _Pattern(
        ("bearer",),
        re.compile(r"(?i)(\bbearer(?:\s|%20|\+)+)[\w.~+/=\-]{8,}+"),
        rf"\1{HIDDEN}",
    ),
    _Pattern(
        ("authorization:",),
        re.compile(r"(?i)(\bauthorization:\s*+basic\s++)[\w+/=\-]++"),
        rf"\1{HIDDEN}",
    ),
    # User and password in a URL, user and password of curl
    _Pattern(
        (":/",),
        re.compile(r"(?i)(\b[a-z][a-z0-9+.\-]{0,20}:/{1,2}[^\s/@:]{0,256}):[^\s/@]{1,256}@"),
        rf"\1:{HIDDEN}@",
        also=("@",),
    ),
    _Pattern(
        ("-u",),
        re.compile(r"(\s(?:-u|--user)[ =]?[^\s:]{1,256}):\S++"),
        rf"\1:{HIDDEN}",
        also=(":",),
    ),
    # The short password options of clients that have one
    _Pattern(
        ("sshpass", "mysql", "mariadb"),
        re.compile(r"\b((?:sshpass|mysql\w{0,10}|mariadb\w{0,10})\b[^|;&\n]{0,200}?\s-p\s?)\S++"),
        rf"\1{HIDDEN}",
        also=("-p",),
    ),
    # name=value, "name": "value", name: value, --name value
    _Pattern(
        _NAME_MARKS,
        re.compile(
            rf"(?i)({_NAMES}[\w.\-]{{0,40}}+(?:[\"']?\s{{0,4}}=\s{{0,4}}|[\"']\s{{0,4}}:\s{{0,4}}|:\s{{1,4}}))"
            rf"{_VALUE}"
        ),
        rf"\1{HIDDEN}",
        also=("=", ":"),
    ),
    _Pattern(
        _NAME_MARKS,
        re.compile(rf"(?i)((?:^|[\s=])--?[\w\-]{{0,40}}?{_NAMES}[\w\-]{{0,40}}+\s{{1,4}}){_VALUE}"),
        rf"\1{HIDDEN}",
        also=("-",),
    ),
    # The same as two arguments of an exec request
    _Pattern(
        _NAME_MARKS,
        re.compile(rf"(?i)(=--?[\w\-]{{0,40}}?{_NAMES}[\w\-]{{0,40}}+&command=)[^&\s]++"),
        rf"\1{HIDDEN}",
        also=("&command=",),
    ),
)

_SECRET_KEY = re.compile(r"(?<![A-Za-z0-9/+=])[A-Za-z0-9+][A-Za-z0-9/+]{39}(?![A-Za-z0-9/+=])")
"""AWS secret access keys, which have no mark but their length."""

SECRET_KEY_CHARACTERS = 40

_LONG_RUN = re.compile(r"[A-Za-z0-9/+]{40}")
"""In every text that holds such a key; found faster than the key."""

_HINTS = (
    *("pass", "pwd", "secret", "token", "credential", "apikey", "privatekey", "eyj"),
    *("iqoj", "fwog", "fqog", "xox", "bearer", "authorization:", ":/", "mysql", "mariadb"),
)
_HINTS_WITH_DASH = ("-----begin", "k8s-aws-v1", "glpat-", "-u", "api-key", "private-key")
_HINTS_WITH_UNDERSCORE = (
    *("gho_", "ghp_", "ghr_", "ghs_", "ghu_", "github_pat_", "sk_live_", "api_key", "private_key"),
)
"""Parts of all marks: a text without any of them holds no secret but such a key. Most are so."""


def _may_hold_secrets(folded: str) -> bool:
    return (
        _holds_any(folded, _HINTS)
        or ("-" in folded and _holds_any(folded, _HINTS_WITH_DASH))
        or ("_" in folded and _holds_any(folded, _HINTS_WITH_UNDERSCORE))
    )


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
    folded = text.casefold()
    if _may_hold_secrets(folded):
        for pattern in _PATTERNS:
            text = pattern.hide(text, folded)
    if len(text) < SECRET_KEY_CHARACTERS or not _LONG_RUN.search(text):
        return text
    return _SECRET_KEY.sub(_hide_secret_key, text)
