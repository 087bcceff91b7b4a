"""Portraits of detections for people: a table of many, and one in sentences."""

from collections.abc import Iterable, Iterator, Mapping
from textwrap import TextWrapper

from rich import box
from rich.table import Table

from ekswatch.cli import table
from ekswatch.cli.portrait import Condition, Count, FilterUsed, ListUsed, Portrait, Row
from ekswatch.rules.compiler.lists import PLACEHOLDER, any_values
from ekswatch.rules.detection import Severity
from ekswatch.rules.ruleset import Novel

WIDTH_CHARS = 96
LABEL_CHARS = 12

COLUMNS = ("severity", "slug", "kind", "techniques", "tactics", "views", "status")
LEFT_OUT = ("tactics", "views", "status")
"""Columns of a wide table only."""
WIDE_CHARS = 120

COMPARISONS = {
    "contains": "contains",
    "startswith": "starts with",
    "endswith": "ends with",
    "re": "matches the expression",
    "cidr": "is in the network",
    "lt": "is below",
    "lte": "is at most",
    "gt": "is above",
    "gte": "is at least",
    "fieldref": "is the value of",
    "neq": "is not",
    "exists": "exists:",
}
"""Sigma's modifiers as verbs; others are named as they are."""

BOUNDS = {
    "lt": "fewer than",
    "lte": "at most",
    "gt": "more than",
    "gte": "at least",
    "eq": "exactly",
    "neq": "other than",
}

UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))


def rows_table(rows: Iterable[Row], width: int) -> Table:
    """One line per detection; below 120 characters without the columns that matter less."""
    shown = [name for name in COLUMNS if width >= WIDE_CHARS or name not in LEFT_OUT]
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in shown:
        heading = "Detection" if name == "slug" else name.title()
        made.add_column(heading, overflow="fold", no_wrap=name in ("severity", "slug", "kind"))
    for row in rows:
        cells = [_cell(getattr(row, name)) for name in shown[1:]]
        if not row.is_on:
            cells[0] += " (off)"
        made.add_row(table.severity_text(Severity[row.severity]), *map(table.plain, cells))
    return made


