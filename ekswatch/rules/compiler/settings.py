"""The operator's settings: `ekswatch.yml` of the tuning folder."""

import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ekswatch.rules.compiler.documents import Document, lone_document
from ekswatch.rules.compiler.drafts import FilterDraft
from ekswatch.rules.compiler.errors import Report, RuleError, TooManyErrors, reading
from ekswatch.rules.compiler.folders import SUFFIXES, one_per_stem
from ekswatch.rules.compiler.lists import read_model
from ekswatch.rules.compiler.schema import FilterKeys, Tuning
from ekswatch.rules.compiler.suggest import suggestion

PARTS = ("ekswatch", "detections", "events", "lists", "filters")
"""What a tuning folder holds."""


NOTHING = Tuning()


@dataclass(frozen=True, slots=True)
class Settings:
    """What the operator set, and the document that says so, if there is one."""

    tuning: Tuning = NOTHING
    document: Document | None = None

    def error(self, message: str, *path: str | int) -> RuleError:
        """An error at a key path of the document."""
        assert self.document is not None  # noqa: S101 - nothing was set without one
        return RuleError(str(self.document.file), self.document.line(*path), message)

    def suppressions(self) -> list[FilterDraft]:
        """The suppressions as Sigma's filters, which say what they leave."""
        return [self._filter(index) for index in range(len(self.tuning.suppressions))]

    def _filter(self, index: int) -> FilterDraft:
        each = self.tuning.suppressions[index]
        assert self.document is not None  # noqa: S101 - nothing was set without one
        line = self.document.line("suppressions", index)
        expected = [*each.when] if isinstance(each.when, tuple) else each.when
        section = {"rules": [*each.rules], "expected": expected, "condition": "not expected"}
        document = Document(self.document.file, {"title": each.name, "filter": section}, {(): line})
        keys = FilterKeys(reason=each.reason, owner=each.owner, expires=each.expires)
        rules = tuple("any" if rule.lower() == "any" else rule for rule in each.rules)
        return FilterDraft(document, each.name, keys, rules, each.view)


def read_settings(tuning: Path | None, errors: list[RuleError]) -> Settings:
    """What the operator set, or the defaults where that is nothing, or wrong."""
    if tuning is None:
        return Settings()
    try:
        entries = sorted(tuning.iterdir())
    except OSError as error:
        errors.append(RuleError(str(tuning), 0, f"the folder cannot be read: {error.strerror}"))
        return Settings()
    files = [each for each in entries if each.name in [f"ekswatch{end}" for end in SUFFIXES]]
    errors += [_misspelt(each) for each in entries if each not in files and _nearly(each)]
    return next((_read(file, errors) for file in one_per_stem(files, errors)), Settings())


def _nearly(path: Path) -> str:
    """What a file or folder of nearly the right name was to be, or an empty string."""
    is_folder = os.path.isdir(path)  # a link that leads nowhere raises in pathlib
    if path.name in PARTS or not (path.suffix in SUFFIXES or is_folder):
        return ""
    return suggestion(path.stem, PARTS)


def _misspelt(path: Path) -> RuleError:
    return RuleError(str(path), 0, f"not a name that is read{_nearly(path)}")


def _read(file: Path, errors: list[RuleError]) -> Settings:
    report = Report(file)
    read = None
    document = None
    with suppress(TooManyErrors), reading(report):
        document = lone_document(file, report)
        read = read_model(Tuning, document, report) if document else None
    errors += report.errors
    return Settings(read, document) if read else Settings()


def check_names(
    settings: Settings,
    known: Mapping[str, Collection[str]],
    errors: list[RuleError],
) -> None:
    """Report what is changed or switched off and not there; `known` is names by kind."""
    off, tuning = settings.tuning.disabled, settings.tuning
    wanted = (
        ("detection", off.detections, ("disabled", "detections")),
        ("filter", off.filters, ("disabled", "filters")),
        ("detection", tuning.detections, ("detections",)),
        ("list", tuning.lists, ("lists",)),
    )
    for kind, names, path in wanted:
        for name in names:
            if name not in known[kind]:
                hint = suggestion(name, known[kind])
                message = f"{path[0]}: there is no {kind} {name!r}{hint}"
                errors.append(settings.error(message, *path, name))
