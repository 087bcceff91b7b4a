"""What `rules lint` says: errors that keep a file from loading, and what a review finds."""

import os
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path

from ekswatch.cli.content import detections_folder
from ekswatch.cli.examples import KINDS, events_folder, find_examples, kinds_of
from ekswatch.rules.compiler.attack import TACTICS
from ekswatch.rules.compiler.sources import SPECIAL, Sources, read_sources
from ekswatch.rules.lint.review import Problem, review

INSIDE = frozenset({*TACTICS, *SPECIAL})
"""Names of the folders inside a folder of detections."""

DOES_NOT_LOAD = "does-not-load"
"""The code of everything that keeps a file from being compiled."""


def problems(
    paths: Iterable[Path], *, folder: Path | None, tuning: Path | None, today: date
) -> tuple[Problem, ...]:
    """Everything about the files below some paths, and about the tuning folder, sorted.

    Shape: each path is read as a part of `folder`, or where that is None of the folder of
    detections that it lies in, as names and lists come from there.
    """
    by_folder: dict[Path, list[Path]] = {}
    for path in paths:
        by_folder.setdefault(folder or home_of(path), []).append(path)
    found = {
        problem
        for home, parts in by_folder.items()
        for problem in _of_folder(home, tuning, today)
        if _is_inside(problem.file, [*parts, *([tuning] if tuning else [])])
    }
    return tuple(sorted(found))


def line(problem: Problem) -> str:
    """One line, with the place where an editor looks for it."""
    place = f"{problem.file}:{problem.line}" if problem.line else problem.file
    return f"{place}: {problem.level} {problem.code} {problem.message}"


def home_of(path: Path) -> Path:
    """The folder of detections that a path lies in: above folders of tactics, lists, filters."""
    home = path if path.is_dir() else path.parent
    while home.resolve().name in INSIDE:
        home = home / ".." if home.name in ("", "..") else home.parent
    return home


def _of_folder(folder: Path, tuning: Path | None, today: date) -> list[Problem]:
    sources = read_sources(folder, tuning)
    return [
        *(Problem(e.file, e.line, "error", DOES_NOT_LOAD, e.message) for e in sources.errors),
        *review(sources, examples=_examples(sources), today=today),
    ]


def _examples(sources: Sources) -> Mapping[str, frozenset[str]]:
    """The kinds of example of each detection.

    An installed package leaves out the examples of the detections that it ships; these were
    judged before it was built.
    """
    folder, *own = sources.roots
    shipped = find_examples(events_folder(folder))
    found = kinds_of((*shipped, *find_examples(*map(events_folder, own))))
    if shipped or folder.resolve() != detections_folder().resolve():
        return found
    judged = (file.slug for file in sources.files if sources.root_of(file) == folder)
    return {**found, **{slug: frozenset(KINDS) for slug in judged}}


def _is_inside(file: str, paths: Iterable[Path]) -> bool:
    """Whether a file lies below one of the paths, as they are written or where links lead."""
    return any(
        place(file).is_relative_to(place(path)) for path in paths for place in (_written, _linked)
    )


def _written(path: str | Path) -> Path:
    return Path(os.path.abspath(path))


def _linked(path: str | Path) -> Path:
    return Path(path).resolve()
