"""Tags of detections against the pinned release of ATT&CK."""

import subprocess
import sys
from pathlib import Path

import pytest

from ekswatch.rules.compiler.attack import (
    ATTACK_RELEASE,
    FORMER_TACTICS,
    TACTIC_IDS,
    TACTICS,
    Entry,
    entries,
    faults,
    tactics,
    techniques,
)
from ekswatch.rules.detection import Technique

ROOT = Path(__file__).parents[2]
LIVE = [each for each in entries().values() if not each.successor and not each.deprecated]


def test_the_release_is_whole() -> None:
    """The counts are those of the release notes: tactics, techniques, sub-techniques."""
    parents = [each for each in LIVE if "." not in each.id]

    assert len(TACTIC_IDS) == 15
    assert len(parents) == 222
    assert len(LIVE) - len(parents) == 475


@pytest.mark.parametrize(
    ("tactic", "techniques_", "subtechniques"),
    [("stealth", 30, 118), ("defense-impairment", 18, 38), ("lateral-movement", 9, 14)],
)
def test_a_tactic_is_whole(tactic: str, techniques_: int, subtechniques: int) -> None:
    """Tactics have as many techniques and sub-techniques as ATT&CK says."""
    mine = [each.id for each in LIVE if tactic in each.tactics]

    assert len([id_ for id_ in mine if "." not in id_]) == techniques_
    assert len([id_ for id_ in mine if "." in id_]) == subtechniques


def test_every_technique_has_known_tactics() -> None:
    """Each live technique belongs to tactics of the release, a sub-technique to its parent's."""
    assert {word for each in LIVE for word in each.tactics} == set(TACTIC_IDS)
    assert [each.id for each in LIVE if not each.tactics or not each.name] == []
    assert [
        each.id for each in LIVE if each.tactics != entries()[each.id.partition(".")[0]].tactics
    ] == []


def test_every_revoked_technique_leads_to_a_live_one() -> None:
    """A revoked technique is not listed as live, and what replaced it is."""
    revoked = [each for each in entries().values() if each.successor]

    assert len(revoked) == 18
    assert {each.successor for each in revoked} <= {each.id for each in LIVE}


def test_former_tactics_have_names_and_successors() -> None:
    """A tactic of an earlier release has a name, and live tactics in its place."""
    assert set(TACTICS) == {*TACTIC_IDS, *FORMER_TACTICS}
    assert TACTICS["command-and-control"] == "Command and Control"
    assert frozenset[str]().union(*FORMER_TACTICS.values()) <= set(TACTIC_IDS)


def test_an_entry_says_what_became_of_it() -> None:
    """Live, revoked and deprecated techniques are told apart."""
    assert entries()["T1685.002"] == Entry(
        "T1685.002", "Disable or Modify Cloud Log", ("defense-impairment",)
    )
    assert entries()["T1562.008"] == Entry(
        "T1562.008",
        "Disable or Modify Cloud Logs",
        ("defense-impairment",),
        successor="T1685.002",
    )
    assert entries()["T1053.004"] == Entry("T1053.004", "Launchd", deprecated=True)


def test_tags_have_names() -> None:
    """Tactics and techniques come in the order of the tags, once each, under their names."""
    tags = ["attack.defense_evasion", "attack.T1552.007", "attack.stealth", "attack.stealth", "x.y"]

    assert tactics(tags) == ("Defense Evasion", "Stealth")
    assert techniques([*tags, "attack.t9999"]) == (
        Technique("T1552.007", "Container API"),
        Technique("T9999", "T9999"),
    )


FAULTS: list[tuple[str, list[str], str, dict[str, str]]] = [
    ("right", ["attack.execution", "attack.t1609"], "", {}),
    ("its folder is a tactic", ["attack.t1609"], "execution", {}),
    ("no tactic at all", ["attack.t1609"], "", {}),
    ("one tactic of several", ["attack.stealth", "attack.t1078.004"], "", {}),
    (
        "foreign tactic",
        ["attack.impact", "attack.t1609"],
        "",
        {"attack.t1609": "T1609 (Container Administration Command) belongs to execution: tag one"},
    ),
    ("no such technique", ["attack.t1600.009"], "", {"attack.t1600.009": "has no technique"}),
    ("no such tactic", ["attack.exection"], "", {"attack.exection": "did you mean 'execution'?"}),
    ("groups and software", ["attack.g0139", "attack.s0599"], "", {}),
    ("other namespaces", ["cve.2024-3094", "detection.threat-hunting"], "", {}),
    (
        "deprecated",
        ["attack.execution", "attack.t1064"],
        "",
        {"attack.t1064": "deprecated T1064 (Scripting)"},
    ),
    (
        "revoked",
        ["attack.defense-impairment", "attack.t1562.008"],
        "",
        {"attack.t1562.008": "has T1685.002 (Disable or Modify Cloud Log) in place of T1562.008"},
    ),
    (
        "revoked beside what replaced it",
        ["attack.defense-impairment", "attack.t1562.008", "attack.t1685.002"],
        "",
        {},
    ),
    (
        "former tactic",
        ["attack.defense-evasion", "attack.t1036.005"],
        "",
        {"attack.defense-evasion": "has defense-impairment or stealth in place of defense-evasion"},
    ),
    (
        "former tactic beside its successor",
        ["attack.defense-evasion", "attack.stealth", "attack.t1036.005"],
        "",
        {},
    ),
    ("former tactic in a folder of its successor", ["attack.defense-evasion"], "stealth", {}),
]


@pytest.mark.parametrize(
    ("tags", "tactic", "expected"), [case[1:] for case in FAULTS], ids=[case[0] for case in FAULTS]
)
def test_faults(tags: list[str], tactic: str, expected: dict[str, str]) -> None:
    """A tag is at fault when the release has no such thing, or has it elsewhere."""
    found = faults(tags, tactic)

    assert set(found) == set(expected)
    assert [tag for tag, text in expected.items() if text not in found[tag].message] == []


def test_only_what_does_not_exist_is_unknown() -> None:
    """A wrong mapping is a lesser fault than a tag that means nothing."""
    found = faults(["attack.t9999", "attack.exection", "attack.t1562.001", "attack.t1064"])

    assert {tag for tag, fault in found.items() if fault.unknown} == {
        "attack.t9999",
        "attack.exection",
    }


def test_the_lambda_never_loads_the_list() -> None:
    """The engine needs no technique; the list stays on the disk."""
    release = "ekswatch.rules.compiler.attack_release"
    code = f"import sys, ekswatch.rules.matcher.engine; print('{release}' in sys.modules)"

    done = subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )

    assert done.stdout.strip() == "False"


def test_the_source_is_attributed() -> None:
    """ATT&CK's terms ask for a notice; it names the release."""
    notice = (ROOT / "NOTICE").read_text()

    assert f"MITRE ATT&CK, release {ATTACK_RELEASE}" in notice
    assert "reproduced and distributed with the permission of The MITRE Corporation" in notice
