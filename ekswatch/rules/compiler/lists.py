"""Named lists of values, the operator's changes to them, and placeholders that mean them.

A placeholder is replaced before Sigma reads the value, so that `|expand` combines with every
other modifier: `%name%` inside a string becomes one value per entry of the list. Entries are
Sigma strings, so a star in one is a wildcard.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pydantic

from ekswatch.rules.compiler.documents import Document, lone_document
from ekswatch.rules.compiler.errors import Report, RuleError, TooManyErrors, reading
from ekswatch.rules.compiler.folders import one_per_stem, yaml_files
from ekswatch.rules.compiler.schema import ListFile, ListTuning, problems
from ekswatch.rules.compiler.suggest import suggestion
from ekswatch.rules.ruleset import Scalar

MAX_EXPANDED_CHARS = 1_000_000
"""What one value may become: four placeholders of a hundred entries would be a hundred million."""

PLACEHOLDER = re.compile(r"%([^%\s\\]+)%")


@dataclass(frozen=True, slots=True, eq=False)
class Lists(Mapping[str, tuple[Scalar, ...]]):
    """Name to values. `broken` are lists whose files have errors: what uses one is left out."""

    _values: Mapping[str, tuple[Scalar, ...]]
    broken: frozenset[str] = frozenset()

    def __getitem__(self, name: str) -> tuple[Scalar, ...]:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def missing(self, name: str) -> str:
        """Why there is no list of this name."""
        if name in self.broken:
            return f"left out, as the list {name!r} has errors"
        return f"there is no list {name!r}{suggestion(name, self)}"


def read_lists(
    folder: Path,
    changes: Path | None,
    settings: Mapping[str, ListTuning],
    errors: list[RuleError],
) -> Lists:
    """The lists of a folder, with the operator's changes from another one and from settings.

    A file of the other folder with values is a list of the operator's own.
    """
    found = {
        file.stem: _read(file, partial(read_model, ListFile), errors)
        for file in _files(folder, errors)
    }
    for file in _files(changes, errors) if changes else ():
        found[file.stem] = _changed(file, found, errors)
    lists = {name: tuple(each.values) for name, each in found.items() if each is not None}
    lists |= {name: tuned(lists[name], settings[name]) for name in lists.keys() & settings}
    return Lists(lists, frozenset(found.keys() - lists.keys()))


def _changed(
    file: Path, known: Mapping[str, ListFile | None], errors: list[RuleError]
) -> ListFile | None:
    """The list that an operator's file changes or adds; None where something is wrong with it."""
    if file.stem not in known:
        return _read(file, partial(_own, known), errors)
    change = _read(file, partial(read_model, ListTuning), errors)
    before = known[file.stem]
    if change is None or before is None:
        return None
    return before.model_copy(update={"values": tuned(before.values, change)})


def _own(known: Iterable[str], document: Document, report: Report) -> ListFile | None:
    """A list of the operator's own; a change is one of a name that is misspelt."""
    if "values" in document.data:
        return read_model(ListFile, document, report)
    name = document.file.stem
    report.add(f"there is no list {name!r}{suggestion(name, known)}")
    return None


def tuned(values: tuple[Scalar, ...], change: ListTuning) -> tuple[Scalar, ...]:
    """The values of a list after an operator's change, once each."""
    if change.replace is not None:
        return tuple(dict.fromkeys(change.replace))
    removed = frozenset(change.remove)
    kept = [value for value in values if value not in removed]
    return tuple(dict.fromkeys([*kept, *change.add]))


def expand(value: object, lists: Lists, problem: Callable[[str], None]) -> list[object]:
    """The values that one value with placeholders stands for; none if a list is empty.

    A value that is nothing but a placeholder takes over the types of the list. A placeholder
    without a list is reported as a problem, and so is one value that stands for too many.
    """
    if not isinstance(value, str):
        return [value]
    if whole := PLACEHOLDER.fullmatch(value):
        return [*_entries(whole[1], lists, problem)]
    start, *more = PLACEHOLDER.split(value)
    made = [start]
    for name, text in zip(more[::2], more[1::2], strict=True):
        tails = [f"{entry}{text}" for entry in _entries(name, lists, problem)]
        size = len(tails) * sum(map(len, made)) + len(made) * sum(map(len, tails))
        if size > MAX_EXPANDED_CHARS:
            problem(f"stands for more than {MAX_EXPANDED_CHARS:,} characters of values")
            return []
        made = [f"{head}{tail}" for head in made for tail in tails]
    return [*made]


def _entries(name: str, lists: Lists, problem: Callable[[str], None]) -> tuple[Scalar, ...]:
    if name not in lists:
        problem(lists.missing(name))
    return lists.get(name, ())


Model = TypeVar("Model", bound=pydantic.BaseModel)


def read_model(model: type[Model], document: Document, report: Report) -> Model | None:
    """The document checked by a model; None when it has errors, which are reported."""
    try:
        return model.model_validate(document.data)
    except pydantic.ValidationError as error:
        for path, message in problems(error):
            hint = suggestion(str(path[-1]), model.model_fields) if "unknown" in message else ""
            report.add(message + hint, document.line(*path))
        return None


def _read(
    file: Path, reader: Callable[[Document, Report], Model | None], errors: list[RuleError]
) -> Model | None:
    report = Report(file)
    read = None
    with suppress(TooManyErrors), reading(report):
        document = lone_document(file, report)
        if document is not None:
            read = reader(document, report)
        elif not report.errors:
            report.add("the file is empty")
    errors.extend(report.errors)
    return None if report.errors else read


def _files(folder: Path, errors: list[RuleError]) -> list[Path]:
    return one_per_stem(yaml_files(folder, errors), errors)


def any_values(data: Any) -> list[object]:
    """A Sigma value as a list: one value is a list of one."""
    return list(data) if isinstance(data, list) else [data]
