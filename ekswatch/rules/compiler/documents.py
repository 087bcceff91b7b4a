"""Reading YAML files that operators and strangers write: bounded, and with line numbers.

A file is refused before it is built into values when it is too large, nests too deep (libyaml
would overrun the stack) or uses aliases (a few lines of which expand to gigabytes). So are tags
and numbers of many digits, which make values that nobody can read.
"""

import math
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ekswatch.rules.compiler.errors import Report

MAX_FILE_BYTES = 1_000_000
MAX_DEPTH = 50
MAX_DOCUMENTS = 100
MAX_KEYS = 2_000
"""Each may be unknown, and the nearest known name is looked for; values are not counted."""
MAX_NUMBER_CHARS = 40
"""A number of 64 bits has 24 at most, in whatever way a person writes it."""

TEXT = "tag:yaml.org,2002:str"
NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document: `data` is a mapping, `lines` gives the line of every key path."""

    file: Path
    data: Mapping[str, Any]
    lines: Mapping[KeyPath, int]

    def line(self, *path: str | int) -> int:
        """The line of a key path, or of the nearest enclosing one that has a line."""
        while path not in self.lines and path:
            path = path[:-1]
        return self.lines.get(path, 0)


def documents(file: Path, report: Report) -> tuple[Document, ...]:
    """The documents of a file in order, empty ones left out; none when the file is refused."""
    text = _text(file, report)
    if text is None or not _is_bounded(text, report):
        return ()
    try:
        nodes = list(yaml.compose_all(text, Loader=yaml.CSafeLoader))
    except yaml.YAMLError as error:
        report.add(f"not valid YAML: {_problem(error)}", _line(error))
        return ()
    built = [_document(file, node, report) for node in nodes]
    found = tuple(document for document in built if document is not None)
    if sum(isinstance(path[-1], str) for each in found for path in each.lines if path) > MAX_KEYS:
        report.add(f"more than {MAX_KEYS:,} keys")
        return ()
    return found


def lone_document(file: Path, report: Report) -> Document | None:
    """The document of a file that may hold one; None when there is none. More are an error."""
    found = documents(file, report)
    if len(found) > 1:
        report.add("the file must hold one document", found[1].line())
    return found[0] if found else None


def raw(file: Path, report: Report) -> bytes | None:
    """The bytes of a file, None when it is refused."""
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            report.add("not a regular file")
            return None
        with file.open("rb") as opened:
            found = opened.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        report.add(f"cannot be opened: {error.strerror or error}")
        return None
    if len(found) > MAX_FILE_BYTES:
        report.add(f"larger than {MAX_FILE_BYTES:,} bytes")
        return None
    return found


def _text(file: Path, report: Report) -> str | None:
    found = raw(file, report)
    try:
        return None if found is None else found.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        report.add(f"not UTF-8: byte {error.start} {error.reason}", line)
        return None


def _is_bounded(text: str, report: Report) -> bool:
    depth = started = 0
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            line = event.start_mark.line + 1 if event.start_mark else 0
            if isinstance(event, yaml.AliasEvent):
                report.add("YAML aliases are not read: quote the value, or write it out", line)
                return False
            if getattr(event, "tag", None) is not None:
                report.add("YAML tags are not read: quote the value, or leave the tag out", line)
                return False
            started += isinstance(event, yaml.DocumentStartEvent)
            if started > MAX_DOCUMENTS:
                report.add(f"more than {MAX_DOCUMENTS} documents", line)
                return False
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                report.add(f"nested deeper than {MAX_DEPTH} levels", line)
                return False
    except yaml.reader.ReaderError as error:
        line = text.encode().count(b"\n", 0, error.position) + 1
        report.add(f"not valid YAML: {error.reason}", line)
        return False
    except yaml.YAMLError as error:
        report.add(f"not valid YAML: {_problem(error)}", _line(error))
        return False
    return True


def _document(file: Path, node: yaml.Node | None, report: Report) -> Document | None:
    if node is None or (isinstance(node, yaml.ScalarNode) and node.value == ""):
        return None
    line = node.start_mark.line + 1
    if not isinstance(node, yaml.MappingNode):
        report.add("a document must be a mapping of keys to values", line)
        return None
    lines: dict[KeyPath, int] = {(): line}
    before = len(report.errors)
    _walk(node, (), lines, report)
    if len(report.errors) > before:
        return None
    try:
        data = yaml.constructor.SafeConstructor().construct_document(node)
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        report.add(f"not valid YAML: {_problem(error)}", _line(error) or line)
        return None
    return Document(file, data, lines)


def _walk(node: yaml.Node, path: KeyPath, lines: dict[KeyPath, int], report: Report) -> None:
    """Note the line of every key path below a node, and report keys and numbers that are odd."""
    if isinstance(node, yaml.SequenceNode):
        children = [((*path, index), item, item) for index, item in enumerate(node.value)]
    elif isinstance(node, yaml.MappingNode):
        children = [((*path, str(key.value)), key, value) for key, value in node.value]
    else:
        if problem := _unusable(node):
            report.add(problem, node.start_mark.line + 1)
        return
    for child, place, value in children:
        line = place.start_mark.line + 1
        if place is not value and place.tag != TEXT:
            report.add("a key must be text: quote it, if it is no mistake", line)
        if child in lines:
            report.add(f"duplicate key {child[-1]!r}, first on line {lines[child]}", line)
        lines[child] = line
        _walk(value, child, lines, report)


def _unusable(node: yaml.Node) -> str:
    """Why a number cannot be compared with those of an event, or an empty string."""
    text = str(node.value)
    if node.tag not in NUMBERS:
        return ""
    if len(text) > MAX_NUMBER_CHARS:
        return f"a number of more than {MAX_NUMBER_CHARS} characters: quote it, if it is text"
    if ":" in text:
        return f"{text} would be read as a number in base 60: quote it"
    try:
        value = yaml.constructor.SafeConstructor().construct_object(node)
    except ValueError:
        return f"{text} is not a number: quote it"
    usable = math.isfinite(value) if isinstance(value, float) else -(2**63) <= value < 2**63
    if not usable:
        return f"{text} is too large a number: quote it, if it is text"
    return ""


def _problem(error: Exception) -> str:
    return str(getattr(error, "problem", None) or error)


def _line(error: Exception) -> int:
    mark = getattr(error, "problem_mark", None)
    return mark.line + 1 if mark is not None else 0
