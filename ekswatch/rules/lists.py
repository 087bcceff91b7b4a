"""Named lists of values, the operator's changes to them, and placeholders that mean them.

A placeholder is replaced before Sigma reads the value, so that `|expand` combines with every
other modifier: `%name%` inside a string becomes one value per entry of the list. Entries are
Sigma strings, so a star in one is a wildcard.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pydantic

from ekswatch.rules.documents import Document, documents
from ekswatch.rules.errors import Report, RuleError
from ekswatch.rules.ruleset import Scalar
from ekswatch.rules.schema import ListFile, ListTuning, problems
from ekswatch.rules.suggest import suggestion

PLACEHOLDER = re.compile(r"%([^%\s\\]+)%")

Lists = Mapping[str, tuple[Scalar, ...]]


def read_lists(folder: Path, tuning: Path | None, errors: list[RuleError]) -> Lists:
    """Name to values, the operator's changes applied."""
    lists = {
        file.stem: tuple(found.values)
        for file in _files(folder)
        if (found := _read(file, ListFile, errors)) is not None
    }
    for file in _files(tuning / "lists") if tuning else ():
        change = _read(file, ListTuning, errors)
        if file.stem not in lists:
            hint = suggestion(file.stem, lists)
            errors.append(RuleError(str(file), 0, f"there is no list {file.stem!r}{hint}"))
        elif change is not None:
            lists[file.stem] = tuned(lists[file.stem], change)
    return lists


def tuned(values: tuple[Scalar, ...], change: ListTuning) -> tuple[Scalar, ...]:
    """The values of a list after an operator's change, once each."""
    if change.replace is not None:
        return tuple(dict.fromkeys(change.replace))
    kept = [value for value in values if value not in change.remove]
    return tuple(dict.fromkeys([*kept, *change.add]))


def expand(value: object, lists: Lists, problem: Callable[[str], None]) -> list[object]:
    """The values that one value with placeholders stands for; none if a list is empty.

    A value that is nothing but a placeholder takes over the types of the list. A placeholder
    without a list is reported as a problem.
    """
    found = PLACEHOLDER.search(value) if isinstance(value, str) else None
    if found is None:
        return [value]
    assert isinstance(value, str)  # noqa: S101 - for the type checker
    name = found[1]
    if name not in lists:
        problem(f"there is no list {name!r}{suggestion(name, lists)}")
        return []
    if found[0] == value:
        return list(lists[name])
    start, end = value[: found.start()], value[found.end() :]
    rest = expand(end, lists, problem)
    return [f"{start}{entry}{tail}" for entry in lists[name] for tail in rest]


Model = TypeVar("Model", bound=pydantic.BaseModel)


def read_model(document: Document, model: type[Model], report: Report) -> Model | None:
    """The document checked by a model; None when it has errors, which are reported."""
    try:
        return model.model_validate(document.data)
    except pydantic.ValidationError as error:
        for path, message in problems(error):
            hint = suggestion(str(path[-1]), model.model_fields) if "unknown" in message else ""
            report.add(message + hint, document.line(*path))
        return None


def _read(file: Path, model: type[Model], errors: list[RuleError]) -> Model | None:
    report = Report(file)
    found = documents(file, report)
    if not found and not report.errors:
        report.add("the file is empty")
    if len(found) > 1:
        report.add("the file must hold one document", found[1].line())
    read = read_model(found[0], model, report) if found else None
    errors.extend(report.errors)
    return read


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.yml"))


def any_values(data: Any) -> list[object]:
    """A Sigma value as a list: one value is a list of one."""
    return list(data) if isinstance(data, list) else [data]
