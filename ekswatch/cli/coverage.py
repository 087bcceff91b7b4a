"""Which ATT&CK techniques the detections cover, and which of those for containers they do not.

Everything is said in the numbers of the release that `ekswatch/rules/compiler/attack.py` reads:
what it revoked counts as what took its place.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ekswatch.cli.matrix import CONTAINERS
from ekswatch.rules.compiler.attack import ATTACK_RELEASE, TACTIC_IDS, TACTICS, entries
from ekswatch.rules.detection import Detection

NAVIGATOR = "5.1.0"
LAYER = "4.5"
OTHER = "Other"
"""Where a technique stands that ATT&CK does not have, on a detection without a tactic."""

COLOURS = ("#c6dbef", "#08519c")


@dataclass(frozen=True, slots=True)
class Cell:
    """One technique under one tactic; `detections` are slugs, none of them for a gap."""

    tactic: str
    technique: str
    name: str
    detections: tuple[str, ...]
    in_matrix: bool

    @property
    def is_gap(self) -> bool:
        return self.in_matrix and not self.detections


def coverage(detections: Iterable[Detection]) -> tuple[Cell, ...]:
    """Every technique that is covered or is one for containers, by tactic and ID.

    A technique for containers stands under each of its tactics, and its sub-techniques cover it
    too; any other under those of its tactics that a detection with it names.
    """
    detections = tuple(detections)
    slugs = by_technique(detections)
    tactics = _tactics_named(detections)
    cells = [
        Cell(tactic, id_, _name(id_), _covering(id_, slugs), in_matrix=id_ in CONTAINERS)
        for id_ in {*CONTAINERS, *slugs}
        for tactic in _tactics(id_, tactics.get(id_, frozenset()))
    ]
    order = [*TACTICS.values(), OTHER]
    return tuple(sorted(cells, key=lambda cell: (order.index(cell.tactic), cell.technique)))


def by_technique(detections: Iterable[Detection]) -> Mapping[str, tuple[str, ...]]:
    """Technique ID to the slugs of the detections that name exactly it, both sorted."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for detection in detections:
        for technique in detection.techniques:
            found[_current(technique.id)].add(detection.slug)
    return {id_: tuple(sorted(slugs)) for id_, slugs in sorted(found.items())}


def layer(detections: Iterable[Detection]) -> dict[str, Any]:
    """A layer for the ATT&CK Navigator; a technique's score is its number of detections.

    Techniques name no tactic, so that they are marked under each that the matrix has them in.
    Source: mitre-attack/attack-navigator, layers/LAYERFORMATv4_5.md.
    """
    slugs = by_technique(detections)
    most = max(map(len, slugs.values()), default=0)
    return {
        "name": "ekswatch",
        "versions": {"attack": ATTACK_RELEASE, "navigator": NAVIGATOR, "layer": LAYER},
        "domain": "enterprise-attack",
        "description": "Detections of ekswatch over Amazon EKS audit logs, per technique.",
        "sorting": 3,
        "layout": {
            "layout": "side",
            "showID": True,
            "showName": True,
            "expandedSubtechniques": "annotated",
        },
        "hideDisabled": False,
        "techniques": [
            {
                "techniqueID": id_,
                "score": len(found),
                "comment": ", ".join(found),
                "enabled": True,
            }
            for id_, found in slugs.items()
        ],
        # the gradient's ends must differ
        "gradient": {"colors": list(COLOURS), "minValue": 0, "maxValue": max(most, 1)},
        "legendItems": [{"label": "detections, from few to many", "color": COLOURS[1]}],
        "selectTechniquesAcrossTactics": True,
    }


def _covering(id_: str, slugs: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    found = {
        slug
        for one, each in slugs.items()
        if one == id_ or one.startswith(f"{id_}.")
        for slug in each
    }
    return tuple(sorted(found))


def _tactics_named(detections: Iterable[Detection]) -> Mapping[str, frozenset[str]]:
    """Technique ID to the names of the tactics of the detections that name it."""
    found: defaultdict[str, frozenset[str]] = defaultdict(frozenset)
    for detection in detections:
        for technique in detection.techniques:
            found[_current(technique.id)] |= {*detection.tactics}
    return found


def _tactics(id_: str, named: frozenset[str]) -> Iterable[str]:
    """The names of the tactics to show a technique under, one at least."""
    words = entries()[id_].tactics if id_ in entries() else ()
    known = [TACTICS[word] for word in TACTIC_IDS if word in words]
    if id_ in CONTAINERS:
        return known
    return [name for name in known if name in named] or known[:1] or sorted(named)[:1] or [OTHER]


def _name(id_: str) -> str:
    return entries()[id_].name if id_ in entries() else id_


def _current(id_: str) -> str:
    """The technique that stands for this one in the release."""
    entry = entries().get(id_)
    return entry.successor or id_ if entry else id_


def as_json(cells: Iterable[Cell]) -> dict[str, Any]:
    """The cells as documented in docs/commands.md."""
    return {
        "schema_version": 1,
        "attack": ATTACK_RELEASE,
        "techniques": [
            {
                "tactic": cell.tactic,
                "technique": cell.technique,
                "name": cell.name,
                "detections": list(cell.detections),
                "containers": cell.in_matrix,
            }
            for cell in cells
        ],
    }


def text(cells: Iterable[Cell]) -> str:
    """A block per tactic, a line per technique, then how many of those for containers are met."""
    lines: list[str] = []
    cells = tuple(cells)
    for tactic in dict.fromkeys(cell.tactic for cell in cells):
        lines += ["", tactic] if lines else [tactic]
        lines += [_line(cell) for cell in cells if cell.tactic == tactic]
    inside = {cell.technique for cell in cells if cell.in_matrix}
    gaps = {cell.technique for cell in cells if cell.is_gap}
    covered = len(inside) - len(gaps)
    lines += [
        "",
        f"{covered} of {len(inside)} techniques for containers in ATT&CK {ATTACK_RELEASE}.",
        "Many of the others leave no trace in the audit log: docs/commands.md.",
    ]
    return "\n".join(lines) + "\n"


def _line(cell: Cell) -> str:
    said = ", ".join(cell.detections) or "(gap)"
    return f"  {cell.technique:10} {cell.name}: {said}"
