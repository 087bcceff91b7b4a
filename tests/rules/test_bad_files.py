"""Bad files cost themselves only: each has its errors with a place, and all others load."""

import copy
import os
import random
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from ekswatch.rules.compiler.compile import compile_ruleset, compile_what_loads
from ekswatch.rules.compiler.documents import (
    MAX_DEPTH,
    MAX_DOCUMENTS,
    MAX_FILE_BYTES,
    MAX_KEYS,
    MAX_NUMBER_CHARS,
)
from ekswatch.rules.compiler.drafts import MAX_FIELDS, MAX_TIMESPAN_DAYS
from ekswatch.rules.compiler.errors import MAX_ERRORS_PER_FILE, RuleError, RuleErrors
from ekswatch.rules.ruleset import Ruleset, dump, load
from tests.rules import build

ROOT = Path(__file__).parents[2]
GET = {"s": {"verb": "get"}, "condition": "s"}
SECONDS = 20.0
"""More than any of these files needs on a slow machine, and less than a bomb would take."""

HEAD = """\
title: Bad
id: 6d4f0c0e-4e0b-4b43-9a0a-2b4a3c1a7f10
description: What happens.
level: low
logsource: {product: kubernetes, service: audit}
ekswatch: {message: It happened}
"""
PUBLIC = HEAD.replace("ekswatch: {message: It happened}\n", "")
"""A file without our keys is a public rule, most of whose faults are warnings."""


def ruled(selection: str, condition: str = "s") -> str:
    return f"{HEAD}detection:\n  s: {selection}\n  condition: {condition}\n"


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def all_errors(folder: Path, tuning: Path | None = None) -> tuple[RuleError, ...]:
    """What the build says when it refuses."""
    with pytest.raises(RuleErrors) as raised:
        compile_ruleset(folder, tuning)
    return raised.value.errors


def names(ruleset: Ruleset) -> list[str]:
    return [rule.name for rule in ruleset.rules]


BAD: dict[str, tuple[str | bytes, int, str]] = {
    "not YAML": ("a: [1", 2, "not valid YAML"),
    "a tab": ("a:\n\tb: 1", 2, "not valid YAML"),
    "a NUL": (b"title: \xc3\xa9\nname: a\x00b", 2, "not valid YAML"),
    "not UTF-8": (b"title: a\nname: \xff", 2, "not UTF-8"),
    "UTF-16": ("title: a".encode("utf-16"), 1, "not UTF-8"),
    "an alias": ("a: &x [1]\nb: *x", 2, "aliases are not read"),
    "a bomb": (
        "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in ("ab", "bc", "cd")),
        2,
        "aliases are not read",
    ),
    "a tag": ("a: !!python/object/apply:os.system [ls]", 1, "tags are not read"),
    "a tag that lies": ("a: 1\nb: !!int x", 2, "tags are not read"),
    "a merge": ("a: 1\n<<: {b: 1}", 2, "a key must be text"),
    "a key that is a list": ("? [a, b]\n: 1", 1, "a key must be text"),
    "a key that is true": ("a: 1\nyes: 1", 2, "a key must be text"),
    "a key twice": ("title: a\nid: b\ntitle: c", 3, "duplicate key 'title', first on line 1"),
    "infinity": ("a: 1\nb: .inf", 2, "too large a number"),
    "a number over infinity": ("a: 1.0e+999", 1, "too large a number"),
    "no number": ("a: [1, .nan]", 1, "too large a number"),
    "65 bits": (f"a: {2**63}", 1, "too large a number"),
    "65 bits below": (f"a: {-(2**63) - 1}", 1, "too large a number"),
    "digits": ("a: " + "9" * 5_000, 1, "a number of more than 40 characters"),
    "half a number": ("a: 0b_", 1, "is not a number"),
    "base 60": ("a: 1" + ":1" * 20, 1, "a number of more than 40 characters"),
    "a port mapping": ("a: 22:22", 1, "base 60"),
    "a date that is none": ("date: 2026-99-99", 1, "not valid YAML"),
    "a far time": ("a: 2026-01-01T00:00:00+99:99", 1, "not valid YAML"),
    "deep": ("[" * 100_000 + "]" * 100_000, 1, f"nested deeper than {MAX_DEPTH} levels"),
    "too large": ("# " + "x" * MAX_FILE_BYTES, 0, "larger than 1,000,000 bytes"),
    "empty": ("", 0, "the file is empty"),
    "a list": ("- a", 1, "must be a mapping"),
    "many documents": ("---\n" * (MAX_DOCUMENTS + 1), MAX_DOCUMENTS + 1, "more than 100 documents"),
    "an unknown modifier": (ruled("{verb|contians: x}"), 8, "did you mean 'contains'?"),
    "an id that is a list": (ruled("{verb: get}").replace("id: ", "id: [a] #"), 2, "a UUID"),
    "a document without an end": (
        HEAD + "detection: {s: {verb: get}, condition: s",
        8,
        "not valid",
    ),
}


