"""An explanation as an outline of lines with ticks and crosses, for a terminal or a file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from ekswatch.cli.said import bare, condition, flat, listed, pairs, quoted, tested
from ekswatch.cli.table import plain, stamp
from ekswatch.correlate.standing import Standing
from ekswatch.rules.explain import (
    MATCHED,
    Counted,
    Explanation,
    Level,
    News,
    Request,
    RowTrial,
    RuleTrial,
    Suppressor,
)
from ekswatch.rules.ruleset import Correlation
from ekswatch.rules.trial import Flip, Group, Node, Selection, Test, deciding

WIDTH_CHARS = 100
"""Of what is written to a file or a pipe."""

ROWS_SHOWN = 10
FILTERS_SHOWN = 3
"""What is longer is cut, and the line says so; `--format json` has more."""

MARKS = {True: "✓", False: "✗"}
STYLES = {True: "green", False: "red"}

KINDS = {"all": "all of", "any": "any of", "not": "not"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line with those below it; `held` puts a tick or a cross before it, None neither."""

    text: str
    held: bool | None = None
    below: "tuple[Line, ...]" = ()


def tree(line: Line) -> Tree:
    """The outline as rich draws it."""
    drawn = Tree(_marked(line))
    for each in line.below:
        drawn.children.append(tree(each))
    return drawn


def drawn_lines(line: Line) -> list[str]:
    """The outline as lines of at most 100 characters, without colour."""
    console = Console(width=WIDTH_CHARS, color_system=None, legacy_windows=False)
    with console.capture() as captured:
        console.print(tree(line))
    return [each.rstrip() for each in captured.get().splitlines()]


def outline(explanation: Explanation) -> Line:
    """A detection on an event: what came of it, the fewest things missing, then everything."""
    below = [Line(_request(explanation.request))]
    if explanation.note:
        below.append(Line(f"Not judged: {explanation.note}", held=False))
    if explanation.outcome == "no match":
        below.append(_wanting(explanation))
    best = explanation.best
    ordered = [best, *(rule for rule in explanation.rules if rule is not best)]
    below += [_rule(rule, explanation.detection) for rule in ordered]
    return Line(
        f"{explanation.detection}: {explanation.title}: {_outcome(explanation)}",
        explanation.outcome in MATCHED,
        tuple(below),
    )


def overview(request: Request, found: Sequence[Explanation], *, top: int) -> Line:
    """All detections on one event: what fires, what is suppressed, the nearest misses."""
    missed = [each for each in found if each.outcome == "no match"]
    others = [each for each in found if each.outcome != "no match"]
    below = [_short(each) for each in others] or [Line("No detection fires on this event.")]
    note = next((each.note for each in found if each.note), "")
    if note:
        below.insert(0, Line(f"Not judged: {note}", held=False))
    if missed and top:
        nearest = tuple(map(miss, missed[:top]))
        below.append(Line(f"Nearest misses, {len(nearest)} of {len(missed)}", below=nearest))
    return Line(_request(request), below=tuple(below))


def miss(explanation: Explanation, *, name: str = "") -> Line:
    """How far a detection is from firing, and the tests that keep it from that.

    `name` is what the line says instead of the detection's slug.
    """
    row = explanation.best.best
    text = f"{name or explanation.detection}: {_distance(explanation.flips)}"
    return Line(text, held=False, below=tuple(_needs(explanation.best, row)))


def about(explanation: Explanation) -> str:
    """The request that an explanation is about, in one line."""
    return _request(explanation.request)


def standings_outline(
    correlation: Correlation, standings: Sequence[Standing], uncounted: Mapping[str, int], top: int
) -> Line:
    """The groups of one correlation, the nearest first, and what filters kept from counting."""
    below = [_standing(standing) for standing in standings[:top]]
    if len(standings) > top:
        below.append(Line(f"and {len(standings) - top:,} more"))
    if not standings:
        why = "every match was suppressed" if uncounted else "nothing matched"
        below.append(Line(f"No signals of {listed(correlation.rules)}: {why}", held=False))
    for name, count in sorted(uncounted.items()):
        below.append(Line(f"Not counted: {count:,} matches that the filter {name} suppressed"))
    asked = condition(
        correlation.kind,
        correlation.op,
        correlation.count,
        correlation.fields,
        correlation.timespan_seconds,
        correlation.rules,
    )
    text = f"Correlation {correlation.name}: {asked}"
    return Line(text, any(standing.holds for standing in standings), tuple(below))


