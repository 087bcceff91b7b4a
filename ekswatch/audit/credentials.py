"""Credentials: where a container's settings hold one in plain text. What it is never leaves here.

A value is one when it has the form of one, or when its name says so and it is no reference,
path or placeholder. Patterns run under RE2 and on the beginning of a text, so that no text can
make reading slow.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import re2  # type: ignore[import-untyped]  # the package has no type hints

TEXT_CHARACTERS = 8_192
"""Read of one value; a key or a connection string is shorter."""

SETTINGS = 1_000
"""Variables or words read of one container; charts of many variables have some hundred."""

NAME_CHARACTERS = 64
"""Shown of a variable's name."""

FORMS: Sequence[tuple[str, Any]] = tuple(
    (kind, re2.compile(pattern))
    for kind, pattern in (
        ("private-key", r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY"),
        # the same in Base64: PKCS #8, RSA, EC, OpenSSH
        (
            "private-key",
            r"LS0tLS1CRUdJTiB(?:QUklWQVRF|SU0EgUFJJVkFUR|FQyBQUklWQVRF|PUEVOU1NIIFBSSVZBVE)",
        ),
        ("access-key", r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b"),
        ("token", r"\b(?:gh[oprsu]_|github_pat_|glpat-|npm_|xox[abeprs]-|sk_live_)[\w-]{16}"),
        ("token", r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"),
        ("token", r"\bAIza[\w-]{35}"),
        ("token", r"\b[Bb]earer [\w.~+/-]{16}"),
        ("token", r"https://hooks\.slack\.com/services/T\w{6,}/B\w{6,}/\w{16,}"),
    )
)
"""What a credential looks like, whatever it is called."""

MARK = re2.compile(
    r"-----BEGIN|LS0tLS1CRUdJTiB|A(?:KIA|SIA|Iza)|gh[oprsu]_|github_pat_|glpat-|npm_|xox|sk_live_"
    r"|eyJ|[Bb]earer |//|[;&?]"
)
"""In every text that one of the forms or connections is in. Most texts hold none."""

SAMPLES = ("EXAMPLE",)
"""How the access keys of documentation end."""

CONNECTIONS = tuple(
    re2.compile(pattern)
    for pattern in (
        r"(?i)\b[a-z][a-z0-9+.-]{1,30}://[^\s/:@]{0,128}:([^\s/@]{1,256})@",
        r"(?i);\s{0,4}(?:accountkey|sharedaccesskey|password|pwd)\s{0,4}=\s{0,4}([^;\s]{1,256})",
        r"(?i)[?&]password=([^&\s]{1,256})",
    )
)
"""Texts that name a service and the password for it, which is the group."""

_KEYS = "access|account|api|auth|encryption|master|private|secret|shared|signing"
NAMES: Sequence[tuple[str, Any]] = tuple(
    (kind, re2.compile(rf"(?i){pattern}[_.-]?\d{{0,2}}$"))
    for kind, pattern in (
        ("access-key", r"secret_?access_?key"),
        ("password", r"(?:password|passwd|passphrase)"),
        ("password", r"(?:^|[_.-])(?:pass|pwd)"),
        ("password", r"^rediscli_auth"),
        ("token", r"token"),
        ("secret", rf"(?:secret|credentials?|(?:{_KEYS})[_-]?key)"),
    )
)
"""Names, by their end: DB_PASSWORD holds one, PASSWORD_FILE and SECRET_NAME do not."""

NAME_MARK = re2.compile(r"(?i)pass|pwd|auth|token|secret|credential|key")
"""In every such name."""

WORD = re2.compile(
    r"(?i)(?:^|[\s'\"])(?:-{1,2}([a-z][\w.-]{0,63})(?:=|\s{1,4})|([a-z_]\w{0,63})=)"
    r"(?:\"([^\"]*)|'([^']*)|([^\s\"';&|-][^\s\"';&|]*))"
)
"""A setting within a word: --name=value, NAME=value, or --name value of a shell's line."""

SETTINGS_IN_WORDS = 500
"""Read of one container's words together, as a shell's line may set many."""

SHORT_OPTION = re2.compile(r"\b(?:mysql|mariadb|sshpass)\w{0,10}\b[^|;&\n]{0,200}?\s-p\s?[^\s$-]")
"""The password option of clients that have a short one."""

REFERENCE = re2.compile(
    r"(?i)^(?:[$/.%<{*~]|file:|vault:|arn:|ref\+|op:|ssm:|sm:|secretref|secretsmanager|awssm|https?:)"
)
"""Where a credential is to be found, not the credential itself."""

PLACEHOLDER = re2.compile(
    r"(?i)change.?me|example|placeholder|redacted|dummy|your[-_ ]|todo|replace|x{4}|\*{3}|\$[({]"
)

SETTING = re2.compile(
    r"(?i)^(?:true|false|yes|no|on|off|none|null|nil|undefined|enabled|disabled|default|required"
    r"|optional|basic|bearer|\d{1,5})$"
)
"""What a switch or a limit is set to, as in USE_TOKEN and MAX_TOKEN."""

OBJECT_NAME = re2.compile(r"^[a-z]+(?:-[a-z0-9]+)+$")
"""Names of objects in the cluster, as in WEBHOOK_SECRET=webhook-tls."""

SHORTEST = 4


def credentials(
    variables: Iterable[tuple[str, str]], words: Iterable[tuple[str, Sequence[str]]]
) -> tuple[str, ...]:
    """Return what kinds of credential stand where, each once, without the credentials.

    Shape: `variables` are names and values; `words` are a place, as in args, and its words.
    As in "password in env DB_PASSWORD", "access-key in args[2]".
    """
    found = (*_in_variables(variables), *_in_words(words))
    return tuple(dict.fromkeys(found))


def _in_variables(variables: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, value in islice(variables, SETTINGS):
        if kind := _form(value) or _named(name, value):
            yield f"{kind} in env {name[:NAME_CHARACTERS]}"


def _in_words(places: Iterable[tuple[str, Sequence[str]]]) -> Iterator[str]:
    left = SETTINGS_IN_WORDS
    for place, words in places:
        option = ""
        for index, word in enumerate(words[:SETTINGS]):
            kind = _form(word) or _named(option, word)
            if not kind:
                kind, read = _within(word, left)
                left -= read
            if kind:
                yield f"{kind} in {place}[{index}]"
            option = word[:NAME_CHARACTERS].lstrip("-") if word.startswith("-") else ""


def _form(value: str) -> str:
    """Return the kind of credential that the text has the form of, or holds; else nothing."""
    text = value[:TEXT_CHARACTERS]
    if not MARK.search(text):
        return ""
    for kind, pattern in FORMS:
        found = pattern.search(text)
        if found and not found[0].endswith(SAMPLES):
            return kind
    for pattern in CONNECTIONS:
        found = pattern.search(text)
        if found and _is_plain(found[1]):
            return "connection-string"
    return ""


def _named(name: str, value: str) -> str:
    """Return the kind of credential that the name says the value is; else nothing."""
    if len(value) < SHORTEST or not NAME_MARK.search(name[:TEXT_CHARACTERS]):
        return ""
    for kind, pattern in NAMES:
        if pattern.search(name[:TEXT_CHARACTERS]):
            plain = _is_plain(value.strip())
            return kind if plain and not (kind == "secret" and OBJECT_NAME.match(value)) else ""
    return ""


def _within(word: str, most: int) -> tuple[str, int]:
    """Return the kind of credential that a word sets, if any, and how many settings were read."""
    text = word[:TEXT_CHARACTERS]
    if "=" not in text and " " not in text:
        return "", 0
    if SHORT_OPTION.search(text):
        return "password", 0
    read = 0
    for found in islice(WORD.finditer(text), most):
        read += 1
        option, name, *values = found.groups()
        value = next((one for one in values if one), "")
        if kind := _named(option or name, value):
            return kind, read
    return "", read


def _is_plain(value: str) -> bool:
    text = value[:TEXT_CHARACTERS]
    return (
        len(text) >= SHORTEST
        and not text.startswith("-")
        and not any(pattern.search(text) for pattern in (REFERENCE, PLACEHOLDER, SETTING))
    )