@pytest.mark.parametrize(("content", "line", "message"), BAD.values(), ids=BAD)
def test_a_bad_file_has_its_error_and_the_others_load(
    tmp_path: Path, content: str | bytes, line: int, message: str
) -> None:
    """The build refuses everything, the command line only the file, with the same errors."""
    build.detection(tmp_path, build.document("good", GET))
    bad = write(tmp_path / "discovery" / "bad.yml", content)

    ruleset, errors = compile_what_loads(tmp_path)

    assert names(ruleset) == ["good"]
    assert errors == all_errors(tmp_path)
    assert {error.file for error in errors} == {str(bad)}
    assert (line, True) in [(error.line, message in error.message) for error in errors], errors


BOMBS: dict[str, str] = {
    "numbers in base 60": "a: 1" + ":1" * 400_000,
    "binary digits": "a: 0b" + "1" * 900_000,
    "unknown keys": HEAD + "".join(f"tag{index}: x\n" for index in range(60_000)),
    "unknown fields": ruled("{" + ",".join(f"'objectRef.nam{i}': x" for i in range(40_000)) + "}"),
    "unknown lists": ruled("{verb|expand: [" + ",".join(f"'%l{i}%'" for i in range(80_000)) + "]}"),
    "lists times lists": ruled("{userAgent|expand: '" + "%many%" * 20 + "'}"),
    "fields in a message": HEAD.replace("It happened", "'" + "{actor.nam}" * 60_000 + "'")
    + "detection: {s: {verb: get}, condition: s}",
    "sample fields": HEAD
    + f"fields: [{','.join(f'f{index}' for index in range(90_000))}]\n"
    + "detection: {s: {verb: get}, condition: s}",
    "sample fields of a public rule": PUBLIC
    + f"fields: [{','.join(f'f{index}' for index in range(90_000))}]\n"
    + "detection: {s: {verb: get}, condition: s}",
    "unknown fields of a public rule": PUBLIC
    + "detection: {condition: s, s: {"
    + ",".join(f"'objectRef.nam{index}': x" for index in range(40_000))
    + "}}",
    "parentheses": ruled("{verb: get}", "(" * 5_000 + "s" + ")" * 5_000),
    "negations": ruled("{verb: get}", "not " * 50_000 + "s"),
    "patterns of selections": ruled("{verb: get}", "1 of " + "s*" * 300 + "t"),
    "dashes": ruled("{userAgent|windash|contains: '" + " -a" * 40 + "'}"),
    "modifiers": ruled("{userAgent" + "|windash" * 20 + ": '-a -b'}"),
    "encodings": ruled("{userAgent" + "|base64" * 60 + ": ab}"),
    "repetitions": ruled("{userAgent|re: '((a{100}){100}){100}'}"),
    "groups": ruled("{userAgent|re: '" + "(" * 100_000 + "'}"),
}


