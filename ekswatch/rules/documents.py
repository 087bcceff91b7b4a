"""Reading YAML files that operators and strangers write: bounded, and with line numbers.

A file is refused before it is built into values when it is too large, nests too deep (libyaml
would overrun the stack) or uses aliases (a few lines of which expand to gigabytes).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ekswatch.rules.errors import Report

MAX_FILE_BYTES = 1_000_000
MAX_DEPTH = 50

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
    return tuple(document for document in built if document is not None)


def _text(file: Path, report: Report) -> str | None:
    if file.stat().st_size > MAX_FILE_BYTES:
        report.add(f"larger than {MAX_FILE_BYTES:,} bytes")
        return None
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        report.add(f"not UTF-8: byte {error.start} {error.reason}")
        return None


def _is_bounded(text: str, report: Report) -> bool:
    depth = 0
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            line = event.start_mark.line + 1 if event.start_mark else 0
            if isinstance(event, yaml.AliasEvent):
                report.add("YAML aliases are not read: quote the value, or write it out", line)
                return False
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                report.add(f"nested deeper than {MAX_DEPTH} levels", line)
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
    _walk(node, (), lines, report)
    try:
        data = yaml.constructor.SafeConstructor().construct_document(node)
    except (yaml.YAMLError, ValueError) as error:
        report.add(f"not valid YAML: {_problem(error)}", _line(error) or line)
        return None
    return Document(file, data, lines)


def _walk(node: yaml.Node, path: KeyPath, lines: dict[KeyPath, int], report: Report) -> None:
    """Note the line of every key path below a node, and report keys that are there twice."""
    if isinstance(node, yaml.SequenceNode):
        children = [((*path, index), item, item) for index, item in enumerate(node.value)]
    elif isinstance(node, yaml.MappingNode):
        children = [((*path, str(key.value)), key, value) for key, value in node.value]
    else:
        return
    for child, place, value in children:
        line = place.start_mark.line + 1
        if child in lines:
            report.add(f"duplicate key {child[-1]!r}, first on line {lines[child]}", line)
        lines[child] = line
        _walk(value, child, lines, report)


def _problem(error: Exception) -> str:
    return str(getattr(error, "problem", None) or error)


def _line(error: Exception) -> int:
    mark = getattr(error, "problem_mark", None)
    return mark.line + 1 if mark is not None else 0