def _standing(one: Standing) -> Line:
    when = f"{stamp(one.first_seen)} to {stamp(one.last_seen)}"
    absent = f"; still missing {listed(one.absent)}" if one.absent else ""
    away = "" if one.holds else f", {one.missing} away"
    text = (
        f"{one.observed}{away}: {pairs(dict(one.group)) or 'everything together'}"
        f" (best window {when}, {one.occurrences:,} signals in all){absent}"
    )
    return Line(text, one.holds)


# One detection on one event


def _request(request: Request) -> str:
    what = " ".join(bare(v) for v in (request.verb, request.object or request.resource) if v)
    parts = [f"{what} by {bare(request.actor) or '(no name)'} at {stamp(request.at)}"]
    if request.outcome:
        parts.append(f"outcome {bare(request.outcome)}")
    parts += [f"audit ID {request.audit_id or '(none)'}", f"stage {request.stage or '(none)'}"]
    if request.partial:
        parts.append(f"incomplete: {request.partial}")
    return ", ".join(parts)


def _outcome(explanation: Explanation) -> str:
    row = explanation.best.best
    if row.news is not None and not row.news.counts and explanation.outcome in MATCHED:
        return "no finding: it only teaches the baseline what is normal"
    match explanation.outcome:
        case "no match":
            return f"does not fire, {_distance(explanation.flips)}"
        case "suppressed":
            return f"suppressed by the filter {row.suppressed_by}"
        case "not judged":
            return "does not fire at this stage"
        case "failed":
            return "failed: a test raised an error"
        case "signal":
            return f"a signal, which counts together with others{_if_new(row)}"
    also = " and a signal for a correlation" if explanation.outcome != "finding" else ""
    return f"a finding{also}{_if_new(row)}, severity {row.severity}"


def _if_new(row: RowTrial) -> str:
    return ", if it is new to the cluster" if row.news else ""


def _short(explanation: Explanation) -> Line:
    best = explanation.best
    below: tuple[Line, ...] = ()
    if explanation.outcome == "suppressed":
        below = tuple(_filter(f) for f in best.best.filters if f.decided)
    text = f"{explanation.detection}: {_outcome(explanation)}"
    return Line(text, explanation.outcome in MATCHED, below)


def _distance(count: int | None) -> str:
    if count is None:
        return "no value would do, as a list it needs is empty"
    return "1 test away" if count == 1 else f"{count} tests away"


def _wanting(explanation: Explanation) -> Line:
    best = explanation.best
    count = len(explanation.rules)
    where = f" (the nearest of {count} rules: {best.rule})" if count > 1 else ""
    return Line(f"It would fire if{where}", below=tuple(_needs(best, best.best)))


def _needs(rule: RuleTrial, row: RowTrial) -> Iterator[Line]:
    if not row.row:
        yield Line(_no_rows(rule.view), held=False)
    yield from map(_flip, row.missing)


def _no_rows(view: str) -> str:
    return f"this request gives no rows in the view {view} (docs/vocabulary.md says which do)"


def _flip(flip: Flip, *, placed: bool = True) -> Line:
    text = tested(flip.test)
    place = f" (in {flip.selection})" if flip.selection and placed else ""
    return Line(f"{text}{place}" if flip.wanted else f"not {text}{place}", held=False)


def _rule(rule: RuleTrial, slug: str) -> Line:
    of = f" of the detection {rule.detection}" if rule.detection != slug else ""
    view = f", view {rule.view}" if rule.view else ""
    best = rule.best
    ordered = sorted(rule.rows, key=lambda row: (row.outcome not in MATCHED, row is not best))
    shown = ordered[:ROWS_SHOWN]
    below = list(_rows(shown, rule))
    if len(rule.rows) > ROWS_SHOWN:
        below.append(Line(f"and {len(rule.rows) - ROWS_SHOWN:,} more"))
    return Line(f"Rule {rule.rule}{of}{view}", best.outcome in MATCHED, tuple(below))


def _rows(rows: Sequence[RowTrial], rule: RuleTrial) -> Iterator[Line]:
    """The lines of rows; a view's rows have one each, and what came out alike stands once."""
    first: dict[tuple[Line, ...], int] = {}
    for row in rows:
        lines = tuple(_judged(row, rule))
        if not rule.view or not row.row:
            yield from lines
            continue
        label = f" {quoted(row.label)}" if row.label else ""
        text = f"{rule.view} {row.row} of {len(rule.rows)}{label}: {row.outcome}"
        same = first.setdefault(lines, row.row)
        below = lines if same == row.row else (Line(f"as {rule.view} {same}"),)
        yield Line(text, row.outcome in MATCHED, below)


def _judged(row: RowTrial, rule: RuleTrial) -> Iterator[Line]:
    if not row.row:
        yield Line(_no_rows(rule.view), held=False)
    yield Line("Condition", row.condition.held, (_node(row.condition),))
    if row.outcome in ("no match", "not judged", "failed"):
        return
    yield from _filters(row.filters)
    if row.news is not None:
        yield _news(row.news)
    if row.outcome != "signal":  # a correlation has its own severity
        yield _severity(row)
    if not row.suppressed_by:
        yield from map(_counted, row.counted)


