"""Other ways to judge: the same questions, and hits that agree with ours."""

import pytest

from benchmarks.corpora import payloads, recorded
from benchmarks.peers.compare import WAYS, Hits, _hits, _our_hits, agreed
from benchmarks.peers.functions import function
from benchmarks.peers.peer import Way
from benchmarks.peers.questions import QUESTIONS, ours
from ekswatch.rules.matcher.engine import Engine

MADE = payloads(recorded()[::40], 100)


@pytest.fixture(scope="module")
def expected() -> Hits:
    return _our_hits(Engine(ours()), MADE)


def test_the_events_give_enough_hits_to_compare(expected: Hits) -> None:
    """Agreement on nothing would be none."""
    assert len({name for name, _ in expected}) >= 6
    assert len(expected) >= 30


@pytest.mark.parametrize("way", WAYS, ids=[way.name for way in WAYS])
def test_a_peer_finds_what_we_find(way: Way, expected: Hits) -> None:
    """The questions mean the same in every language, or the comparison says nothing."""
    try:
        ready = way.prepare()
    except ImportError:
        pytest.skip(f"{way.package} is not installed")

    hits = _hits(ready.judge, MADE)

    assert hits == {hit for hit in expected if hit[0] not in ready.without}
    assert len(ready.without) <= 2


def test_a_different_hit_is_told() -> None:
    """Both directions are counted."""
    ours_ = {("a", "1"), ("a", "2")}

    assert agreed(ours_, ours_) == "the same 2"
    assert agreed({("a", "1"), ("b", "9"), ("b", "8")}, ours_) == "3: 1 missed, 2 more"


@pytest.mark.parametrize("body", [None, [], "text", 3, {"spec": None}, {"spec": []}])
def test_a_function_takes_any_body(body: object) -> None:
    """Patches are lists, and a body may be anything."""
    (question,) = [one for one in QUESTIONS if one.name == "host-network"]

    assert not function(question)({"verb": "patch", "requestObject": body})
    assert function(question)({"verb": "patch", "requestObject": {"spec": {"hostNetwork": True}}})