@pytest.mark.parametrize("content", BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_refused_in_bounded_time(tmp_path: Path, content: str) -> None:
    """However a small file would grow, it ends in at most a hundred errors and one more."""
    build.values(tmp_path, "many", [f"value-{index}" for index in range(100)])
    build.detection(tmp_path, build.document("good", GET))
    write(tmp_path / "discovery" / "bad.yml", content)
    started = time.process_time()

    ruleset, errors = compile_what_loads(tmp_path)

    assert names(ruleset) == ["good"]
    assert 1 <= len(errors) <= MAX_ERRORS_PER_FILE + 1
    assert time.process_time() - started < SECONDS


@pytest.mark.parametrize(
    "content",
    [
        ruled("{verb: get}") + "# ".ljust(MAX_FILE_BYTES - len(ruled("{verb: get}")), "x"),
        ruled("{requestObject.x: 0." + "1" * (MAX_NUMBER_CHARS - 2) + "}"),
        ruled(f"{{requestObject.x: [{2**63 - 1}, {-(2**63)}]}}"),
        ruled("{userAgent|expand: '" + "%single%" * 90_000 + "'}"),
        "\ufeff" + ruled("{verb: get}"),
        ruled("&anchor {verb: get}"),
        ruled("{verb: get}").replace("\n", "\r\n"),
        ruled("[" * (MAX_DEPTH - 3) + "{verb: get}" + "]" * (MAX_DEPTH - 3)),
    ],
    ids=[
        "bytes",
        "digits",
        "64 bits",
        "placeholders",
        "byte order mark",
        "anchor",
        "line ends",
        "depth",
    ],
)
def test_a_file_just_inside_the_limits_loads(tmp_path: Path, content: str) -> None:
    """What is large, deep or odd only to a reader that expects less is read."""
    build.values(tmp_path, "single", ["x"])
    write(tmp_path / "discovery" / "bad.yml", content)

    ruleset = compile_ruleset(tmp_path)

    assert names(load(dump(ruleset))) == ["bad"]


def test_a_hundred_documents_load(tmp_path: Path) -> None:
    """One less than are refused."""
    more = [build.document(f"rule-{n}", GET, ekswatch=None) for n in range(MAX_DOCUMENTS - 1)]
    build.detection(tmp_path, build.document("rule", GET), *more)

    assert len(compile_ruleset(tmp_path).rules) == MAX_DOCUMENTS


@pytest.mark.parametrize("over", [0, 1])
def test_a_file_has_so_many_keys_and_no_more(tmp_path: Path, over: int) -> None:
    """Each key of each mapping counts; values do not."""
    path = build.detection(tmp_path, build.document("rule", {"s": {}, "condition": "s"}))
    free = MAX_KEYS + over - path.read_text().count(":")
    keys = {f"requestObject.x{index}": list(range(3)) for index in range(free)}
    build.detection(tmp_path, build.document("rule", {"s": keys, "condition": "s"}))

    errors = all_errors(tmp_path) if over else ()

    assert [error.message for error in errors] == ["more than 2,000 keys"] * over
    assert over or names(compile_ruleset(tmp_path)) == ["rule"]


@pytest.mark.parametrize("over", [0, 1])
def test_a_document_has_so_many_sample_fields_and_no_more(tmp_path: Path, over: int) -> None:
    """More would not be a sample."""
    fields = ["verb"] * (MAX_FIELDS + over)
    build.detection(tmp_path, build.document("rule", GET, fields=fields))

    errors = all_errors(tmp_path) if over else ()

    assert [error.message for error in errors] == ["more than 100 fields"] * over
    assert over or names(compile_ruleset(tmp_path)) == ["rule"]


def test_a_hundred_errors_are_shown_and_the_next_is_a_number(tmp_path: Path) -> None:
    """A file's last error says that there are more."""
    for more in (0, 1):
        keys = {f"objectRef.x{index}": "x" for index in range(MAX_ERRORS_PER_FILE + more)}
        build.detection(tmp_path, build.document("rule", {"s": keys, "condition": "s"}))

        errors = all_errors(tmp_path)

        assert len(errors) == MAX_ERRORS_PER_FILE + more
        assert any("more than 100 errors" in error.message for error in errors) == bool(more)


def directory(path: Path) -> None:
    path.mkdir(parents=True)


def dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def unreadable(path: Path) -> None:
    path.symlink_to("/proc/self/mem")  # opens, and then fails to be read


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (directory, "not a regular file"),
        (os.mkfifo, "not a regular file"),
        (endless, "not a regular file"),
        (dangling, "No such file or directory"),
        (unreadable, "Input/output error"),
    ],
)
def test_what_cannot_be_read_is_an_error_with_its_reason(
    tmp_path: Path, make: Callable[[Path], object], message: str
) -> None:
    """Nothing that is named like a detection is passed over, and nothing is waited for."""
    build.detection(tmp_path, build.document("good", GET))
    make(tmp_path / "discovery" / "bad.yml")

    ruleset, errors = compile_what_loads(tmp_path)

    assert names(ruleset) == ["good"]
    assert [(Path(error.file).name, message in error.message) for error in errors] == [
        ("bad.yml", True)
    ]