def _news(news: News) -> Line:
    """What a baseline, which explains nothing here, would be asked."""
    seen = tuple(Line(f"{field}: {quoted(value)}") for field, value in news.fields)
    text = f"Only if the cluster did not see this together for {news.forget_days} days"
    if news.counts:
        return Line(text, below=seen)
    named = " and ".join(news.when)
    return Line(f"Teaches what is normal and no more, as {named} does not hold", below=seen)


# The tree of tests


def _node(node: Node, *, negated: bool = False) -> Line:
    """A node's line. A `not` is one line with what it negates, marked for the whole."""
    before = "not " if negated else ""
    mark = node.held is not negated
    match node:
        case Test():
            return Line(before + tested(node), mark)
        case Selection(name=name, part=part):
            return Line(f"{before}{name}{_kind(part)}", mark, tuple(_inside(part)))
        case Group(kind="not", parts=(part,)) if not negated:
            return _node(part, negated=True)
    return Line(f"{before}{KINDS[node.kind]}", mark, tuple(map(_node, node.parts)) or _EMPTY)


def _kind(part: Node) -> str:
    return f" ({KINDS[part.kind]})" if isinstance(part, Group) and part.kind != "not" else ""


def _inside(part: Node) -> Iterator[Line]:
    """What stands below the name of a selection."""
    if isinstance(part, Group) and part.kind != "not":
        yield from map(_node, part.parts) if part.parts else _EMPTY
    else:
        yield _node(part)


_EMPTY = (Line("no values, as of an empty list: nothing can be equal to it", held=False),)


# Filters, severity, correlations


def _filters(filters: Sequence[Suppressor]) -> Iterator[Line]:
    holding = [each for each in filters if each.held]
    yield from map(_filter, sorted(holding, key=lambda each: not each.decided))
    missing = sorted(
        (each for each in filters if not each.held), key=lambda f: (len(f.missing), f.name)
    )
    if not filters:
        yield Line("Filters: none is for this rule")
    elif missing:
        nearest = tuple(_filter(each) for each in missing[:FILTERS_SHOWN])
        some = f", the nearest {len(nearest)}" if len(missing) > len(nearest) else ""
        yield Line(f"Filters that do not hold: {len(missing)}{some}", below=nearest)


def _filter(one: Suppressor) -> Line:
    if not one.held:
        missing = tuple(map(_flip, one.missing))
        unused = f" (and {one.unused})" if one.unused else ""
        return Line(f"{one.name}: {one.title}{unused}", held=False, below=missing)
    if one.unused:
        said = f"would have suppressed it, but {one.unused}"
    else:
        said = "suppresses it, so it is only counted" if one.decided else "would suppress it, too"
    kind = "Default filter" if one.default else "Filter"
    until = f", expires {one.expires}" if one.expires and not one.unused else ""
    why = Line(f"{flat(one.reason)} (owner {bare(one.owner)}{until})")
    text = f"{kind} {one.name} {said}: {flat(one.title)}"
    return Line(text, not one.unused, (why, _node(one.condition)))


def _severity(row: RowTrial) -> Line:
    decided = next((level for level in row.levels if level.decided), None)
    before = row.levels[: row.levels.index(decided)] if decided else row.levels
    if decided is not None:
        why = f"by the entry for {_names_of(decided)}"
    else:
        why = "the rule's own level" + (", as no entry holds" if row.levels else "")
    return Line(f"Severity {row.severity}: {why}", below=tuple(map(_level, before)))


def _level(level: Level) -> Line:
    several = len(level.when) > 1
    found = (flip for node in level.when for flip in deciding(node))
    missing = tuple(_flip(flip, placed=several) for flip in found)
    return Line(f"{level.severity} for {_names_of(level)}", held=False, below=missing or _EMPTY)


def _names_of(level: Level) -> str:
    return " and ".join(node.name for node in level.when if isinstance(node, Selection))


def _counted(one: Counted) -> Line:
    asked = condition(one.kind, one.op, one.count, one.values, one.timespan_seconds, ("its rules",))
    adds = f"; this one adds {pairs(one.values)}" if one.values else ""
    group = pairs(one.group) or "everything together"
    return Line(f"Counted by {one.correlation} ({asked}), group {group}{adds}", held=True)


def _marked(line: Line) -> Text:
    text = plain(line.text)
    if line.held is None:
        return text
    return Text(f"{MARKS[line.held]} ", STYLES[line.held]).append_text(text)
