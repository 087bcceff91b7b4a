"""The comparison: every way on the same batches, each in alternation with the floor."""

import base64
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import orjson

from benchmarks.corpora import Payload, benign, payloads
from benchmarks.machine import version
from benchmarks.peers import expressions, functions, matcher, sqlite
from benchmarks.peers.peer import Hits, Judge, Peer, Way
from benchmarks.peers.questions import QUESTIONS, ours
from benchmarks.rounds import FLOOR, GZIP_WINDOW, Work, alternate, floor, ratios, spread
from ekswatch.audit.intake import read_payload
from ekswatch.rules.matcher.engine import Engine

BATCH = 100

WAYS = (
    Way("Python functions", "", "one plain function per rule, no index", functions.prepare),
    Way(
        "SQLite",
        "pysigma-backend-sqlite",
        "named columns of each batch into memory, one query per rule",
        sqlite.prepare,
    ),
    Way(
        "CEL",
        "common-expression-language",
        "Rust binding, event converted once, one program per rule",
        expressions.prepare_cel,
    ),
    Way(
        "sigma-rule-matcher",
        "sigma-rule-matcher",
        "one matcher per rule, groups joined before",
        matcher.prepare,
    ),
    Way("JMESPath", "jmespath", "one compiled expression per rule", expressions.prepare_jmespath),
)


@dataclass(frozen=True, slots=True)
class Ground:
    """What all are measured on."""

    made: Sequence[Payload]
    events: int
    rounds: int


def compare(events: int, rounds: int) -> tuple[Peer, ...]:
    """Ourselves first, then every other way."""
    corpus = benign(events)
    ground = Ground(payloads(corpus.lines(0), BATCH), corpus.size, rounds)
    engine = Engine(ours())
    expected = _our_hits(engine, ground.made)
    work = partial(_judge_ours, engine, ground.made)
    own = _measured("ekswatch", "-", "the engine, events decoded lazily", work, ground)
    rows = [replace(own, agreement=f"{len(expected):,}")]
    rows += [_peer(way, ground, expected) for way in WAYS]
    return tuple(rows)


def agreed(hits: Hits, expected: Hits) -> str:
    """How the hits compare with ours, in a few words."""
    if hits == expected:
        return f"the same {len(expected):,}"
    return f"{len(hits):,}: {len(expected - hits):,} missed, {len(hits - expected):,} more"


def _peer(way: Way, ground: Ground, expected: Hits) -> Peer:
    try:
        ready = way.prepare()
    except ImportError:
        return Peer(
            way.name, "-", way.what, len(QUESTIONS), ground.events, None, None, "not installed"
        )
    asked = {hit for hit in expected if hit[0] not in ready.without}
    agreement = agreed(_hits(ready.judge, ground.made), asked)
    if ready.without:
        agreement += f"; without {len(ready.without)} rules that it does not support"
    work = partial(_hits, ready.judge, ground.made)
    used = version(way.package) if way.package else "-"
    return replace(_measured(way.name, used, way.what, work, ground), agreement=agreement)


def _measured(name: str, used: str, what: str, work: Work, ground: Ground) -> Peer:
    works: dict[str, Work] = {FLOOR: partial(floor, ground.made), name: work}
    _, times = alternate(lambda _: works, ground.rounds)
    return Peer(
        name=name,
        version=used,
        what=what,
        rules=len(QUESTIONS),
        events=ground.events,
        us=spread(times[name]).times(1e6 / ground.events),
        ratio=ratios(times[name], times[FLOOR]),
        agreement="",
    )


def _hits(judge: Judge, made: Sequence[Payload]) -> Hits:
    """Read each batch as the floor does, and judge it."""
    hits: Hits = set()
    for payload in made:
        packed = base64.b64decode(payload["awslogs"]["data"])
        envelope = orjson.loads(zlib.decompress(packed, GZIP_WINDOW))
        hits |= judge([orjson.loads(event["message"]) for event in envelope["logEvents"]])
    return hits


def _judge_ours(engine: Engine, made: Sequence[Payload]) -> None:
    for payload in made:
        engine.match(read_payload(payload).events)


def _our_hits(engine: Engine, made: Sequence[Payload]) -> Hits:
    hits: Hits = set()
    for payload in made:
        hits |= {
            (match.document, match.audit_ids[0])
            for match in engine.match(read_payload(payload).events)
        }
    return hits
