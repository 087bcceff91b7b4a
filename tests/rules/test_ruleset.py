"""The artefact: the same bytes for the same detections, and nothing damaged gets in."""

import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ekswatch import __version__
from ekswatch.findings.asff import asff
from ekswatch.findings.finding import Scope, findings, to_dict
from ekswatch.rules.compiler.attack import ATTACK_RELEASE
from ekswatch.rules.matcher.engine import Engine
from ekswatch.rules.ruleset import (
    SCHEMA,
    BadRuleset,
    Entry,
    Manifest,
    dump,
    load,
    load_manifest,
    manifest,
    write_artefact,
)
from tests.rules import build

DATA = Path(__file__).parent / "data"
ROOT = Path(__file__).parents[2]


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


COMPILE = """
import sys
from pathlib import Path
from ekswatch.rules.compiler.compile import compile_ruleset
from ekswatch.rules.ruleset import write_artefact
write_artefact(Path(sys.argv[2]), compile_ruleset(Path(sys.argv[1])))
"""


def test_two_processes_write_the_same_bytes(tmp_path: Path) -> None:
    """Neither the seed of Python's hashes nor the order of a folder's files decides anything."""
    artefacts = []
    for seed in ("0", "4242"):
        folder = tmp_path / seed
        files = sorted(p for p in (ROOT / "detections").rglob("*.yml") if p.name[0] != ".")
        for path in files if seed == "0" else reversed(files):
            target = folder / path.relative_to(ROOT / "detections")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
        out = tmp_path / f"{seed}.json"
        subprocess.run(  # noqa: S603  # this interpreter and our own program
            [sys.executable, "-c", COMPILE, str(folder), str(out)],
            env=os.environ | {"PYTHONHASHSEED": seed},
            cwd=ROOT,
            check=True,
        )
        artefacts.append(out.read_bytes())

    assert artefacts[0] == artefacts[1]
    assert load(artefacts[0]).rules


def sealed(**changes: object) -> bytes:
    """An artefact whose outer shape was written by somebody else, with a right checksum."""
    outer = msgspec.json.decode(dump(build.compiled(DATA)), type=dict[str, msgspec.Raw])
    body = changes.get("body", outer["body"])
    raw = body if isinstance(body, msgspec.Raw) else msgspec.json.encode(body)
    outer |= {"body": msgspec.Raw(raw)}
    checksum = {"sha256": hashlib.sha256(raw).hexdigest()}
    return msgspec.json.encode({**outer, **checksum, **changes})


