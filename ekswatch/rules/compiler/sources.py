"""Sources: every file of a detections folder and a tuning folder, read and checked.

First each file on its own, then the names that point from one document to another. A file with
errors is left out, and so is a correlation over one that is; every error is kept.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path

from ekswatch.rules.compiler.checks import check_file
from ekswatch.rules.compiler.databases import read_databases
from ekswatch.rules.compiler.documents import Document, raw
from ekswatch.rules.compiler.drafts import (
    CorrelationDraft,
    File,
    FilterDraft,
    document_id,
    read_file,
    read_filters,
)
from ekswatch.rules.compiler.errors import (
    MAX_ERRORS_PER_FILE,
    Report,
    RuleError,
    TooManyErrors,
    reading,
)
from ekswatch.rules.compiler.exclusions import exclusion
from ekswatch.rules.compiler.folders import yaml_files
from ekswatch.rules.compiler.lists import Lists, read_lists
from ekswatch.rules.compiler.names import Names
from ekswatch.rules.compiler.schema import Tuning
from ekswatch.rules.compiler.settings import Settings, check_names, read_settings
from ekswatch.rules.ruleset import Database, Filter

SPECIAL = ("lists", "filters")
"""Folders of a detections folder that hold no detections."""

OWN = "detections"
"""The folder of a tuning folder that holds the operator's own detections."""