# Folders


@pytest.mark.parametrize("name", [b"\xff.yml", b"a\nb.yml", b"a\x1b[2Jb.yml"])
def test_a_file_name_that_cannot_be_shown_is_an_error(tmp_path: Path, name: bytes) -> None:
    """It would stand in every finding, and in every message about it."""
    build.detection(tmp_path, build.document("good", GET))
    path = tmp_path / "discovery" / os.fsdecode(name)
    build.write(path, build.document("odd", GET, name=None))

    ruleset, errors = compile_what_loads(tmp_path)

    assert names(load(dump(ruleset))) == ["good"]
    assert ["characters that cannot be shown" in error.message for error in errors] == [True]


def test_detections_lie_at_any_depth(tmp_path: Path) -> None:
    """In the folder itself, in folders of folders and behind links, as .yml and .yaml."""
    outside = tmp_path / "outside"
    folder = tmp_path / "detections"
    build.write(folder / "root.yml", build.document("root", GET))
    build.write(folder / "impact" / "deep" / "deeper" / "low.yaml", build.document("low", GET))
    build.write(outside / "linked.yml", build.document("linked", GET))
    (folder / "theirs").symlink_to(outside)
    (folder / "theirs" / "circle").symlink_to(folder)
    write(folder / ".github" / "workflow.yml", "on: push")
    write(folder / ".hidden.yml", "a: [")

    ruleset = compile_ruleset(folder)

    assert names(ruleset) == ["linked", "low", "root"]
    assert {each.slug: each.tactics for each in ruleset.detections} == {
        "linked": (),
        "low": ("Impact",),
        "root": (),
    }


@pytest.mark.parametrize("name", ["lists", "filters"])
def test_a_folder_that_cannot_be_listed_is_an_error(tmp_path: Path, name: str) -> None:
    """What lies in it is not taken for nothing."""
    build.detection(tmp_path, build.document("good", GET))
    write(tmp_path / name, "not a folder")

    ruleset, errors = compile_what_loads(tmp_path)

    assert names(ruleset) == ["good"]
    assert [error.message for error in errors] == ["the folder cannot be read: Not a directory"]


def test_a_slug_is_taken_once(tmp_path: Path) -> None:
    """The error names both files, and the first one loads."""
    build.write(tmp_path / "a" / "same.yml", build.document("same", GET, id=ID))
    build.write(tmp_path / "b" / "same.yaml", build.document("same", GET, id=OTHER_ID))

    ruleset, errors = compile_what_loads(tmp_path)

    assert names(ruleset) == ["same"]
    assert [error.file for error in errors] == [str(tmp_path / "b" / "same.yaml")]
    assert f"already taken by {tmp_path / 'a' / 'same.yml'}" in errors[0].message


ID = "6d4f0c0e-4e0b-4b43-9a0a-2b4a3c1a7f10"
OTHER_ID = "6d4f0c0e-4e0b-4b43-9a0a-2b4a3c1a7f11"


