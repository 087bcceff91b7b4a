"""Which files of a folder hold documents: YAML at any depth, whatever is hidden left out."""

import os
from collections.abc import Collection, Iterable
from pathlib import Path

from ekswatch.rules.compiler.errors import RuleError

SUFFIXES = (".yml", ".yaml")


def yaml_files(
    folder: Path, errors: list[RuleError], *, leave_out: Collection[str] = ()
) -> list[Path]:
    """The YAML files below a folder, sorted; none when there is no such folder.

    Links to folders are followed, once each. `leave_out` names folders directly in it.
    Errors: a folder that cannot be listed.
    """

    def closed(error: OSError) -> None:
        if error.filename != str(folder) or not isinstance(error, FileNotFoundError):
            message = f"the folder cannot be read: {error.strerror}"
            errors.append(RuleError(str(error.filename), 0, message))

    found: list[Path] = []
    seen: set[tuple[int, int]] = set()
    for root, folders, names in os.walk(folder, onerror=closed, followlinks=True):
        place = os.stat(root)
        if (place.st_dev, place.st_ino) in seen:
            folders.clear()
            continue
        seen.add((place.st_dev, place.st_ino))
        inside = [name for name in [*folders, *names] if name.endswith(SUFFIXES)]
        found += [Path(root, name) for name in inside if not name.startswith(".")]
        left_out = leave_out if Path(root) == folder else ()
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and name not in left_out and not name.endswith(SUFFIXES)
        )
    return sorted(found)


def one_per_stem(files: Iterable[Path], errors: list[RuleError]) -> list[Path]:
    """The files without those whose name, the suffix aside, another one has; these are errors."""
    first: dict[str, Path] = {}
    for file in files:
        if file.stem in first:
            message = f"the name {file.stem!r} is already taken by {first[file.stem]}"
            errors.append(RuleError(str(file), 0, message))
        else:
            first[file.stem] = file
    return [*first.values()]
