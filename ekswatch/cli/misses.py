"""Why a detection missed events that it should find, in a few lines for its author."""

from collections.abc import Iterator, Sequence

from ekswatch.audit.event import AuditEvent
from ekswatch.cli.outline import Line, miss
from ekswatch.rules.explain import Explainer
from ekswatch.rules.ruleset import Ruleset


def near_misses(ruleset: Ruleset, events: Sequence[AuditEvent], slug: str) -> tuple[str, ...]:
    """What keeps the nearest of some events from matching; nothing when one matches."""
    explainer = Explainer(ruleset)
    nearest = min((explainer.explain(event, slug) for event in events), key=lambda one: one.rank)
    return tuple(_texts(miss(nearest))) if nearest.outcome == "no match" else ()


def _texts(line: Line) -> Iterator[str]:
    yield line.text
    for below in line.below:
        yield from (f"  {text}" for text in _texts(below))
