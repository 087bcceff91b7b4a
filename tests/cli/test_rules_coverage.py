"""`ekswatch rules coverage`: which techniques are covered, which are not, and the layer."""

import json
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from ekswatch.cli.coverage import COLOURS, coverage, layer, text
from ekswatch.cli.exits import Exit
from ekswatch.cli.main import app
from ekswatch.cli.matrix import CONTAINERS
from ekswatch.rules.compiler.attack import ATTACK_RELEASE, TACTICS, entries
from ekswatch.rules.compiler.compile import compile_ruleset
from ekswatch.rules.detection import Detection, Severity, Technique

DETECTIONS = compile_ruleset(Path(__file__).parents[2] / "detections").detections


def detection(slug: str, *techniques: str, tactics: tuple[str, ...] = ("Execution",)) -> Detection:
    return Detection(
        slug=slug,
        id="",
        title=slug,
        description="",
        severity=Severity.LOW,
        message="",
        dedup=(),
        dedup_seconds=3600,
        tactics=tactics,
        techniques=tuple(Technique(id_, "") for id_ in techniques),
    )


def rules(*arguments: object) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `ekswatch rules`."""
    result = CliRunner().invoke(app, ["rules", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def test_the_techniques_for_containers_are_of_the_release() -> None:
    """Each is current, and none stands beside its own sub-techniques."""
    assert {entries()[id_].successor for id_ in CONTAINERS} == {""}
    assert not any(entries()[id_].deprecated for id_ in CONTAINERS)
    assert {id_.partition(".")[0] for id_ in CONTAINERS if "." in id_} & CONTAINERS == set()


def test_a_technique_for_containers_is_covered_or_a_gap() -> None:
    """It stands under each of its tactics, with the detections that name it, or with none."""
    cells = [cell for cell in coverage([detection("one", "T1610")]) if cell.in_matrix]

    assert {cell.technique for cell in cells} == CONTAINERS
    assert {cell.technique for cell in cells if not cell.is_gap} == {"T1610"}
    assert {cell.tactic for cell in cells if cell.technique == "T1610"} == {
        TACTICS[word] for word in entries()["T1610"].tactics
    }


def test_a_sub_technique_covers_its_technique() -> None:
    """But not the other way round: who says T1204 does not say which of its ways."""
    cells = coverage([detection("one", "T1070.004"), detection("two", "T1204")])

    found = {cell.technique: cell.detections for cell in cells}
    assert found["T1070"] == ("one",)
    assert found["T1204.003"] == ()


def test_a_revoked_technique_counts_as_its_successor() -> None:
    """Both numbers on one detection are one technique."""
    cells = coverage([detection("one", "T1562.001", "T1685")])

    assert {cell.technique for cell in cells if cell.detections} == {"T1685"}
    assert [
        one["score"] for one in layer([detection("one", "T1562.001", "T1685")])["techniques"]
    ] == [1]


def test_a_technique_not_for_containers_stands_under_the_tactics_that_are_meant() -> None:
    """T1078.004 has four tactics; the detection is about one of them."""
    cells = coverage([detection("one", "T1078.004", tactics=("Persistence",))])

    (cell,) = (cell for cell in cells if cell.technique == "T1078.004")
    assert (cell.tactic, cell.in_matrix, cell.is_gap) == ("Persistence", False, False)


def test_a_technique_of_another_tactic_is_not_lost() -> None:
    """A mapping that fits badly is still shown, under the technique's own tactic."""
    cells = coverage([detection("one", "T1530", tactics=("Impact",))])

    assert [cell.tactic for cell in cells if cell.technique == "T1530"] == ["Collection"]


def test_every_technique_of_every_detection_is_shown() -> None:
    """Nothing that ships is missing from the table."""
    said = text(coverage(DETECTIONS))

    for one in DETECTIONS:
        for technique in one.techniques:
            id_ = entries()[technique.id].successor or technique.id
            assert any(id_ in line and one.slug in line for line in said.splitlines()), id_


