"""Modifiers: which ones a key may carry together, which values they take, and in which order.

pySigma applies them; what it would refuse in its own words, or accept without effect, is
refused here in ours.
"""

from collections.abc import Iterable, Sequence

from sigma.modifiers import modifier_mapping

from ekswatch.rules.compiler.suggest import suggestion

FLAGS = frozenset({"i", "ignorecase", "m", "multiline", "s", "dotall"})
ANCHORING = frozenset({"contains", "startswith", "endswith"})
COMPARING = frozenset({"lt", "lte", "gt", "gte"})
ENCODING = frozenset({"base64", "base64offset", "wide", "utf16le", "utf16be", "utf16"})
OF_TEXT = ANCHORING | ENCODING | {"re", "cased", "windash", "cidr", "fieldref", "expand"}
ALONE = frozenset({"exists", "cidr", *COMPARING})
"""Modifiers of the whole value, which leave nothing for another one to change."""

WITH_ANY = frozenset({"all", "neq", "expand"})

TIME_RANGES = {
    "minute": (0, 59),
    "hour": (0, 23),
    "day": (1, 31),
    "week": (1, 53),
    "month": (1, 12),
    "year": (1, 9999),
}
"""Weeks are those of ISO 8601, so that some years have 53."""

ALONE_OR_TIME = ALONE | TIME_RANGES.keys()
OF_FIELDS = ALONE_OR_TIME - {"cidr"} | {"fieldref"}
"""Modifiers that need a field: no text anywhere in an event has them."""


def unfit(field: str, modifiers: Sequence[str]) -> str:
    """Why a key may not carry these modifiers, or nothing."""
    for modifier in modifiers:
        if modifier not in modifier_mapping and modifier != "utf16le":
            return f"unknown modifier {modifier!r}{suggestion(modifier, known())}"
    present = set(modifiers)
    if len(present) < len(modifiers):  # each |windash alone may make many values of one
        return "the same modifier twice"
    if not field and (lone := present & OF_FIELDS):
        return f"|{min(lone)} needs a field"
    if (lone := present & ALONE_OR_TIME) and (others := present - WITH_ANY - {min(lone)}):
        return f"|{min(lone)} and |{min(others)} do not combine"
    if "re" in present:
        return _unfit_for_pattern(modifiers)
    if flags := present & FLAGS:
        return f"|{min(flags)} is a flag of |re"
    if "fieldref" in present and (others := present - WITH_ANY - ANCHORING - {"fieldref"}):
        return f"|fieldref and |{min(others)} do not combine"
    return ""


def _unfit_for_pattern(modifiers: Sequence[str]) -> str:
    others = set(modifiers) - WITH_ANY - FLAGS - {"re"}
    if others & ANCHORING:
        return "|re finds its pattern anywhere in the value: use ^ and $ to anchor it"
    if others:
        return f"|re and |{min(others)} do not combine"
    if any(flag in FLAGS for flag in modifiers[: modifiers.index("re")]):
        return "flags stand behind |re"
    return ""


def known() -> Iterable[str]:
    """Every modifier of the language."""
    return (*modifier_mapping, "utf16le")


def misfit(modifiers: Iterable[str], values: Iterable[object]) -> str:
    """Why modifiers do not take one of these values, or nothing."""
    for modifier in modifiers:
        for value in values:
            if wanted := _wanted(modifier, value):
                return f"|{modifier} is incompatible with {_shown(value)}: it needs {wanted}"
    return ""


def _wanted(modifier: str, value: object) -> str:
    """What a modifier needs instead of a value, or nothing when it takes it."""
    if modifier == "exists":
        return "" if isinstance(value, bool) else "true or false"
    if modifier in COMPARING:
        return "" if _is_number(value) else "a number"
    if modifier in TIME_RANGES:
        low, high = TIME_RANGES[modifier]
        fits = _is_number(value) and value in range(low, high + 1)
        return "" if fits else f"a whole number from {low} to {high}"
    if modifier in OF_TEXT:
        return "" if isinstance(value, str) else "text (in quotes, if it looks like something else)"
    return ""


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: object) -> str:
    """A value as YAML writes it."""
    words = {None: "null", True: "true", False: "false"}
    return words[value] if value is None or isinstance(value, bool) else repr(value)


def arranged(modifiers: Iterable[str]) -> list[str]:
    """The modifiers as pySigma knows them, in the order in which it must apply them.

    `cased` goes last: it changes no text, and what changes the text after it would drop it.
    `fieldref` goes first: an anchor before it would be one of the field's name.
    """
    named = ["wide" if modifier == "utf16le" else modifier for modifier in modifiers]
    return sorted(named, key=lambda modifier: (modifier != "fieldref", modifier == "cased"))
