"""What Sigma's `attack.` tags mean in one release of MITRE ATT&CK, the Enterprise matrix."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from ekswatch.rules.compiler import attack_release
from ekswatch.rules.compiler.attack_release import RELEASE as ATTACK_RELEASE
from ekswatch.rules.compiler.attack_release import RELEASED as ATTACK_RELEASED
from ekswatch.rules.compiler.suggest import suggestion
from ekswatch.rules.detection import Technique

__all__ = [
    "ATTACK_RELEASE",
    "ATTACK_RELEASED",
    "FORMER_TACTICS",
    "TACTICS",
    "TACTIC_IDS",
    "Entry",
    "Fault",
    "entries",
    "faults",
    "is_technique",
    "tactics",
    "techniques",
]

TACTIC_IDS = {
    "reconnaissance": "TA0043",
    "resource-development": "TA0042",
    "initial-access": "TA0001",
    "execution": "TA0002",
    "persistence": "TA0003",
    "privilege-escalation": "TA0004",
    "stealth": "TA0005",
    "defense-impairment": "TA0112",
    "credential-access": "TA0006",
    "discovery": "TA0007",
    "lateral-movement": "TA0008",
    "collection": "TA0009",
    "command-and-control": "TA0011",
    "exfiltration": "TA0010",
    "impact": "TA0040",
}
"""The tactics of the release by Sigma's word for them, in the order of the matrix."""

FORMER_TACTICS: Mapping[str, frozenset[str]] = {
    "defense-evasion": frozenset({"stealth", "defense-impairment"})
}
"""Tactics of earlier releases, and those that took their place."""

TACTICS = {
    **{word: word.replace("-", " ").title().replace(" And ", " and ") for word in TACTIC_IDS},
    "defense-evasion": "Defense Evasion",
}
"""Tactic names by Sigma's word; the former ones too, as dashboards of older releases need them."""


GROUP_OR_SOFTWARE = re.compile(r"[gs]\d{4}")
"""Tags of who does it and what with, which are not checked."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A technique.

    Shape: `tactics` are Sigma's words; `successor` is the ID that a revoked technique was
    replaced by, and such a technique has the tactics of its successor. A deprecated one has
    neither.
    """

    id: str
    name: str
    tactics: tuple[str, ...] = ()
    successor: str = ""
    deprecated: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a tag; `unknown` when there is no such thing at all."""

    message: str
    unknown: bool = False


@cache
def entries() -> Mapping[str, Entry]:
    """The techniques of the release by ID, with those that it or one shortly before gave up."""
    found: dict[str, Entry] = {}
    parent, tactics_ = "", tuple[str, ...]()
    for line in attack_release.TECHNIQUES.split("\n"):
        id_, _, name = line.partition(" ")
        if line.startswith("["):
            tactics_ = tuple(line.strip("[]").split())
        elif id_.startswith("."):
            found[parent + id_] = Entry(parent + id_, name, tactics_)
        elif id_:
            parent = id_
            found[id_] = Entry(id_, name, tactics_)
    for line in attack_release.REVOKED.strip().split("\n"):
        id_, successor, name = line.split(" ", 2)
        found[id_] = Entry(id_, name, found[successor].tactics, successor=successor)
    for line in attack_release.DEPRECATED.strip().split("\n"):
        id_, name = line.split(" ", 1)
        found[id_] = Entry(id_, name, deprecated=True)
    return found


def tactics(tags: Iterable[str]) -> tuple[str, ...]:
    """The tactic names of Sigma tags (`attack.credential-access`), in their order, once each."""
    names = (TACTICS.get(_tactic(tag)) for tag in tags)
    return tuple(dict.fromkeys(name for name in names if name))


def techniques(tags: Iterable[str]) -> tuple[Technique, ...]:
    """The techniques of Sigma tags (`attack.t1552.007`); an unlisted one is named by its ID."""
    found = dict.fromkeys(_attack(tag).upper() for tag in tags if is_technique(tag))
    known = entries()
    return tuple(Technique(one, known[one].name if one in known else one) for one in found)


def is_technique(tag: str) -> bool:
    name = _attack(tag)
    return name[:1] == "t" and name[1:5].isdigit() and name[5:6] in ("", ".")


def faults(tags: Iterable[str], tactic: str = "") -> dict[str, Fault]:
    """What is wrong with the tags of a document, by tag; `tactic` is one that it has anyway.

    A revoked technique and a former tactic are right beside what took their place, so that
    dashboards of either release find the detection; alone they are not.
    """
    tags = [tag for tag in tags if _attack(tag)]
    ids = {_attack(tag).upper() for tag in tags if is_technique(tag)}
    words = {tactic, *(_tactic(tag) for tag in tags if not is_technique(tag))} - {""}
    found = {
        tag: _of_technique(_attack(tag).upper(), ids, words)
        if is_technique(tag)
        else _of_tactic(_tactic(tag), words)
        for tag in tags
    }
    return {tag: fault for tag, fault in found.items() if fault is not None}


def _of_technique(id_: str, ids: set[str], words: set[str]) -> Fault | None:
    entry = entries().get(id_)
    if entry is None:
        return Fault(f"ATT&CK {ATTACK_RELEASE} has no technique {id_}", unknown=True)
    if entry.deprecated:
        return Fault(f"ATT&CK deprecated {id_} ({entry.name})")
    if entry.successor and entry.successor not in ids:
        new = entries()[entry.successor]
        return Fault(
            f"ATT&CK {ATTACK_RELEASE} has {new.id} ({new.name}) in place of {id_} ({entry.name})"
        )
    if words and not words & {*entry.tactics, *_former(entry)}:
        return Fault(f"{id_} ({entry.name}) belongs to {', '.join(entry.tactics)}: tag one")
    return None


def _former(entry: Entry) -> set[str]:
    return {old for old, new in FORMER_TACTICS.items() if new & {*entry.tactics}}


def _of_tactic(word: str, words: set[str]) -> Fault | None:
    replaced = FORMER_TACTICS.get(word, frozenset())
    if word in TACTIC_IDS or replaced & words or GROUP_OR_SOFTWARE.fullmatch(word):
        return None
    if replaced:
        new = " or ".join(sorted(replaced))
        return Fault(f"ATT&CK {ATTACK_RELEASE} has {new} in place of {word}")
    hint = suggestion(word, TACTICS)
    return Fault(f"ATT&CK {ATTACK_RELEASE} has no tactic {word!r}{hint}", unknown=True)


def _tactic(tag: str) -> str:
    return _attack(tag).replace("_", "-")


def _attack(tag: str) -> str:
    namespace, _, name = tag.lower().partition(".")
    return name if namespace == "attack" else ""