def test_tactics_stand_in_the_order_of_the_matrix() -> None:
    """A reader compares it with ATT&CK's own page."""
    seen = list(dict.fromkeys(cell.tactic for cell in coverage(DETECTIONS)))

    assert seen == [tactic for tactic in TACTICS.values() if tactic in seen]


def test_the_layer_is_what_the_navigator_reads() -> None:
    """Format 4.5: its required properties, unique techniques, colours from low to high.

    Source: mitre-attack/attack-navigator, layers/LAYERFORMATv4_5.md.
    """
    made = layer(DETECTIONS)

    assert made["name"]
    assert made["domain"] == "enterprise-attack"
    assert made["versions"]["layer"] == "4.5"
    assert made["versions"]["attack"] == ATTACK_RELEASE
    assert tuple(map(int, made["versions"]["navigator"].split("."))) >= (4, 9, 0)
    ids = [one["techniqueID"] for one in made["techniques"]]
    assert len(ids) == len(set(ids))
    assert {*ids} <= entries().keys()
    assert made["gradient"]["minValue"] < made["gradient"]["maxValue"]
    assert made["gradient"]["colors"] == list(COLOURS)
    assert made["layout"]["layout"] in ("side", "flat", "mini")
    assert made["layout"]["expandedSubtechniques"] in ("none", "all", "annotated")


def test_the_score_is_the_number_of_detections() -> None:
    """The comment names them."""
    detections = [detection("two", "T1610"), detection("one", "T1610", "T1609")]

    techniques = {one["techniqueID"]: one for one in layer(detections)["techniques"]}
    assert (techniques["T1610"]["score"], techniques["T1610"]["comment"]) == (2, "one, two")
    assert (techniques["T1609"]["score"], techniques["T1609"]["comment"]) == (1, "one")


@pytest.mark.parametrize("detections", [[], [detection("one", "T1610")]])
def test_a_gradient_always_has_two_ends(detections: list[Detection]) -> None:
    """The Navigator refuses one whose ends are equal."""
    gradient = layer(detections)["gradient"]

    assert gradient["minValue"] < gradient["maxValue"]


def test_a_technique_that_the_release_lacks_is_shown_by_its_number() -> None:
    """An operator's own tag is no reason to fail, with a tactic or without one."""
    detections = [detection("one", "T9999"), detection("two", "T9998", tactics=())]

    cells = [cell for cell in coverage(detections) if not cell.in_matrix]
    assert [(cell.tactic, cell.technique, cell.name) for cell in cells] == [
        ("Execution", "T9999", "T9999"),
        ("Other", "T9998", "T9998"),
    ]


def test_coverage_goes_to_a_file_on_request(tmp_path: Path) -> None:
    """Standard output stays empty then."""
    file = tmp_path / "layer.json"

    code, out, err = rules("coverage", "--format", "navigator", "-o", file)

    assert (code, out, err) == (Exit.OK, "", f"written to {file}\n")
    assert json.loads(file.read_text()) == msgspec.to_builtins(layer(DETECTIONS))


def test_coverage_says_why_it_cannot_write(tmp_path: Path) -> None:
    """A folder that is not there is wrong use."""
    code, _, err = rules("coverage", "-o", tmp_path / "none" / "x")

    assert code == Exit.USAGE
    assert "x: No such file or directory" in err


def test_coverage_as_json() -> None:
    """A program finds every part under its documented key."""
    _, out, _ = rules("coverage", "--format", "json")

    told = json.loads(out)
    assert (told["schema_version"], told["attack"]) == (1, ATTACK_RELEASE)
    assert {*told["techniques"][0]} == {"tactic", "technique", "name", "detections", "containers"}


def test_the_table_counts_what_is_covered() -> None:
    """The last lines are the summary."""
    _, out, _ = rules("coverage")

    gaps = {cell.technique for cell in coverage(DETECTIONS) if cell.is_gap}
    assert f"{len(CONTAINERS - gaps)} of {len(CONTAINERS)} techniques for containers" in out
