"""The view quota: how much more a namespace may use after the write than before."""

import re
from collections.abc import Iterator

from ekswatch.audit.event import AuditEvent, Json
from ekswatch.audit.lenient import at, mapping
from ekswatch.audit.resources import CORE
from ekswatch.audit.views.row import Fields, Row
from ekswatch.audit.views.written import Target, Written, written

QUOTAS = Target({"resourcequotas": "ResourceQuota"}, groups=(CORE,))

LIMITS = ("spec", "hard")
OBSERVED = ("status", "hard")

QUANTITY = re.compile(r"(\d+(?:\.\d+)?|\.\d+)([eE]\d{1,2}|[KMGTPE]i|[numkMGTPE]|)", re.ASCII)
SUFFIXES = {
    **dict(zip(("", "m", "u", "n"), (1.0, 1e-3, 1e-6, 1e-9), strict=True)),
    **{letter: 1000.0**power for power, letter in enumerate("kMGTPE", 1)},
    **{f"{letter}i": 1024.0**power for power, letter in enumerate("KMGTPE", 1)},
}
LONGEST = 32
"""Characters of a quantity that is read; longer ones are no real amounts."""


def quota_rows(event: AuditEvent) -> tuple[Row, ...]:
    found = written(event, QUOTAS)
    return () if found is None else (Row((QUOTA, found)),)


def quantity(value: Json) -> float | None:
    """Return the amount that a limit says, as in 500m, 10Gi or 1e3; None for no amount.

    Source: Kubernetes API reference, Quantity.
    """
    written_out = str(value) if isinstance(value, str | int) else ""
    found = QUANTITY.fullmatch(written_out) if len(written_out) <= LONGEST else None
    if found is None:
        return None
    number, suffix = found.groups()
    if suffix[:1] in ("e", "E") and len(suffix) > 1 and suffix != "Ei":
        return float(number + suffix)
    scale = SUFFIXES.get(suffix)
    return None if scale is None else float(number) * scale


def _factors(found: Written) -> Iterator[float]:
    """The answer still shows the limits in force before: a controller writes the new ones."""
    before = mapping(at(found.object, OBSERVED))
    for key, limit in mapping(at(found.object, LIMITS)).items():
        now, then = quantity(limit), quantity(before.get(key))
        if now is not None and then:
            yield now / then


def _factor(found: Written) -> int | None:
    if not found.touches(LIMITS):
        return None
    return max((int(factor) for factor in _factors(found)), default=None)


def _lifted(found: Written) -> Iterator[str]:
    """Limits that were in force and are in the quota no more."""
    now = mapping(at(found.object, LIMITS))
    if found.touches(LIMITS):
        yield from (key for key in mapping(at(found.object, OBSERVED)) if key not in now)


QUOTA: Fields[Written] = Fields(
    {
        "quota.name": lambda found: found.name,
        "quota.factor": _factor,
        "quota.lifted": lambda found: tuple(_lifted(found)),
    }
)