def test_an_id_is_taken_once_across_files(tmp_path: Path) -> None:
    """A copied file that kept its ID does not load."""
    build.detection(tmp_path, build.document("first", GET, id=ID))
    build.detection(tmp_path, build.document("second", GET, id=ID))

    ruleset, errors = compile_what_loads(tmp_path)

    assert names(ruleset) == ["first"]
    assert f"the id '{ID}' is already taken by" in errors[0].message


# What refers to a bad file


def counting(name: str, *rules: str) -> dict[str, Any]:
    return build.correlation(
        name,
        {
            "type": "event_count",
            "rules": list(rules),
            "group-by": ["actor.name"],
            "timespan": "10m",
            "condition": {"gte": 2},
        },
    )


def test_a_correlation_over_a_bad_file_is_left_out_and_says_so_once(tmp_path: Path) -> None:
    """So is a correlation over that one; each error is about its own file."""
    build.detection(tmp_path, build.document("good", GET))
    write(tmp_path / "discovery" / "base.yml", "a: [\n")
    build.detection(tmp_path, counting("above", "base", "good"))
    build.detection(tmp_path, counting("top", "above"))
    build.detection(tmp_path, counting("apart", "good"))

    ruleset, errors = compile_what_loads(tmp_path)

    assert [each.name for each in ruleset.correlations] == ["apart"]
    assert names(ruleset) == ["good"]
    assert [Path(error.file).stem for error in errors] == ["above", "base", "top"]
    assert "left out, as what it correlates has errors: 'base'" in errors[0].message
    assert "left out, as what it correlates has errors: 'above'" in errors[2].message


def test_names_inside_a_bad_file_are_no_riddles(tmp_path: Path) -> None:
    """A reference to a second document or an ID of a broken file is not called unknown."""
    build.detection(tmp_path, build.document("good", GET))
    write(tmp_path / "a" / "bad.yml", f"name: 'bad'\nid: {ID}\n---\nname: inner # note\na: [")
    build.detection(tmp_path, counting("by-name", "inner"))
    build.detection(tmp_path, counting("by-id", ID))

    _, errors = compile_what_loads(tmp_path)

    assert [error.message for error in errors if "there is no document" in error.message] == []
    assert len(errors) == 3


def test_a_circle_is_left_out_with_what_stands_on_it(tmp_path: Path) -> None:
    """Each of its members says so, and the rest loads."""
    build.detection(tmp_path, build.document("good", GET))
    build.detection(tmp_path, counting("one", "two"))
    build.detection(tmp_path, counting("two", "one"))
    build.detection(tmp_path, counting("upon", "one"))

    ruleset, errors = compile_what_loads(tmp_path)

    assert (names(ruleset), ruleset.correlations) == (["good"], ())
    assert [(Path(e.file).stem, "in a circle" in e.message) for e in errors] == [
        ("one", True),
        ("two", True),
        ("upon", False),
    ]


def test_a_chain_of_correlations_is_longer_than_the_stack(tmp_path: Path) -> None:
    """References are followed one by one, however long they go on."""
    build.detection(tmp_path, build.document("c0", GET))
    for index in range(1, 1_201):
        build.detection(tmp_path, counting(f"c{index}", f"c{index - 1}"))

    assert len(compile_ruleset(tmp_path).correlations) == 1_200


@pytest.mark.parametrize(
    "correlates",
    [
        {"rules": [-1]},
        {"rules": [{"a": 1}]},
        {"rules": [["good"]]},
        {"group-by": [1]},
        {"condition": {"gte": 1, "field": 5}},
        {"aliases": {"a": {"good": 1}}},
        {"aliases": {"a": {"good": ["verb"]}}},
        {"aliases": [1]},
        {"timespan": f"{MAX_TIMESPAN_DAYS + 1}d"},
        {"timespan": "99999999999999999999999999y"},
        {"timespan": "0s"},
        {"generate": "maybe"},
    ],
    ids=str,
)
def test_a_correlation_of_an_odd_shape_is_an_error_of_its_file(
    tmp_path: Path, correlates: dict[str, Any]
) -> None:
    """What pySigma takes on trust is checked, and the error has a line."""
    build.detection(tmp_path, build.document("good", GET))
    odd = counting("odd", "good")
    odd["correlation"] |= correlates
    build.detection(tmp_path, odd)

    ruleset, errors = compile_what_loads(tmp_path)

    assert (names(ruleset), ruleset.correlations) == (["good"], ())
    assert {Path(error.file).stem for error in errors} == {"odd"}
    assert all(error.line for error in errors)
    assert not any("cannot be read" in error.message for error in errors)


