"""The operator's switches: `ekswatch.yml` of the tuning folder."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

from ekswatch.rules.documents import documents
from ekswatch.rules.errors import Report, RuleError, TooManyErrors, reading
from ekswatch.rules.folders import SUFFIXES, one_per_stem
from ekswatch.rules.lists import read_model
from ekswatch.rules.schema import Tuning
from ekswatch.rules.suggest import suggestion

PARTS = ("ekswatch", "lists", "filters")
"""What a tuning folder holds."""


def read_settings(tuning: Path | None, errors: list[RuleError]) -> Tuning:
    """What the operator set, or the defaults where that is nothing, or wrong."""
    if tuning is None:
        return Tuning()
    try:
        entries = sorted(tuning.iterdir())
    except OSError as error:
        errors.append(RuleError(str(tuning), 0, f"the folder cannot be read: {error.strerror}"))
        return Tuning()
    files = [each for each in entries if each.name in [f"ekswatch{end}" for end in SUFFIXES]]
    errors += [_misspelt(each) for each in entries if each not in files and _nearly(each)]
    return next((_read(file, errors) for file in one_per_stem(files, errors)), Tuning())


def _nearly(path: Path) -> str:
    """What a file or folder of nearly the right name was to be, or an empty string."""
    if path.name in PARTS or not (path.suffix in SUFFIXES or path.is_dir()):
        return ""
    return suggestion(path.stem, PARTS)


def _misspelt(path: Path) -> RuleError:
    return RuleError(str(path), 0, f"not a name that is read{_nearly(path)}")


def _read(file: Path, errors: list[RuleError]) -> Tuning:
    report = Report(file)
    settings = None
    with suppress(TooManyErrors), reading(report):
        found = documents(file, report)
        if len(found) > 1:
            report.add("the file must hold one document", found[1].line())
        settings = read_model(found[0], Tuning, report) if found else None
    errors += report.errors
    return settings or Tuning()


def check_disabled(
    settings: Tuning,
    tuning: Path | None,
    known: Mapping[str, Collection[str]],
    errors: list[RuleError],
) -> None:
    """Report what is switched off and not there; `known` is names by kind."""
    wanted = {"detection": settings.disabled.detections, "filter": settings.disabled.filters}
    for kind, names in wanted.items():
        for name in names:
            if name not in known[kind]:
                hint = suggestion(name, known[kind])
                message = f"disabled: there is no {kind} {name!r}{hint}"
                errors.append(RuleError(str((tuning or Path()) / "ekswatch.yml"), 0, message))
