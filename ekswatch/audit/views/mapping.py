"""The view mapping: which IAM principal is which user and groups, by the config map aws-auth.

It holds YAML in strings. What people and tools write there is a small part of YAML, or JSON,
and only that part is read; an entry in another form is marked as not plain, with its text.
Source: aws-iam-authenticator, README, "Full Configuration Format"; Amazon EKS user guide.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from ekswatch.audit.event import AuditEvent, Json
from ekswatch.audit.lenient import items, mapping, text, texts
from ekswatch.audit.resources import CORE
from ekswatch.audit.views.row import Fields, Row
from ekswatch.audit.views.written import Target, Written, written

CONFIG_MAPS = Target({"configmaps": "ConfigMap"}, groups=(CORE,))
NAMESPACE, NAME = "kube-system", "aws-auth"

KINDS = {"mapRoles": "role", "mapUsers": "user", "mapAccounts": "account"}

PAIR = re.compile(r"([A-Za-z]+|'[A-Za-z]+'|\"[A-Za-z]+\"):(?:\s+(.*))?$")
COMMENT = re.compile(r"(?:^|\s)#.*$")
NOT_PLAIN = re.compile(r"[&*!|>{}%@`\\]|<<|\[.*\[")
TEMPLATE = re.compile(r"\{\{\w+\}\}")
"""What the authenticator fills in, as in system:node:{{EC2PrivateDNSName}}."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. `plain` is false where it has forms that are not read here."""

    text: str
    values: Mapping[str, str | tuple[str, ...]]
    plain: bool = True

    def value(self, key: str) -> str:
        found = self.values.get(key, "")
        return found if isinstance(found, str) else ""

    @property
    def arn(self) -> str:
        return self.value("rolearn") or self.value("userarn")

    @property
    def groups(self) -> tuple[str, ...]:
        found = self.values.get("groups", ())
        return found if isinstance(found, tuple) else (found,)


@dataclass(frozen=True, slots=True)
class Mapped:
    """An entry of aws-auth in the place where it stands."""

    found: Written
    key: str
    entry: Entry

    @property
    def account(self) -> str:
        parts = self.entry.arn.split(":")
        return parts[4] if len(parts) > 5 else self.entry.value("account")


def mapping_rows(event: AuditEvent) -> tuple[Row, ...]:
    ref = event.objectRef
    if ref.resource and (ref.namespace, ref.name) not in ((NAMESPACE, NAME), (NAMESPACE, "")):
        return ()
    found = written(event, CONFIG_MAPS)
    if found is None or (found.namespace, found.name) != (NAMESPACE, NAME):
        return ()
    data = mapping(found.object.get("data"))
    return tuple(
        Row((MAPPING, Mapped(found, key, entry)))
        for key in KINDS
        for entry in entries(text(data.get(key)))
    )


def entries(written_text: str) -> tuple[Entry, ...]:
    """The entries of mapRoles, mapUsers or mapAccounts, in order."""
    if written_text.lstrip().startswith(("[", "{")):
        return tuple(map(_of_json, _json_list(written_text)))
    return tuple(map(_of_lines, _blocks(written_text)))


def _json_list(written_text: str) -> list[Json]:
    try:
        return items(msgspec.json.decode(written_text)) or [written_text]
    except (msgspec.DecodeError, RecursionError):
        return [written_text]


def _of_json(value: Json) -> Entry:
    shown = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    if isinstance(value, str | int) and str(value).isdecimal():
        return Entry(shown, {"account": str(value)})
    values: dict[str, str | tuple[str, ...]] = {
        key.lower(): texts(inner) if isinstance(inner, list) else text(inner)
        for key, inner in mapping(value).items()
    }
    return Entry(shown, values, plain=isinstance(value, dict))


def _blocks(written_text: str) -> Iterator[list[str]]:
    """The lines of each entry; an entry starts with a dash as far left as the first one."""
    block: list[str] = []
    margin = None
    for raw in written_text.splitlines():
        line = COMMENT.sub("", raw).rstrip()
        if not line.strip() or line.startswith("---"):
            continue
        indent = len(line) - len(line.lstrip())
        margin = indent if margin is None else margin
        if block and indent <= margin and line.lstrip().startswith("-"):
            yield block
            block = []
        block.append(line.strip())
    if block:
        yield block


def _of_lines(lines: list[str]) -> Entry:
    values: dict[str, str | list[str]] = {}
    key, plain = "", lines[0].startswith("-")
    first = lines[0].removeprefix("-").strip()
    if first and not PAIR.match(first):
        return Entry(first, {"account": _unquoted(first)}, plain=_unquoted(first).isdecimal())
    for line in filter(None, (first, *lines[1:])):
        plain = plain and not NOT_PLAIN.search(TEMPLATE.sub("", line))
        if line.startswith("- "):
            several = values.get(key)
            values[key] = several = several if isinstance(several, list) else []
            several.append(_unquoted(line[2:]))
        elif pair := PAIR.match(line):
            key = _unquoted(pair[1]).lower()
            values[key] = _value(pair[2] or "")
        else:
            plain = False
    read = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    return Entry("\n".join((first, *lines[1:])), read, plain)


def _value(written_text: str) -> str | list[str]:
    stripped = written_text.strip()
    if stripped.startswith("[") and stripped.endswith("]"):
        return [*filter(None, map(_unquoted, stripped[1:-1].split(",")))]
    return _unquoted(stripped)


def _unquoted(written_text: str) -> str:
    stripped = written_text.strip()
    quoted = len(stripped) > 1 and stripped[0] == stripped[-1] and stripped[0] in "'\""
    return stripped[1:-1] if quoted else stripped


def _is_foreign(mapped: Mapped) -> bool | None:
    """Whether the principal is in another account than the caller's; None without either."""
    own = _caller_account(mapped.found.event)
    return mapped.account != own if own and mapped.account else None


def _caller_account(event: AuditEvent) -> str:
    """The account of the IAM principal who authenticated, empty when that was none."""
    issuer, _, rest = event.user.uid.partition(":")
    return rest.partition(":")[0] if issuer == "aws-iam-authenticator" else ""


MAPPING: Fields[Mapped] = Fields(
    {
        "mapping.kind": lambda mapped: KINDS[mapped.key],
        "mapping.arn": lambda mapped: mapped.entry.arn,
        "mapping.account": lambda mapped: mapped.account,
        "mapping.foreign": _is_foreign,
        "mapping.username": lambda mapped: mapped.entry.value("username"),
        "mapping.groups": lambda mapped: mapped.entry.groups,
        "mapping.text": lambda mapped: mapped.entry.text,
        "mapping.plain": lambda mapped: mapped.entry.plain,
        "mapping.written": lambda mapped: mapped.found.touches(("data", mapped.key)),
    }
)
