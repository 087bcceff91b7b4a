"""The operator's one file: switches, severities, modes, lists and suppressions."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from ekswatch.rules.compiler.compile import compile_ruleset
from ekswatch.rules.compiler.errors import RuleErrors
from ekswatch.rules.detection import Severity
from ekswatch.rules.matcher.engine import Engine
from ekswatch.rules.ruleset import Ruleset
from tests.rules import build

SLUG = "secret-read"
READ = {"read": {"objectRef.resource": "secrets"}, "condition": "read"}


@pytest.fixture
def detections(tmp_path: Path) -> Path:
    """One detection whose severity depends, one that counts, and a list."""
    folder = tmp_path / "shipped"
    curl = {**READ, "curl": {"userAgent|expand|startswith": "%clients%"}}
    keys = {"message": "read", "severity": [{"when": "curl", "level": "high"}]}
    build.detection(folder, build.document(SLUG, curl, ekswatch=keys))
    build.values(folder, "clients", ["curl"])
    return folder


def tuned(shipped: Path, /, **settings: Any) -> Ruleset:
    tuning = shipped.parent / "tuning"
    tuning.mkdir(exist_ok=True)
    (tuning / "ekswatch.yml").write_text(yaml.safe_dump(settings))
    return compile_ruleset(shipped, tuning)


def found(ruleset: Ruleset, **event: Any) -> list[tuple[str, str]]:
    """Severity and suppressing filter of each match on a secret."""
    given = build.event(objectRef={"resource": "secrets"}, **event)
    return [(m.severity.name, m.suppressed_by) for m in Engine(ruleset).match([given])]


def test_a_severity_replaces_all_of_the_detections_own(detections: Path) -> None:
    """Escalations do not raise what the operator has set."""
    ruleset = tuned(detections, detections={SLUG: {"severity": "low"}})

    assert ruleset.detection(SLUG).severity == Severity.LOW
    assert found(ruleset, userAgent="curl/8") == found(ruleset) == [("LOW", "")]
    assert found(tuned(detections), userAgent="curl/8") == [("HIGH", "")]


def test_a_detection_is_switched_off(detections: Path) -> None:
    """Nothing of it is left."""
    assert tuned(detections, detections={SLUG: {"enabled": False}}).detections == ()


@pytest.mark.parametrize(("mode", "matches", "logged"), [("signal", 0, 0), ("log", 1, 1)])
def test_a_mode_decides_where_findings_go(
    detections: Path, mode: str, matches: int, logged: int
) -> None:
    """What counts alone is nothing in mode signal; in mode log it is found, and not delivered."""
    ruleset = tuned(detections, detections={SLUG: {"mode": mode}})

    assert len(found(ruleset)) == matches
    assert ruleset.log_only == (SLUG,) * logged


def test_a_list_is_changed(detections: Path) -> None:
    """As a file in lists/ does it."""
    ruleset = tuned(detections, lists={"clients": {"add": ["wget"]}})

    assert found(ruleset, userAgent="Wget/1") == [("HIGH", "")]


@pytest.mark.parametrize(
    "when", [{"userAgent": "backup/*"}, [{"verb": "list"}, {"userAgent|startswith": "backup"}]]
)
def test_a_suppression_is_a_filter(detections: Path, when: object) -> None:
    """It hides what it says, under its name, until its last day."""
    suppression = {
        "name": "backup",
        "rules": [SLUG],
        "when": when,
        "reason": "nightly",
        "owner": "platform",
        "expires": "2026-11-20",
    }

    ruleset = tuned(detections, suppressions=[suppression])

    assert found(ruleset, userAgent="backup/2") == [("MEDIUM", "backup")]
    assert found(ruleset) == [("MEDIUM", "")]
    later = "2026-11-21T00:00:00Z"
    assert found(ruleset, userAgent="backup/2", requestReceivedTimestamp=later) == [("MEDIUM", "")]


@pytest.mark.parametrize(
    ("settings", "said", "line"),
    [
        ({"detections": {"none": {}}}, "detections: there is no detection 'none'", 2),
        ({"detections": {"none": {"severity": "loud"}}}, "severity", 3),
        ({"detections": {"none": {"mod": "log"}}}, "unknown key", 3),
        ({"lists": {"client": {"add": ["x"]}}}, "did you mean 'clients'", 2),
        ({"suppressions": [{"name": "x", "rules": ["any"], "when": {}}]}, "owner", 2),
        (
            {
                "suppressions": [
                    {
                        "name": "x",
                        "owner": "o",
                        "reason": "r",
                        "rules": ["any"],
                        "when": {"userAgnet": "x"},
                    }
                ]
            },
            "did you mean 'userAgent'",
            2,
        ),
        (
            {
                "suppressions": [
                    {
                        "name": "x",
                        "owner": "o",
                        "reason": "r",
                        "rules": ["nobody"],
                        "when": {"userAgent": "x"},
                    }
                ]
            },
            "there is no document 'nobody'",
            2,
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(
    detections: Path, settings: dict[str, Any], said: str, line: int
) -> None:
    """File, line, and what was probably meant; nothing is compiled."""
    with pytest.raises(RuleErrors) as refused:
        tuned(detections, **settings)

    errors = [error for error in refused.value.errors if said in error.message]
    assert [Path(error.file).name for error in errors] == ["ekswatch.yml"]
    assert errors[0].line == line


def test_a_link_that_leads_nowhere_is_no_setting(detections: Path) -> None:
    """Whatever is wrong with it: a name that no file system takes raises, others do not."""
    tuning = detections.parent / "tuning"
    tuning.mkdir()
    (tuning / "long").symlink_to("a" * 300)
    (tuning / "gone").symlink_to("gone-too")

    assert tuned(detections).rules