def test_the_longest_timespan_loads(tmp_path: Path) -> None:
    """One day less than is refused."""
    build.detection(tmp_path, build.document("good", GET))
    long = counting("long", "good")
    long["correlation"] |= {"timespan": f"{MAX_TIMESPAN_DAYS}d"}
    build.detection(tmp_path, long)

    assert compile_ruleset(tmp_path).correlations[0].timespan_seconds == 30 * 86_400


# Filters, lists, settings


EXCLUDED = {"rules": "any", "s": {"verb": "get"}, "condition": "not s"}

BAD_FILTERS: dict[str, str | bytes] = {
    "not YAML": "a: [",
    "not UTF-8": b"\xff",
    "an unknown modifier": yaml.safe_dump(
        build.exclusion("bad", {**EXCLUDED, "s": {"verb|is": "get"}})
    ),
    "an unknown list": yaml.safe_dump(
        build.exclusion("bad", {**EXCLUDED, "s": {"verb|expand": "%none%"}})
    ),
    "an unknown rule": yaml.safe_dump(build.exclusion("bad", {**EXCLUDED, "rules": ["goo"]})),
    "one of two": yaml.safe_dump_all(
        [build.exclusion("bad", EXCLUDED), build.exclusion("worse", {**EXCLUDED, "condition": "s"})]
    ),
    "the same twice": yaml.safe_dump_all([build.exclusion("bad", EXCLUDED)] * 2),
}


@pytest.mark.parametrize("content", BAD_FILTERS.values(), ids=BAD_FILTERS)
def test_a_bad_filter_hides_nothing(tmp_path: Path, content: str | bytes) -> None:
    """It is left out, and the detections and the other filters load."""
    build.detection(tmp_path, build.document("good", GET))
    other = build.exclusion("fine", {**EXCLUDED, "rules": ["good"]})
    build.write(tmp_path / "filters" / "fine.yml", other)
    write(tmp_path / "filters" / "bad.yml", content)

    ruleset, errors = compile_what_loads(tmp_path)

    assert names(ruleset) == ["good"]
    assert [each.name for each in ruleset.filters] == ["fine"]
    assert {Path(error.file).name for error in errors} == {"bad.yml"}
    assert errors == all_errors(tmp_path)


def test_a_filter_for_a_bad_file_is_not_for_everything(tmp_path: Path) -> None:
    """With no rule left that it is for it is left out, with one left it is for that."""
    build.detection(tmp_path, build.document("good", GET))
    write(tmp_path / "discovery" / "bad.yml", "a: [")
    for name, rules in (("lost", ["bad"]), ("kept", ["bad", "good"])):
        document = build.exclusion(name, {**EXCLUDED, "rules": rules})
        build.write(tmp_path / "filters" / f"{name}.yml", document)

    ruleset, errors = compile_what_loads(tmp_path)

    assert {each.name: each.rules for each in ruleset.filters} == {"kept": ("good",)}
    assert [Path(error.file).stem for error in errors] == ["bad"]


