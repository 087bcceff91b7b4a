"""What tests, values and correlations are called, in one line each."""

from collections.abc import Iterable, Mapping

from ekswatch.audit.event import Value
from ekswatch.correlate.correlate import WORDS, duration
from ekswatch.rules.ruleset import Op
from ekswatch.rules.trial import Test

TEXT_CHARS = 160
MEMBERS_SHOWN = 5
"""What is longer is cut, and the line says so; `--format json` has more."""

MODIFIERS: Mapping[Op, str] = {
    "equals": "",
    "null": "",
    "any": "",
    "empty": "",
    "like": "",
    "fieldref_startswith": "fieldref|startswith",
    "fieldref_endswith": "fieldref|endswith",
    "fieldref_contains": "fieldref|contains",
}
"""How a detection writes a comparison, where that is not the comparison's own name."""

LITERALS: Mapping[Op, str] = {"null": "null", "any": "'*'", "empty": "''"}


def tested(test: Test) -> str:
    """A test: field and comparison as in Sigma, what was wanted, what is there."""
    modifier = MODIFIERS.get(test.op, test.op)
    field = "|".join(part for part in (test.field or "keyword", modifier) if part)
    cased = "|cased" if test.cased else ""
    if test.error:
        return f"{field}: it raised {bare(test.error)}"
    return f"{field}{cased}: {_expected(test)}; it is {_actual(test)}"


def _expected(test: Test) -> str:
    if test.op in LITERALS:
        return LITERALS[test.op]
    if test.op.startswith("fieldref"):
        return f"{bare(test.expected[0])}, which is {quoted(test.other)}"
    met = f", met by {quoted(test.met)}" if test.met is not None else ""
    if test.lists:
        names = ", ".join(f"%{name}%" for name in test.lists)
        word = "list" if len(test.lists) == 1 else "lists"
        return f"in {word} {names} ({test.expected_count:,} values){met}"
    if test.expected_count == 1:
        return quoted(test.expected[0])
    shown = " or ".join(map(quoted, test.expected[:MEMBERS_SHOWN]))
    more = test.expected_count - MEMBERS_SHOWN
    return f"{shown} or {more:,} more{met}" if more > 0 else shown


def _actual(test: Test) -> str:
    members = f", of which {quoted(test.members)}" if test.members else ""
    return f"{quoted(test.value)}{members}"


def condition(
    kind: str,
    op: str,
    count: int,
    fields: Iterable[str],
    timespan_seconds: int,
    rules: Iterable[str] = (),
) -> str:
    """What a correlation asks for, in words."""
    within = f"within {duration(timespan_seconds)}"
    if kind == "temporal":
        return f"all of {listed(rules)} {within}"
    if kind == "temporal_ordered":
        return f"{' then '.join(rules)} {within}"
    counted = {
        "value_count": f"distinct {', '.join(fields)}",
        "value_sum": f"in the sum of {', '.join(fields)}",
    }.get(kind, "requests")
    return f"{WORDS[op]} {count} {counted} {within}"


def pairs(values: Mapping[str, Value]) -> str:
    return ", ".join(f"{name} {quoted(value)}" for name, value in values.items())


def listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def quoted(value: Value) -> str:
    """A value as a detection would write it; several in brackets, the first five."""
    match value:
        case None:
            return "absent"
        case bool():
            return str(value).lower()
        case str():
            return f"'{_cut(value)}'"
        case tuple():
            more = f" and {len(value) - MEMBERS_SHOWN} more" if len(value) > MEMBERS_SHOWN else ""
            return f"[{', '.join(map(quoted, value[:MEMBERS_SHOWN]))}{more}]"
    return str(value)


def bare(value: Value) -> str:
    return _cut(value) if isinstance(value, str) else quoted(value)


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_CHARS else text[: TEXT_CHARS - 1] + "…"


def flat(text: str) -> str:
    return " ".join(text.split())
