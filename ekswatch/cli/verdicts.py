"""What `rules test` found out: which examples pass, which fail and why, and what is missing."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ekswatch.audit.vocabulary import STATES
from ekswatch.cli.examples import Outcome, find_examples, run_examples, strays
from ekswatch.rules.ruleset import Ruleset

INDENT = " " * 6


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The outcomes of a run.

    Shape: `misplaced` are files that belong to no detection or are no examples, with the reason;
    `bare` the slugs of the detections judged that have no examples but could have some.
    """

    detections: int
    outcomes: tuple[Outcome, ...]
    misplaced: tuple[tuple[Path, str], ...]
    bare: tuple[str, ...]

    @property
    def failed(self) -> int:
        return sum(not outcome.passed for outcome in self.outcomes) + len(self.misplaced)

    def lines(self) -> Iterator[str]:
        """A line per example, and below it why it failed."""
        for outcome in self.outcomes:
            yield f"{'pass' if outcome.passed else 'FAIL'}  {outcome.example.name}"
            if not outcome.passed:
                yield INDENT + outcome.problem
            yield from (INDENT + hint for hint in outcome.hints)
        for path, problem in self.misplaced:
            yield f"FAIL  {path}"
            yield INDENT + problem
        yield from (f"none  {slug} has no examples" for slug in self.bare)

    def as_json(self) -> dict[str, Any]:
        """The same as documented in docs/commands.md."""
        return {
            "examples": [
                {
                    "detection": outcome.example.slug,
                    "kind": outcome.example.kind,
                    "file": str(outcome.example.path),
                    "passed": outcome.passed,
                    "problem": outcome.problem,
                    "hints": list(outcome.hints),
                }
                for outcome in self.outcomes
            ],
            "misplaced": [
                {"file": str(path), "problem": problem} for path, problem in self.misplaced
            ],
            "without_examples": list(self.bare),
        }


def verdicts(
    ruleset: Ruleset, events: Collection[Path], *, only: Iterable[str], known: Collection[str]
) -> Verdicts:
    """The verdicts on the examples in some folders of events.

    Shape: `only` are the slugs to judge, or none for all; then files that belong to none of the
    `known` slugs fail, too. Examples of detections that are switched off are left out.
    """
    running = {detection.slug for detection in ruleset.detections}
    wanted = running & {*only} if only else running
    shown = {rule.detection for rule in ruleset.rules if rule.view in STATES}  # by no audit event
    examples = [example for example in find_examples(*events) if example.slug in wanted]
    return Verdicts(
        detections=len(wanted),
        outcomes=tuple(run_examples(ruleset, examples)),
        misplaced=() if only else tuple(one for each in events for one in strays(each, known)),
        bare=tuple(sorted(wanted - shown - {example.slug for example in examples})),
    )
