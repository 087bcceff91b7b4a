"""compile_ruleset: a folder of Sigma files in, one Ruleset out.

What is deployed compiles whole or not at all; the command line goes on with what does.
"""

from pathlib import Path

from ekswatch.rules.compiler.errors import RuleError, RuleErrors
from ekswatch.rules.compiler.sources import read_sources
from ekswatch.rules.compiler.writing import written
from ekswatch.rules.ruleset import Ruleset


def compile_ruleset(folder: Path, tuning: Path | None = None) -> Ruleset:
    """The detections of a folder, with the operator's changes from the tuning folder.

    Raises: RuleErrors, with every error of every file.
    """
    sources = read_sources(folder, tuning)
    if sources.errors:
        raise RuleErrors(sources.errors)
    return written(sources)


def compile_what_loads(
    folder: Path, tuning: Path | None = None
) -> tuple[Ruleset, tuple[RuleError, ...]]:
    """The same from the files without errors, and the errors of the others.

    Raises: RuleErrors when nothing is left, and when the operator's settings have errors: what
    they switch off is then unknown.
    """
    sources = read_sources(folder, tuning)
    if sources.errors and not (sources.files and sources.settings_hold):
        raise RuleErrors(sources.errors)
    return written(sources), sources.errors


__all__ = ["RuleErrors", "compile_ruleset", "compile_what_loads"]
