"""The corpora: real events, the same ones every time, and adversarial ones that repeat nothing."""

import base64
import gzip
import json
import re
from collections import Counter
from collections.abc import Iterable

from benchmarks import corpora
from ekswatch.audit.intake import read_payload

LINES = corpora.recorded()[:300]


def read(payload: corpora.Payload) -> list[str]:
    """The messages inside a payload."""
    packed = base64.b64decode(payload["awslogs"]["data"])
    return [event["message"] for event in json.loads(gzip.decompress(packed))["logEvents"]]


def test_payloads_hold_every_line_once_in_order() -> None:
    """Batches are full but for the last, and nothing is lost between them."""
    made = corpora.payloads(LINES[:250], 100)

    messages = [read(payload) for payload in made]

    assert [len(batch) for batch in messages] == [100, 100, 50]
    assert [line for batch in messages for line in batch] == [*LINES[:250]]


def test_payloads_are_read_whole() -> None:
    """What is measured is the ordinary path, not the one for damaged deliveries."""
    (batch,) = map(read_payload, corpora.payloads(LINES, 300))

    assert (len(batch.events), batch.unreadable, batch.skipped) == (300, (), 0)


def test_leases_are_only_leases() -> None:
    """The corpus of leases has nothing else in it, and its size whatever was recorded."""
    _, _, leases, _, _ = corpora.corpora(2000)

    resources = Counter(json.loads(line)["objectRef"]["resource"] for line in leases.lines(0))

    assert resources == {"leases": leases.size}


def test_workload_writes_are_writes_of_whole_workloads() -> None:
    """Status updates and evictions are not in it."""
    *_, writes, _ = corpora.corpora(8000)

    events = [json.loads(line) for line in writes.lines(0)]

    assert len(events) == writes.size == 1000
    assert {event["verb"] for event in events} == {"create", "update", "patch"}
    assert not [event for event in events if event["objectRef"].get("subresource")]
    assert {event["objectRef"]["resource"] for event in events} <= corpora.WORKLOADS


def test_adversarial_events_repeat_no_string() -> None:
    """Users, agents, addresses and object names occur once in a pass, and never in another."""
    *_, adversarial = corpora.corpora(4000)

    events = [json.loads(line) for number in (1, 2) for line in adversarial.lines(number)]

    assert len(events) == 2 * adversarial.size
    for values in (
        [event["user"]["username"] for event in events],
        [event["userAgent"] for event in events],
        [event["sourceIPs"][0] for event in events],
        [event["auditID"] for event in events],
        [event["objectRef"]["name"] for event in events if "name" in event.get("objectRef", {})],
    ):
        assert len(values) > 100
        assert len(set(values)) == len(values)


def test_adversarial_events_stay_readable_audit_events() -> None:
    """They are an attacker's requests, not damage."""
    disguised = [*corpora.disguised(LINES, seed=1)]

    (batch,) = map(read_payload, corpora.payloads(disguised, 300))

    assert (len(batch.events), batch.partial, batch.unreadable) == (300, 0, ())


def test_the_same_seed_makes_the_same_events() -> None:
    """Two runs measure the same input."""
    assert [*corpora.disguised(LINES, seed=7)] == [*corpora.disguised(LINES, seed=7)]
    assert [*corpora.disguised(LINES, seed=7)] != [*corpora.disguised(LINES, seed=8)]


def test_each_pass_creates_other_objects() -> None:
    """The random parts of names change, and nothing else, to what looks like them."""
    lines = corpora.recorded()[3000:6000]
    renewable = corpora.Renewable(lines)

    as_recorded, other = renewable(0), renewable(3)

    assert as_recorded == [*lines]
    assert sum(one != two for one, two in zip(other, lines, strict=True)) > 500
    for one, two in zip(other, lines, strict=True):
        assert len(one) == len(two)
        assert json.loads(one)["user"]["username"] == json.loads(two)["user"]["username"]
        assert json.loads(one)["verb"] == json.loads(two)["verb"]
    assert not {*created(other)} & {*created(lines)}
    assert [*map(shape, created(other))] == [*map(shape, created(lines))]


def created(lines: Iterable[str]) -> list[str]:
    """The names of the pods that are created, in order."""
    events = (json.loads(line) for line in lines if '"verb":"create"' in line)
    answers = [event.get("responseObject") or {} for event in events]
    pods = [answer["metadata"]["name"] for answer in answers if answer.get("kind") == "Pod"]
    assert len(pods) > 20
    return pods


def shape(name: str) -> str:
    """A name with its letters and digits left out."""
    return re.sub(r"[a-z]", "x", re.sub(r"[0-9]", "0", name))


def test_thinning_keeps_whole_blocks() -> None:
    """Neighbours stay neighbours, as in a delivery; all lines stay when there are too few."""
    lines = tuple(map(str, range(1000)))

    thin = corpora.thinned(lines, 300)

    assert [thin[0], thin[100], thin[200]] == ["0", "300", "600"]
    assert thin[:100] == lines[:100]
    assert corpora.thinned(lines, 1000) == lines
    assert corpora.thinned(lines, 999) != lines


def test_repeating_begins_again() -> None:
    """Few recorded events become as many as are asked for."""
    assert corpora.repeated(("a", "b"), 5) == ("a", "b", "a", "b", "a")
    assert corpora.repeated(("a", "b"), 1) == ("a",)


def test_the_large_payload_is_as_large_as_asked_and_no_larger() -> None:
    """It comes near the limit from below, and says how many events it holds."""
    content, count = corpora.large_payload(400_000)
    payload = json.loads(content)

    assert 0.98 * 400_000 < len(payload["awslogs"]["data"]) <= 400_000
    assert len(read(payload)) == count