NAMED = re.compile(r"^(?:name|id):[ \t]*['\"]?([^\s'\"#]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Sources:
    """What was read: `files` by slug and `filters` by name, only those without errors.

    `exclusions` are the filters as data. `names` knows the documents of `files`. `errors` is
    everything that is wrong, sorted; `settings_hold` is False when some of it is about the
    operator's settings, so that nobody knows what was to be switched off; `settings_document`
    is where these stand. `databases` say where addresses lie.
    """

    folder: Path
    tuning: Path | None
    files: tuple[File, ...]
    lists: Lists
    filters: tuple[FilterDraft, ...]
    exclusions: tuple[Filter, ...]
    settings: Tuning
    settings_document: Document | None
    settings_hold: bool
    databases: tuple[Database, ...]
    names: Names
    errors: tuple[RuleError, ...]

    @property
    def roots(self) -> tuple[Path, ...]:
        """The folders of detections: the first, and the operator's own."""
        return roots(self.folder, self.tuning)

    def root_of(self, file: File) -> Path:
        """The folder of detections that a file lies in."""
        return next(root for root in self.roots if file.path.is_relative_to(root))

    @property
    def list_folders(self) -> tuple[Path, ...]:
        """Where lists lie, and then the operator's changes and lists."""
        return tuple(each / "lists" for each in (self.folder, self.tuning) if each)


def roots(folder: Path, tuning: Path | None) -> tuple[Path, ...]:
    """A folder of detections, and that inside a tuning folder unless it is the same."""
    if tuning is None or (tuning / OWN).resolve() == folder.resolve():
        return (folder,)
    return (folder, tuning / OWN)


def read_sources(folder: Path, tuning: Path | None) -> Sources:
    """Every file of both folders; what is wrong with them stands in `errors`."""
    errors: list[RuleError] = []
    unsettled: list[RuleError] = []
    settings = read_settings(tuning, unsettled)
    databases = read_databases(settings, tuning, unsettled)
    lists = read_lists(
        folder / "lists", tuning / "lists" if tuning else None, settings.tuning.lists, errors
    )
    files, broken = _read_files(roots(folder, tuning), lists, errors)
    whole, names = _without_faults(files, broken, errors)
    filters, lost = _read_filters(folder, tuning, lists, names, errors)
    filters = _with_suppressions(filters, settings, whole, lists, names, unsettled)
    check_names(
        settings,
        {
            "detection": {file.slug for file in whole} | names.broken,
            "filter": {each.name for _, each in filters} | lost,
            "list": {*lists, *lists.broken},
        },
        unsettled,
    )
    return Sources(
        folder=folder,
        tuning=tuning,
        files=tuple(whole),
        lists=lists,
        filters=tuple(draft for draft, _ in filters),
        exclusions=tuple(each for _, each in filters),
        settings=settings.tuning,
        settings_document=settings.document,
        settings_hold=not unsettled,
        databases=databases,
        names=names,
        errors=tuple(sorted({*errors, *unsettled})),
    )


def _read_files(
    folders: Sequence[Path], lists: Lists, errors: list[RuleError]
) -> tuple[list[File], frozenset[str]]:
    """The files without errors by slug, and the names that documents of the others have."""
    folder, *own = folders
    paths = yaml_files(folder, errors, leave_out=SPECIAL)
    if not paths:
        errors.append(RuleError(str(folder), 0, "there are no detections in the folder"))
    paths += (path for each in own for path in yaml_files(each, errors))
    files: list[File] = []
    broken: set[str] = set()
    for path in paths:
        report = Report(path)
        file = None
        with suppress(TooManyErrors), reading(report):
            if not path.name.isprintable():  # it would be part of every finding
                report.add("the name of the file has characters that cannot be shown")
            file = read_file(path, lists, report)
        errors.extend(report.errors)
        if file is not None and not report.errors:
            files.append(file)
        else:
            broken |= _names_in(path)
    return sorted(files, key=lambda file: file.slug), frozenset(broken)


def _names_in(path: Path) -> set[str]:
    """What the documents of a file that cannot be read seem to be called."""
    text = (raw(path, Report(path)) or b"").decode("utf-8", "replace")
    return {path.stem, *NAMED.findall(text)}


def _without_faults(
    files: Iterable[File], broken: Collection[str], errors: list[RuleError]
) -> tuple[list[File], Names]:
    """The files that have no errors among the others, and their names.

    A file that is left out may leave another without what it correlates, hence the rounds.
    """
    whole, left_out = list(files), set(broken)
    while True:
        names = Names(whole, left_out)
        faults = (islice(check_file(file, names), MAX_ERRORS_PER_FILE) for file in whole)
        found = [*names.clashes, *chain.from_iterable(faults)]
        if not found:
            return whole, names
        errors += found
        at_fault = {error.file for error in found}
        for file in whole:
            if str(file.path) in at_fault:
                left_out |= {file.slug, *_named(file)}
        whole = [file for file in whole if str(file.path) not in at_fault]


def _named(file: File) -> set[str]:
    return {
        name for each in file.drafts for name in (each.name, document_id(each.document)) if name
    }


def _read_filters(
    folder: Path,
    tuning: Path | None,
    lists: Lists,
    names: Names,
    errors: list[RuleError],
) -> tuple[list[tuple[FilterDraft, Filter]], set[str]]:
    """The filters by name, and the names of those in files with errors."""
    folders = [folder / "filters", *([tuning / "filters"] if tuning else [])]
    found: dict[str, tuple[FilterDraft, Filter]] = {}
    lost: set[str] = set()
    for path in (path for each in folders for path in yaml_files(each, errors)):
        report = Report(path)
        mine: dict[str, tuple[FilterDraft, Filter]] = {}
        with suppress(TooManyErrors), reading(report):
            for draft in read_filters(path, report):
                if draft.name in found or draft.name in mine:
                    line = draft.document.line("name")
                    report.add(f"the name {draft.name!r} is already taken", line)
                elif (made := exclusion(draft, lists, names, report)) is not None:
                    mine[draft.name] = (draft, made)
                else:
                    lost.add(draft.name)
        errors.extend(report.errors)
        if report.errors:
            lost |= _names_in(path)
        else:
            found |= mine
    return [found[name] for name in sorted(found)], lost


def _with_suppressions(
    filters: list[tuple[FilterDraft, Filter]],
    settings: Settings,
    files: Iterable[File],
    lists: Lists,
    names: Names,
    errors: list[RuleError],
) -> list[tuple[FilterDraft, Filter]]:
    """The filters and the suppressions of the settings, by name."""
    found = {draft.name: (draft, made) for draft, made in filters}
    by_slug = {file.slug: file for file in files}
    for index, written in enumerate(settings.suppressions()):
        draft = replace(written, rules=tuple(_meant(written, by_slug)))
        report = Report(draft.document.file)
        if draft.name in found:
            errors.append(
                settings.error(f"the name {draft.name!r} is already taken", "suppressions", index)
            )
            continue
        with suppress(TooManyErrors), reading(report):
            made = exclusion(draft, lists, names, report)
            if made is not None:
                found[draft.name] = (draft, made)
        errors += report.errors
    return [found[name] for name in sorted(found)]


def _meant(draft: FilterDraft, files: Mapping[str, File]) -> Iterator[str]:
    """The documents that a suppression is for: of a detection all, on its view if it has one."""
    for name in draft.rules:
        if name not in files:
            yield name
            continue
        for each in files[name].drafts:
            if isinstance(each, CorrelationDraft) or draft.view in ("", each.view):
                yield each.name
