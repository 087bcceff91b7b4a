"""Corpora: the audit events that are measured on, all taken or made from recorded ones."""

import base64
import gzip
import json
import random
import re
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson

from benchmarks import ROOT

RECORDED = ROOT / "events" / "benign.jsonl.gz"
LOGGED_AT_MS = 1_795_206_232_533
LOG_GROUP = "/aws/eks/bench/cluster"
STREAM = "kube-apiserver-audit-0a1b2c3d"
ACCOUNT = "111122223333"
COMPRESSION = 6
"""gzip's usual level; the one of CloudWatch Logs is not known."""

SEED = 20261120

WORKLOADS = frozenset(
    {
        "pods",
        "deployments",
        "replicasets",
        "statefulsets",
        "daemonsets",
        "replicationcontrollers",
        "jobs",
        "cronjobs",
    }
)
WRITES = frozenset({"create", "update", "patch"})

Event = dict[str, Any]
Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Corpus:
    """Lines of an audit log. `lines(n)` gives those of pass n.

    `about` says in a phrase where they come from. `per_rule_set` if each rule set is to have
    passes of its own.
    """

    name: str
    about: str
    size: int
    lines: Callable[[int], Sequence[str]]
    per_rule_set: bool = False


@cache
def recorded() -> tuple[str, ...]:
    """Every line of the recorded benign log, in order."""
    return tuple(gzip.decompress(RECORDED.read_bytes()).decode().splitlines())


