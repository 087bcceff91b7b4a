"""What a command line says: the layers that hide it, and the hosts that it names.

Whoever types a command may write it percent-encoded, in Base64, or with quotes that the shell
drops. One layer of each is taken off, once and within limits, so that patterns need not know
them and no text can make reading slow.
"""

import binascii
import ipaddress
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator
from urllib.parse import unquote

from ekswatch.audit.addresses import address_class

END_CHARACTERS = 131_072
"""Of a command longer than twice this only both ends are read; Linux allows as much for a word."""

BLOB = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
"""Shorter ones hide no command; words and paths of this length decode to unprintable bytes."""

UNQUOTED = str.maketrans("", "", "'\"\\`^")
BLANK_VARIABLE = re.compile(r"\$\{IFS\}|\$IFS(?:\$\d)?")


def readings(command: str) -> tuple[str, ...]:
    """Return the command as written, and then what its encodings and quotes hide, each once.

    What is in several Base64 texts is one reading, a line each.
    """
    if not command:
        return ()
    written = command
    if len(command) > 2 * END_CHARACTERS:
        written = f"{command[:END_CHARACTERS]} {command[-END_CHARACTERS:]}"
    plain = unquote(written) if "%" in written else written
    texts = [text for text in (written, plain, _hidden(written), _hidden(plain)) if text]
    return tuple(dict.fromkeys((*texts, *map(_unquoted, texts))))


def _unquoted(text: str) -> str:
    """The text as a shell joins it: c'u'rl is curl, and a variable may be the blank."""
    if "IFS" in text:
        text = BLANK_VARIABLE.sub(" ", text)
    return text.translate(UNQUOTED)


def _hidden(text: str) -> str:
    return "\n".join(filter(None, map(_decoded, BLOB.findall(text))))


def _decoded(blob: str) -> str:
    """Return the text that a Base64 blob is of, empty when it is none.

    UTF-16 is what PowerShell encodes its commands in.
    """
    body = blob.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        raw = b64decode(body + "=" * (-len(body) % 4), validate=True)
    except (binascii.Error, ValueError):
        return ""
    encoding = "utf-16-le" if raw[1::2].count(0) > len(raw) // 4 else "utf-8"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        return ""
    return text if all(char.isprintable() or char.isspace() for char in text) else ""


URL = re.compile(
    r"\b([a-z][a-z0-9+.-]{1,15})://(?:[^\s/@'\"]{0,200}@)?(\[[0-9a-f:.%]+\]|[\w.-]+)(?::\d+)?([^\s'\"|;&<>)]*)",
    re.I,
)
DEVICE = re.compile(r"/dev/(?:tcp|udp)/([\w.:-]+)/")
BARE_ADDRESS = re.compile(r"(?:^|[\s'\"=@(])(\d{1,3}(?:\.\d{1,3}){3})(?![\w.])")
BARE_NAME = re.compile(r"(?:^|[\s'\"=@(])((?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24})(?=/|:\d)", re.I)

STORES = frozenset({"gs", "s3"})
"""Schemes whose host is a bucket, which is never inside a cluster."""

HEALTH = re.compile(
    r"^/(?:[\w-]+/)?(?:health\w*|livez?|liveness|readyz?|readiness|ping|metrics|version|status"
    r"|\.well-known/\S*|openid/\S*)/?(?:\?\S*)?$",
    re.I,
)

INSIDE = (".cluster.local", ".svc", ".local", ".localhost", ".internal", ".eks.amazonaws.com")
"""Ends of names that only a cluster, its network or its own endpoint has."""

PUBLIC_SUFFIXES = frozenset(
    {
        *("app", "biz", "bid", "blog", "cat", "click", "cloud", "club", "com", "dev"),
        *(
            "download",
            "edu",
            "email",
            "example",
            "fun",
            "gov",
            "host",
            "icu",
            "info",
            "int",
            "life",
        ),
        *("link", "live", "lol", "mil", "mobi", "mov", "name", "net", "network", "news"),
        *("ninja", "one", "online", "org", "page", "pics", "pro", "rest", "run", "site", "sbs"),
        *("shop", "space", "store", "stream", "support", "tech", "tools", "top", "uno"),
        *("website", "wiki", "win", "work", "world", "wtf", "xxx", "xyz", "zip", "zone"),
    }
)
"""Generic domains that names of two parts end in; of two letters are those of countries."""


def outside_hosts(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the hosts outside of the cluster that commands name, each once, lower case.

    Loopback and private addresses, names without a dot, and names of services are inside. A
    name of two parts is a service with its namespace unless it ends like a public domain. A
    URL that asks for health or metadata of an issuer is left out.
    """
    hosts = (host for text in texts for host in _hosts(text))
    return tuple(dict.fromkeys(host for host in hosts if host))


def _hosts(text: str) -> Iterator[str]:
    for scheme, host, path in URL.findall(text):
        if scheme.lower() in STORES:
            yield host.lower()
        elif not HEALTH.match(path):
            yield _outside(host)
    for pattern in (DEVICE, BARE_ADDRESS, BARE_NAME):
        for host in pattern.findall(text):
            yield _outside(host)


def _outside(host: str) -> str:
    """Return the host in lower case, empty when it is inside."""
    name = host.strip("[]").rstrip(".").lower()
    if address := _address(name):
        return address if address_class(address) == "public" else ""
    head, dot, suffix = name.rpartition(".")
    if not dot or name.endswith(INSIDE) or ".svc." in name:
        return ""
    if "." in head or len(suffix) == 2 or suffix in PUBLIC_SUFFIXES:
        return name
    return ""


def _address(host: str) -> str:
    """Return an address as it is mostly written, be it given as one number; else nothing."""
    try:
        if host.isdecimal() or host.startswith("0x"):
            return str(ipaddress.IPv4Address(int(host, 16 if host.startswith("0x") else 10)))
        return str(ipaddress.ip_address(host))
    except ValueError:
        return ""