@pytest.mark.parametrize("place", ["detections/lists/names.yml", "tuning/lists/names.yml"])
def test_a_bad_list_costs_what_uses_it(tmp_path: Path, place: str) -> None:
    """A list that is not known for sure is guessed by nobody, the operator's change included."""
    folder, tuning = tmp_path / "detections", tmp_path / "tuning"
    tuning.mkdir()
    build.values(folder, "names", ["a"])
    uses = {"s": {"objectRef.name|expand": "%names%"}, "condition": "s"}
    build.detection(folder, build.document("uses", uses))
    build.detection(folder, build.document("good", GET))
    filter_ = build.exclusion("f", {"rules": "any", **uses, "condition": "not s"})
    build.write(folder / "filters" / "f.yml", filter_)
    bad = write(tmp_path / place, "values: [1, {}]\nx: 1\n")

    ruleset, errors = compile_what_loads(folder, tuning)

    assert (names(ruleset), ruleset.filters) == (["good"], ())
    said = [e.message for e in errors if e.file != str(bad)]
    assert said == ["left out, as the list 'names' has errors"] * 2
    assert str(bad) in {error.file for error in errors}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("ekswatch.yml", "disabled: {detections: [good]"),
        ("ekswatch.yml", "disabled: {detection: [good]}"),
        ("ekswatch.yml", "disabled: {detections: [goood]}"),
        ("ekswatch.yml", "disabled: {filters: [goood]}"),
        ("ekswatch.yml", "seed_mode: maybe"),
        ("ekswatch.yml", "seed_mode: true\n---\ndisabled: {}"),
        ("ekswatch.yml", b"\xff"),
        ("ekswach.yml", "seed_mode: true"),
        ("ekswatch.yaml", "seed_mode: maybe"),
        ("filter/x.yml", "a: 1"),
    ],
)
def test_bad_settings_stop_everything(tmp_path: Path, name: str, content: str | bytes) -> None:
    """What was to be switched off is not known, so nothing is judged."""
    build.detection(tmp_path / "detections", build.document("good", GET))
    write(tmp_path / "tuning" / name, content)

    with pytest.raises(RuleErrors) as raised:
        compile_what_loads(tmp_path / "detections", tmp_path / "tuning")

    assert [str(tmp_path / "tuning") in error.file for error in raised.value.errors] == [True]


def test_settings_in_two_files_stop_everything(tmp_path: Path) -> None:
    """Which of them holds is not guessed."""
    build.detection(tmp_path / "detections", build.document("good", GET))
    for name in ("ekswatch.yml", "ekswatch.yaml"):
        write(tmp_path / "tuning" / name, "seed_mode: true")

    with pytest.raises(RuleErrors, match="already taken by"):
        compile_what_loads(tmp_path / "detections", tmp_path / "tuning")


def test_a_tuning_folder_that_is_not_there_stops_everything(tmp_path: Path) -> None:
    """A misspelt path is not the same as no changes."""
    build.detection(tmp_path / "detections", build.document("good", GET))

    with pytest.raises(RuleErrors, match="No such file or directory"):
        compile_what_loads(tmp_path / "detections", tmp_path / "tunning")


def test_a_bad_file_can_be_switched_off_by_name(tmp_path: Path) -> None:
    """A name that a broken file has is no unknown name."""
    build.detection(tmp_path / "detections", build.document("good", GET))
    write(tmp_path / "detections" / "discovery" / "bad.yml", "a: [")
    write(tmp_path / "tuning" / "ekswatch.yml", "disabled: {detections: [bad]}")

    ruleset, errors = compile_what_loads(tmp_path / "detections", tmp_path / "tuning")

    assert names(ruleset) == ["good"]
    assert [Path(error.file).stem for error in errors] == ["bad"]


def test_when_nothing_loads_there_is_no_ruleset(tmp_path: Path) -> None:
    """Judging with no detections would look like a quiet day."""
    write(tmp_path / "discovery" / "bad.yml", "a: [")

    with pytest.raises(RuleErrors):
        compile_what_loads(tmp_path)


def test_without_errors_both_ways_give_the_same() -> None:
    """The command line judges with exactly what would be deployed."""
    folder = ROOT / "detections"

    assert compile_what_loads(folder) == (compile_ruleset(folder), ())


# Whatever a file holds