def corpora(size: int) -> tuple[Corpus, ...]:
    """The corpora; the benign mix has `size` events, or all when there are fewer.

    The others are smaller the more each of their events costs.
    """
    cheap, dear = max(size // 2, 100), max(size // 8, 100)
    return (
        benign(size),
        renewed(size),
        _chosen("leases", "reads and writes of leases", is_lease, cheap),
        _chosen("workload writes", "creates and changes of workloads", is_workload_write, dear),
        adversarial(dear),
    )


def benign(size: int) -> Corpus:
    """The recorded mix, thinned by whole blocks of consecutive events so that its shares stay."""
    lines = thinned(recorded(), size)
    return Corpus("benign mix", "recorded benign log", len(lines), lambda _: lines)


def renewed(size: int) -> Corpus:
    """The recorded mix, of which each pass creates objects of its own."""
    lines = thinned(recorded(), size)
    about = "recorded benign log, new objects in each pass"
    return Corpus("renewed mix", about, len(lines), Renewable(lines))


def adversarial(size: int) -> Corpus:
    """Recorded events in which no user, agent, address or object name occurs twice.

    Every pass has strings of its own, so that nothing an engine kept can help it.
    """
    lines = thinned(recorded(), size)

    def made(number: int) -> list[str]:
        return [*disguised(lines, seed=SEED + number)]

    about = "recorded events, unique user, agent, address, object name in each"
    return Corpus("adversarial", about, len(lines), made, per_rule_set=True)


def thinned(lines: Sequence[str], size: int, *, block: int = 100) -> tuple[str, ...]:
    """About `size` lines in blocks of consecutive ones, evenly spread; all if `size` is more."""
    if size >= len(lines):
        return tuple(lines)
    blocks = [lines[at : at + block] for at in range(0, len(lines) - block + 1, block)]
    wanted = max(size // block, 1)
    chosen = (blocks[number * len(blocks) // wanted] for number in range(wanted))
    return tuple(line for block_ in chosen for line in block_)[:size]


class Renewable:
    """Lines of a log in each pass of which the objects that it creates have other names.

    Controllers name what they make at random, so tomorrow's pods are not today's. Only those
    random parts of names change, wherever they stand, each to one that looks alike.
    """

    def __init__(self, lines: Sequence[str]) -> None:
        parts = {part for line in lines for part in _random_parts(orjson.loads(line))}
        self._lines = [_cut(line, parts) for line in lines]
        self._parts = parts

    def __call__(self, number: int) -> list[str]:
        turned = _turned_by(number)
        names = {part: part.translate(turned) for part in self._parts}
        return ["".join([names.get(piece, piece) for piece in line]) for line in self._lines]


ALPHABETS = ("bcdf", "ghjklmnpqrstvwxz", "ae", "2456789", "013")
"""Letters and digits that may take each other's place: what has no vowels or is hexadecimal
stays so."""

_words = re.compile(r"[a-z0-9]{5,16}").finditer
_is_random = re.compile(
    r"(?=[a-z]*[0-9])[a-f0-9]{8,16}|[bcdfghjklmnpqrstvwxz2456789]{5,10}"
).fullmatch


def _random_parts(event: Event) -> Iterator[str]:
    """The parts of the name of an object that the event creates which look made at random."""
    if event["verb"] == "create":
        answered = (event.get("responseObject") or {}).get("metadata") or {}
        name = event.get("objectRef", {}).get("name") or answered.get("name") or ""
        yield from (part for part in re.split(r"[-.]", name) if _is_random(part))


def _cut(line: str, parts: Container[str]) -> tuple[str, ...]:
    """The line in pieces, of which every second one is such a part."""
    pieces, end = [], 0
    for found in _words(line):
        if found[0] in parts:
            pieces += [line[end : found.start()], found[0]]
            end = found.end()
    return (*pieces, line[end:])


def _turned_by(number: int) -> dict[int, str]:
    return {
        ord(letter): letters[(place + number) % len(letters)]
        for letters in ALPHABETS
        for place, letter in enumerate(letters)
    }


def repeated(lines: Sequence[str], size: int) -> tuple[str, ...]:
    """Exactly `size` lines: from the start again and again when there are fewer."""
    return tuple(lines[number % len(lines)] for number in range(size))


def disguised(lines: Sequence[str], *, seed: int) -> Iterator[str]:
    """The lines, each with its own user name, user agent, source address and object name."""
    chance = random.Random(seed)  # noqa: S311  # the same events every time, not secrets
    for line in lines:
        event = orjson.loads(line)
        token = f"{chance.getrandbits(64):016x}"
        event["auditID"] = f"{token[:8]}-{token[8:12]}-4{token[13:]}-8000-{token[:12]}"
        event["userAgent"] = _agent(event.get("userAgent", ""), token)
        event["sourceIPs"] = [_address(chance)]
        user = event.setdefault("user", {})
        user["username"] = f"{user.get('username', '')}-{token}"
        _rename(event, token)
        yield orjson.dumps(event).decode()


def payloads(lines: Sequence[str], batch: int) -> list[Payload]:
    """What Lambda is invoked with for these lines, `batch` at a time; the last may be short."""
    return [_payload(lines[at : at + batch]) for at in range(0, len(lines), batch)]


def is_lease(event: Event) -> bool:
    return _resource(event) == "leases"


def is_workload_write(event: Event) -> bool:
    whole = not event.get("objectRef", {}).get("subresource")
    return event["verb"] in WRITES and whole and _resource(event) in WORKLOADS


def _chosen(name: str, about: str, wanted: Callable[[Event], bool], size: int) -> Corpus:
    found = [line for line in recorded() if wanted(orjson.loads(line))]
    again = f", {len(found):,} repeated" if len(found) < size else ""
    renewable, times = Renewable(found), -(-size // len(found))

    def lines(number: int) -> Sequence[str]:
        passes = range(number * times, (number + 1) * times)
        return [line for each in passes for line in renewable(each)][:size]

    return Corpus(name, f"{about} of the recorded log{again}", size, lines)


def _resource(event: Event) -> str:
    return str(event.get("objectRef", {}).get("resource", ""))


def _agent(agent: str, token: str) -> str:
    """Half of them change what comes before the slash, which tools are told by."""
    return f"{token}-{agent}" if token[0] < "8" else f"{agent} ({token})"


def _address(chance: random.Random) -> str:
    if chance.random() < 0.2:
        return ":".join(("2600:1f18", *(f"{chance.getrandbits(16):x}" for _ in range(6))))
    return ".".join(str(chance.randrange(1, 255)) for _ in range(4))


def _rename(event: Event, token: str) -> None:
    name = event.get("objectRef", {}).get("name")
    if name:
        renamed = f"{name}-{token}"
        event["objectRef"]["name"] = renamed
        event["requestURI"] = event.get("requestURI", "").replace(f"/{name}", f"/{renamed}")


def _payload(lines: Sequence[str]) -> Payload:
    """Source: Lambda Developer Guide, "Using Lambda with CloudWatch Logs"."""
    envelope = {
        "messageType": "DATA_MESSAGE",
        "owner": ACCOUNT,
        "logGroup": LOG_GROUP,
        "logStream": STREAM,
        "subscriptionFilters": ["ekswatch"],
        "logEvents": [
            {"id": f"{number:056d}", "timestamp": LOGGED_AT_MS, "message": line}
            for number, line in enumerate(lines)
        ],
    }
    packed = gzip.compress(orjson.dumps(envelope), compresslevel=COMPRESSION, mtime=0)
    return {"awslogs": {"data": base64.b64encode(packed).decode()}}


def large_payload(encoded_bytes: int) -> tuple[bytes, int]:
    """An invocation of at most `encoded_bytes` of base64 as JSON, and how many events it has.

    The recorded events are used from the start again when they do not suffice. It is filled
    to 98 % or more.
    """
    count, size = 1000, 0
    while not 0.98 * encoded_bytes < size <= encoded_bytes:
        made = _payload(repeated(recorded(), count))
        fitting, size = count, len(made["awslogs"]["data"])
        count = int(count * 0.99 * encoded_bytes / size)
    return json.dumps(made).encode(), fitting