def _cell(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else ", ".join(value)


def text(portrait: Portrait) -> str:
    """Everything about a detection, in the order in which a person asks."""
    return "\n".join(_lines(portrait)) + "\n"


def _lines(portrait: Portrait) -> Iterator[str]:
    row, detection = portrait.row, portrait.detection
    yield f"{row.slug}: {detection.title}"
    told = (row.severity, f"risk {portrait.risk}", row.kind, row.maturity, row.status)
    yield ", ".join(filter(None, told))
    yield row.file
    yield ""
    for paragraph in detection.description.split("\n\n"):
        yield from wrap(" ".join(paragraph.split()))
    yield ""
    yield from _entry("Not on EKS", portrait.unlogged) if portrait.unlogged else ()
    yield from _entry("Says", detection.message)
    yield from _entry("One finding", f"per {', '.join(detection.dedup)}")
    yield from _entry("", f"in {period(detection.dedup_seconds)}")
    yield from _entry("Tactics", ", ".join(detection.tactics) or "none")
    techniques = [f"{each.id} {each.name}" for each in detection.techniques]
    yield from _entries("Techniques", techniques or ["none"])
    for count in portrait.correlations:
        yield from ("", *_count(count))
    for condition in portrait.conditions:
        yield from ("", *_condition(condition))
    yield from _section("Lists", map(_list, portrait.lists))
    yield from _section("Filters", map(_filter, portrait.filters))
    yield from _section("Who does it legitimately, and what it misses", detection.falsepositives)
    yield from _section("Check first", [detection.runbook] if detection.runbook else [])
    yield from _section("Commands", detection.commands, cut=False)
    examples = [f"{example.kind:6} {example.file}" for example in portrait.examples]
    yield from _section("Examples", examples or ["none"], cut=False)
    yield from _section("References", detection.references, cut=False)


def _count(count: Count) -> Iterator[str]:
    yield f"Correlation {count.name}: {count.title} ({count.severity})"
    rules = ", ".join(count.rules)
    within = period(count.timespan_seconds)
    if count.kind == "temporal_ordered":
        said = f"{' then '.join(count.rules)}, within {within}"
    elif count.kind == "temporal":
        said = f"all of {rules}, within {within}"
    else:
        things = f"different {' and '.join(count.fields)} of" if count.fields else "requests of"
        said = f"{BOUNDS[count.op]} {count.count} {things} {rules}, within {within}"
    yield from wrap(said, first="  ", others="    ")
    if count.group_by:
        yield f"  for the same {', '.join(count.group_by)}"


def _condition(condition: Condition) -> Iterator[str]:
    yield f"Rule {condition.name} on the view {condition.view}: {condition.title}"
    yield from wrap(condition.condition, first="  ", others="    ")
    for name, definition in condition.selections.items():
        yield f"  {name}"
        yield from (f"    {line}" for line in selection(definition))
    if condition.novel is not None:
        yield from _novel(condition.novel)
    if condition.levels:
        yield "  severity"
    for level in condition.levels:
        yield f"    {level.severity} when {' and '.join(level.when)}"
    if condition.levels:
        yield f"    {condition.severity} otherwise"


def _novel(novel: Novel) -> Iterator[str]:
    yield f"  only when this is new to the cluster: {', '.join(novel.key)}"
    yield f"    not seen for {novel.forget_days} days; the first {novel.learn_days} days are quiet"
    if novel.per:
        yield f"    so are the first {novel.learn_days} of any new {', '.join(novel.per)}"
    if novel.when:
        yield f"    counts where {' and '.join(novel.when)}, otherwise it only teaches"


def selection(definition: object) -> list[str]:
    """A selection, one line per test; alternatives are marked `or`."""
    if isinstance(definition, Mapping):
        return [words(str(key), value) for key, value in definition.items()]
    lines: list[str] = []
    for index, part in enumerate(any_values(definition)):
        mark = "or " if index else ""
        inner = selection(part) if isinstance(part, Mapping) else [f"anything says {_value(part)}"]
        lines += [f"{mark}{' and '.join(inner)}"]
    return lines


def words(key: str, value: object) -> str:
    """One test of a selection as a sentence: field, comparison, values."""
    field, *modifiers = key.split("|")
    values = any_values(value)
    joined = (" and " if "all" in modifiers else " or ").join(map(_value, values))
    comparisons = [
        COMPARISONS.get(each, each) for each in modifiers if each not in ("expand", "all")
    ]
    if not comparisons and values == [None]:
        return f"{field} is absent"
    if not comparisons and values == ["*"]:
        return f"{field} has a value"
    if not values:
        joined = "nothing"
    return f"{field} {' '.join(comparisons) or 'is'} {joined}"


def _value(value: object) -> str:
    if value is None:
        return "absent"
    if isinstance(value, bool):
        return str(value).lower()
    said = str(value)
    whole = PLACEHOLDER.fullmatch(said)
    return f"one of the list {whole[1]}" if whole else PLACEHOLDER.sub(r"<\1>", said)


def _list(used: ListUsed) -> str:
    tuned = f", changed by {used.tuned_by}" if used.tuned_by else ""
    source = f" ({used.source.rstrip('.')})" if used.source else ""
    return f"{used.name}: {used.size} values, {used.file}{tuned}{source}"


def _filter(used: FilterUsed) -> str:
    marks = [
        *(["ships with ekswatch"] if used.default else [f"owned by {used.owner}"]),
        *([f"until {used.expires}"] if used.expires else []),
        *([] if used.enabled else ["switched off"]),
    ]
    return f"{used.name} ({', '.join(marks)}): {used.reason}"


def _section(title: str, entries: Iterable[str], *, cut: bool = True) -> Iterator[str]:
    """A titled list; what is not cut is for copying."""
    lines = [" ".join(entry.split()) if cut else entry for entry in entries]
    if lines:
        yield from ("", title)
    for line in lines:
        if cut:
            yield from wrap(line, first="  - ", others="    ")
        else:
            yield f"  {line}"


def _entries(label: str, values: Iterable[str]) -> Iterator[str]:
    for index, value in enumerate(values):
        yield from _entry("" if index else label, value)


def _entry(label: str, value: str) -> Iterator[str]:
    yield from wrap(value, first=f"{label:{LABEL_CHARS}}", others=" " * LABEL_CHARS)


def wrap(said: str, *, first: str = "", others: str = "") -> list[str]:
    """A paragraph in lines, no word broken, as words are names to copy."""
    wrapper = TextWrapper(
        WIDTH_CHARS,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return wrapper.wrap(said)


def period(seconds: int) -> str:
    """A length of time in the largest unit that it is a whole number of, as in 60m or 24h."""
    size, unit = next((size, unit) for size, unit in UNITS if seconds % size == 0)
    return f"{seconds // size}{unit}"