ODD: list[Any] = [
    *(None, True, 0, -1, 1.5, 2**63 - 1, "", "x", "any", "*", "\\", "[", "(", "(?=a)", "a|b"),
    *("%nolist%", "%shells%", "not not s", "1 of them", "s and (s", "2026-99-99", "\x85", "-" * 50),
    *([], [[]], [None], ["a", "b"], {}, {"a": None}, {"a": {"b": [1]}}, {"condition": "a"}),
    *(date(2026, 1, 1), {"field": "x", "gte": 1}, {"when": "s", "level": "high"}, "10.0.0.0/8"),
]
KEYS = (
    *("detection", "condition", "timeframe", "rules", "type", "group-by", "timespan", "aliases"),
    *("generate", "level", "name", "id", "title", "status", "tags", "references", "author", "date"),
    *("logsource", "category", "ekswatch", "message", "dedup", "severity", "collect", "commands"),
    *("filter", "fields", "falsepositives", "related", "correlation", "verb|re", "verb|cidr", "|"),
    *("verb|gte", "userAgent|windash|contains", "verb|exists", "at|minute", "verb|fieldref"),
    *("userAgent|base64offset|contains", "verb|all|contains", "objectRef.name|neq", "verb|expand"),
)
TEXTS = (
    *(
        "\t",
        "\x00",
        "&a ",
        "*a ",
        "!!int ",
        "[",
        "]",
        "{",
        "}",
        ": ",
        "- ",
        "'",
        '"',
        "\n",
        "---\n",
    ),
    *("<<: ", "? ", "| \n", "> \n", "\ufeff", "%", "#", ".inf", "1.0e+999", "0b_", "1:1:1", "é"),
)
ROUNDS = 4
"""Times that each file is damaged: there are so many files that few each do."""

FILES = [
    path
    for path in sorted((ROOT / "detections").rglob("*.yml"))
    if path.parent.name != "lists" and not path.name.startswith(".")
]


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    entries = [*enumerate(data)] if isinstance(data, list) else []
    for key, value in data.items() if isinstance(data, dict) else entries:
        yield from places(value, (*path, key))


def with_odd_data(text: str, chance: random.Random) -> str:
    """A file with values replaced, keys removed, renamed or added."""
    documents = list(yaml.safe_load_all(text))
    for _ in range(chance.choice((1, 1, 2, 3))):
        *above, last = chance.choice(list(places(documents)))
        at: Any = documents
        for key in above:
            at = at[key]
        if chance.random() < 0.4:
            at[last] = copy.deepcopy(chance.choice(ODD))
        elif isinstance(at, dict) and chance.random() < 0.7:
            at[chance.choice(KEYS)] = copy.deepcopy(chance.choice([at[last], *ODD]))
        elif len(documents) > 1 or above:
            del at[last]
    return str(yaml.safe_dump_all(documents, sort_keys=False))


def with_odd_text(text: str, chance: random.Random) -> str:
    """A file with characters inserted, removed, repeated or changed."""
    for _ in range(chance.choice((1, 2, 5))):
        at, length = chance.randrange(len(text)), chance.choice((1, 5, 50, 300))
        kind = chance.randrange(3)
        middle = (chance.choice(TEXTS), text[at : at + length] * 2, "")[kind]
        text = text[:at] + middle + text[at + (length if kind else 0) :]
    return text


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize("mutate", [with_odd_data, with_odd_text])
def test_whatever_a_file_holds_it_compiles_or_has_errors(
    tmp_path: Path, file: Path, mutate: Callable[[str, random.Random], str]
) -> None:
    """Shipped files with random damage: RuleErrors in words or a sound ruleset, nothing else."""
    build.detection(tmp_path, build.document("good", GET))
    (tmp_path / "lists").symlink_to(ROOT / "detections" / "lists")
    chance = random.Random(file.stem)  # noqa: S311 - the same damage in every run
    target = tmp_path / file.relative_to(ROOT / "detections")
    for _ in range(ROUNDS):
        write(target, mutate(file.read_text(), chance).encode("utf-8", "replace"))

        ruleset, errors = compile_what_loads(tmp_path)

        assert load(dump(ruleset)) == ruleset
        assert "good" in names(ruleset)
        assert {error.file for error in errors} <= {str(target)}
        assert not any("cannot be read" in error.message for error in errors), errors