DAMAGED: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda _: b"", "damaged"),
    "truncated": (lambda data: data[:-10], "damaged"),
    "half": (lambda data: data[: len(data) // 2], "damaged"),
    "no JSON": (lambda _: b"PK\x03\x04", "damaged"),
    "no UTF-8": (lambda _: b'{"schema": "\xff"}', "damaged"),
    "a list": (lambda _: b"[]", "damaged"),
    "a number": (lambda _: b"1", "damaged"),
    "something behind": (lambda data: data + b"{}", "damaged"),
    "no schema": (lambda _: b'{"sha256": "", "body": {}}', "damaged"),
    "a schema that is text": (lambda _: sealed(schema="2"), "damaged"),
    "deep": (lambda _: b'{"schema":2,"body":' + b"[" * 100_000, "damaged"),
    "changed": (lambda data: data.replace(b'"verb"', b'"level"', 1), "checksum differs"),
    "no checksum": (lambda _: sealed(sha256=""), "checksum differs"),
    "another checksum": (lambda _: sealed(sha256="0" * 64), "checksum differs"),
    "no body": (lambda _: f'{{"schema":{SCHEMA}}}'.encode(), "checksum differs"),
    "another body": (lambda _: sealed(body={"rules": []}), "damaged"),
    "newer": (
        lambda _: sealed(schema=SCHEMA + 1),
        f"have schema {SCHEMA + 1}, this ekswatch reads",
    ),
    "newer and of another shape": (lambda _: b'{"schema":99,"x":{"y":[1]}}', "have schema 99"),
    "older": (
        lambda _: sealed(schema=SCHEMA - 1),
        f"have schema {SCHEMA - 1}, this ekswatch reads",
    ),
    "of the first schema": (
        lambda _: b'{"correlations":[],"detections":[],"hash":"a","rules":[],"schema":1}',
        "have schema 1, this ekswatch reads",
    ),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_artefact_is_refused(damage: Callable[[bytes], bytes], message: str) -> None:
    """The error says whether it is damaged, changed or of another version."""
    artefact = damage(dump(build.compiled(DATA)))

    for read in (load, load_manifest):
        with pytest.raises(BadRuleset, match=message):
            read(artefact)


@functools.cache
def artefact_of_one_rule() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        build.detection(
            Path(folder), build.document("rule", {"s": {"verb": "get"}, "condition": "s"})
        )
        return dump(build.compiled(Path(folder)))


@given(at=st.integers(0), byte=st.integers(1, 255))
@settings(max_examples=500, deadline=None)
def test_no_changed_byte_gets_in(at: int, byte: int) -> None:
    """Whichever bits of an artefact flip, in header or content, it is refused."""
    artefact = bytearray(artefact_of_one_rule())
    artefact[at % len(artefact)] ^= byte

    with pytest.raises(BadRuleset):
        load(bytes(artefact))


def test_every_bit_of_the_header_is_guarded() -> None:
    """The few bytes outside the checksum are guarded by their own meaning."""
    artefact = artefact_of_one_rule()
    header = artefact.index(b'"body"') + len(b'"body":')

    for at in range(header):
        for bit in range(8):
            flipped = bytearray(artefact)
            flipped[at] ^= 1 << bit
            with pytest.raises(BadRuleset):
                load(bytes(flipped))


@given(length=st.integers(0))
@settings(max_examples=100, deadline=None)
def test_no_part_of_an_artefact_gets_in(length: int) -> None:
    """An upload that broke off is refused."""
    artefact = artefact_of_one_rule()

    with pytest.raises(BadRuleset):
        load(artefact[: length % len(artefact)])


def test_the_artefact_is_data() -> None:
    """It is JSON that any tool reads, and its checksum is one that any tool computes."""
    artefact = dump(build.compiled(DATA))

    read = msgspec.json.decode(artefact)

    body = artefact[artefact.index(b'"body":') + len(b'"body":') : -1]
    assert (read["schema"], set(read["body"])) == (SCHEMA, {"manifest", "ruleset"})
    assert {"detections", "rules", "correlations", "filters", "hash"} <= set(
        read["body"]["ruleset"]
    )
    assert read["sha256"] == hashlib.sha256(body).hexdigest()


def test_the_header_comes_first() -> None:
    """`head -c` shows the schema of an artefact of any size."""
    assert dump(build.compiled(DATA)).startswith(f'{{"schema":{SCHEMA},"sha256":"'.encode())


def test_the_manifest_says_what_is_inside(tmp_path: Path) -> None:
    """Versions, hash, counts, and each document with the ID of its detection."""
    rule = build.document("rule", {"s": {"verb": "get"}, "condition": "s"})
    build.detection(tmp_path, rule)
    section = {"rules": "any", "s": {"verb": "get"}, "condition": "not s"}
    build.write(tmp_path / "filters" / "own.yml", build.exclusion("own", section))
    ruleset = build.compiled(tmp_path)

    found = manifest(ruleset, "1.2.3")

    assert found == Manifest(
        schema=SCHEMA,
        ekswatch="1.2.3",
        hash=ruleset.hash,
        detections=1,
        rules=(Entry("rule", "rule", str(rule["id"])),),
        correlations=(),
        filters=("own",),
        attack=ATTACK_RELEASE,
    )


def test_the_manifest_is_in_the_artefact() -> None:
    """It is read without the rules, and names all that ship."""
    ruleset = build.compiled(ROOT / "detections")

    found = load_manifest(dump(ruleset))

    assert found == manifest(ruleset, __version__)
    assert [entry.name for entry in found.rules] == [rule.name for rule in ruleset.rules]
    assert all(len(entry.id) == 36 for entry in (*found.rules, *found.correlations))
    assert found.detections == len(ruleset.detections)


def test_an_artefact_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """The last good one stays where a new one cannot be written, and nothing else is left."""
    ruleset = build.compiled(DATA)
    path = tmp_path / "ruleset.json"

    written = write_artefact(path, ruleset)

    assert load(path.read_bytes()) == ruleset
    assert written.hash == ruleset.hash
    assert [*tmp_path.iterdir()] == [path]

    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_artefact(tmp_path / "folder", ruleset)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["folder", "ruleset.json"]


def test_every_finding_carries_the_hash_of_its_rules(tmp_path: Path) -> None:
    """From the artefact to the ASFF record: whoever reads a finding can tell what made it."""
    build.detection(tmp_path, build.document("rule", {"s": {"verb": "get"}, "condition": "s"}))
    ruleset = load(dump(build.compiled(tmp_path)))
    scope = Scope(partition="aws", account="111122223333", region="eu-central-1", cluster="c")

    matches = Engine(ruleset).match([build.event(user={"username": "jane"})])
    (made,) = findings(matches, scope, ruleset.hash)

    assert ruleset.hash in json.dumps(asff(made))
    assert to_dict(made)["rules_hash"] == ruleset.hash
