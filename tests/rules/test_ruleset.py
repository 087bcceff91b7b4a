"""The artefact: the same bytes for the same detections, and nothing damaged gets in."""

import shutil
from pathlib import Path

import msgspec
import pytest

from ekswatch.rules.ruleset import SCHEMA, BadRuleset, dump, load
from tests.rules import build

DATA = Path(__file__).parent / "data"


def test_an_artefact_round_trip() -> None:
    """What is loaded is what was dumped."""
    ruleset = build.compiled(DATA)

    assert load(dump(ruleset)) == ruleset
    assert dump(load(dump(ruleset))) == dump(ruleset)


def test_the_same_detections_give_the_same_bytes(tmp_path: Path) -> None:
    """Neither the folder's place nor the order of its files shows in the artefact."""
    copy = tmp_path / "elsewhere"
    for path in sorted(DATA.rglob("*.yml"), reverse=True):
        target = copy / path.relative_to(DATA)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)

    assert dump(build.compiled(copy)) == dump(build.compiled(DATA))


def test_another_list_entry_gives_another_hash(tmp_path: Path) -> None:
    """The hash says which rules made a finding."""
    hashes = set()
    for entries in (["a"], ["a", "b"]):
        build.values(tmp_path, "names", entries)
        check = {"objectRef.name|expand": "%names%"}
        build.detection(tmp_path, build.document("rule", {"s": check, "condition": "s"}))
        hashes.add(build.compiled(tmp_path).hash)

    assert len(hashes) == 2
    assert all(len(one) == 64 for one in hashes)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda _: b"", "damaged"),
        (lambda data: data[:-10], "damaged"),
        (lambda _: b"[]", "damaged"),
        (lambda data: data.replace(b'"verb"', b'"level"', 1), "hash differs"),
        (lambda data: data.replace(b'"op":"equals"', b'"op":"eval"', 1), "damaged"),
        (
            lambda data: data.replace(f'"schema":{SCHEMA}'.encode(), b'"schema":99'),
            "have schema 99, this ekswatch reads schema",
        ),
    ],
)
def test_a_damaged_artefact_is_refused(damage, message: str) -> None:  # type: ignore[no-untyped-def]
    """The error says whether it is damaged, changed or of another version."""
    artefact = damage(dump(build.compiled(DATA)))

    with pytest.raises(BadRuleset, match=message):
        load(artefact)


def test_the_artefact_is_data() -> None:
    """It is JSON that any tool reads."""
    read = msgspec.json.decode(dump(build.compiled(DATA)))

    assert read["schema"] == SCHEMA
    assert {"detections", "rules", "correlations", "filters", "hash"} <= set(read)
