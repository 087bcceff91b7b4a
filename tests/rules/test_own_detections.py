"""An operator's own detections and lists, in the tuning folder: they load with those that ship."""

from pathlib import Path

import pytest

from ekswatch.rules.compiler.compile import RuleErrors, compile_ruleset, compile_what_loads
from ekswatch.rules.compiler.errors import RuleError
from ekswatch.rules.ruleset import Ruleset
from tests.rules import build

GET = {"s": {"verb": "get"}, "condition": "s"}
NAMED = {"s": {"objectRef.name|expand": "%names%"}, "condition": "s"}


@pytest.fixture
def tuning(tmp_path: Path) -> Path:
    """A tuning folder beside detections that have one rule and one list."""
    shipped = tmp_path / "shipped"
    build.detection(shipped, build.document("rule", GET))
    build.values(shipped, "names", ["a", "b"])
    return tmp_path / "tuning"


def compiled(tuning: Path) -> Ruleset:
    return compile_ruleset(tuning.parent / "shipped", tuning)


def errors_of(tuning: Path) -> tuple[RuleError, ...]:
    with pytest.raises(RuleErrors) as raised:
        compiled(tuning)
    return raised.value.errors


def own(tuning: Path, name: str = "mine", **more: object) -> Path:
    made = build.document(name, more.pop("detection", GET), **more)
    return build.write(tuning / "detections" / "execution" / f"{name}.yml", made)


def test_they_load_with_those_that_ship(tuning: Path) -> None:
    """The folder that a detection lies in names its tactic, as with the others."""
    own(tuning)

    ruleset = compiled(tuning)

    by_slug = {detection.slug: detection for detection in ruleset.detections}
    assert by_slug.keys() == {"rule", "mine"}
    assert by_slug["mine"].tactics == ("Execution",)


def test_they_use_the_lists_that_ship_as_they_are_changed(tuning: Path) -> None:
    """One change of a list reaches every detection."""
    own(tuning, detection=NAMED)
    build.write(tuning / "lists" / "names.yml", {"add": ["c"]})

    ruleset = compiled(tuning)

    assert "'a', 'b', 'c'" in str(next(r for r in ruleset.rules if r.name == "mine").selections)


def test_they_have_lists_of_their_own(tuning: Path) -> None:
    """A file with values under a name that does not ship is a new list, which settings change."""
    own(tuning, detection={"s": {"objectRef.name|expand": "%vaults%"}, "condition": "s"})
    build.values(tuning, "vaults", ["x"])
    build.write(tuning / "ekswatch.yml", {"lists": {"vaults": {"add": ["y"]}}})

    ruleset = compiled(tuning)

    assert "'x', 'y'" in str(next(r for r in ruleset.rules if r.name == "mine").selections)


def test_they_correlate_rules_that_ship(tuning: Path) -> None:
    """A name is a name, wherever its document lies."""
    counted = {
        "type": "event_count",
        "rules": ["rule"],
        "group-by": ["actor.name"],
        "timespan": "10m",
        "condition": {"gte": 3},
    }
    build.write(tuning / "detections" / "many.yml", build.correlation("many", counted))

    assert [each.rules for each in compiled(tuning).correlations] == [("rule",)]


def test_settings_and_filters_know_them(tuning: Path) -> None:
    """They are switched off, told lower and suppressed like any other."""
    own(tuning)
    own(tuning, "other")
    settings = {"disabled": {"detections": ["other"]}, "detections": {"mine": {"severity": "low"}}}
    build.write(tuning / "ekswatch.yml", settings)
    section = {"rules": ["mine"], "jane": {"actor.name": "jane"}, "condition": "not jane"}
    build.write(tuning / "filters" / "jane.yml", build.exclusion("jane", section))

    ruleset = compiled(tuning)

    assert {rule.name: rule.severity.name for rule in ruleset.rules if rule.finding} == {
        "rule": "MEDIUM",
        "mine": "LOW",
    }
    assert [each.name for each in ruleset.filters] == ["jane"]


def test_a_name_that_ships_is_taken(tuning: Path) -> None:
    """What ships is not replaced without a word; the error is about the operator's file."""
    mine = own(tuning, "rule")

    (error,) = errors_of(tuning)

    assert error.file == str(mine)
    assert "the name 'rule' is already taken by" in error.message
    assert "shipped" in error.message


def test_one_that_is_wrong_leaves_the_others(tuning: Path) -> None:
    """On the command line the rest loads; nothing is deployed."""
    own(tuning, detection={"s": {"verbs": "get"}, "condition": "s"})
    own(tuning, "other")

    ruleset, errors = compile_what_loads(tuning.parent / "shipped", tuning)

    assert {detection.slug for detection in ruleset.detections} == {"rule", "other"}
    assert [Path(error.file).name for error in errors] == ["mine.yml"]
    assert errors_of(tuning) == errors


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"values": ["x"]}, "'description' is missing"),
        ({"description": "Ours.", "values": "x"}, "'values': "),
        ({"description": "Ours.", "values": ["x"], "add": ["y"]}, "unknown key 'add'"),
        ({"add": ["x"]}, "there is no list 'nams'; did you mean 'names'?"),
        ({"description": "Ours."}, "there is no list 'nams'; did you mean 'names'?"),
    ],
)
def test_a_list_that_is_neither_new_nor_a_change_is_an_error(
    tuning: Path, content: dict[str, object], message: str
) -> None:
    """A name that is misspelt is not taken for a list of one's own."""
    build.write(tuning / "lists" / "nams.yml", content)

    (error,) = errors_of(tuning)

    assert error.file.endswith("nams.yml")
    assert message in error.message


def test_a_list_that_ships_is_replaced_and_not_written_anew(tuning: Path) -> None:
    """Its values have a word of their own, so that an upgrade's are not lost by mistake."""
    build.values(tuning, "names", ["x"])

    errors = errors_of(tuning)

    assert any("unknown key 'values'" in error.message for error in errors)


def test_a_tuning_folder_around_the_detections_reads_them_once(tmp_path: Path) -> None:
    """A repository of one's own may hold its detections and settings side by side."""
    build.detection(tmp_path / "detections", build.document("rule", GET))

    ruleset = compile_ruleset(tmp_path / "detections", tmp_path)

    assert [detection.slug for detection in ruleset.detections] == ["rule"]


def test_a_folder_of_nearly_the_right_name_is_an_error(tuning: Path) -> None:
    """Detections that nobody reads would be found missing too late."""
    own(tuning)
    (tuning / "detections").rename(tuning / "detection")

    (error,) = errors_of(tuning)

    assert "did you mean 'detections'?" in error.message
