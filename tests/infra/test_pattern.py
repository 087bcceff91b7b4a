"""Which records the subscription filters deliver."""

import json
from pathlib import Path

import pytest

from infra.bundling import RulesRefused
from infra.clusters import MAX_CLUSTERS
from infra.pattern import MAX_CHARACTERS, TERM, Filter, filter_pattern
from tests.infra.conftest import ROOT, Synthesise
from tests.infra.template import Resources
from tests.logs_filter import matches

BASE = '{ $.apiVersion = "audit.k8s.io/*" && ($.stage NOT EXISTS || $.stage != "RequestReceived") }'
"""What every narrow pattern begins with, and all that the shipped detections leave of one."""


@pytest.fixture
def tuning(tmp_path: Path) -> Path:
    """All detections but one are switched off."""
    slugs = {path.stem for path in (ROOT / "detections").glob("*/*.yml")}
    slugs -= {
        path.stem for room in ("lists", "filters") for path in ROOT.glob(f"detections/{room}/*")
    }
    off = sorted(slugs - {"wildcard-role-written"})
    (tmp_path / "ekswatch.yml").write_text(json.dumps({"disabled": {"detections": off}}))
    return tmp_path


def filters(resources: Resources) -> list[str]:
    found = resources.of("AWS::Logs::SubscriptionFilter").values()
    return [subscription["FilterPattern"] for subscription in found]


def told(resources: Resources) -> str:
    """What the hourly function subscribes clusters with."""
    function = resources.of("AWS::Lambda::Function")["HourlyFunction"]
    variable: str = function["Environment"]["Variables"]["EKSWATCH_FILTER_PATTERN"]
    return variable


def test_everything_is_delivered_unless_asked_otherwise(resources: Resources) -> None:
    """The default passes records that were cut, and is plain enough for every emulator."""
    assert filters(resources) == [TERM, TERM]
    assert told(resources) == TERM
    assert matches(TERM, '{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metad')
    assert not matches(TERM, "I1120 10:00:00.000000 1 leaderelection.go:257] renewed lease")


def test_a_narrow_pattern_is_made_of_the_rules(synthesise: Synthesise) -> None:
    """The filters and the hourly function, which makes filters too, have the same one."""
    resources = Resources.read(synthesise(clusters="prod,staging", filter="narrow"))

    assert filters(resources) == [BASE, BASE]
    assert told(resources) == BASE


def test_the_operators_tuning_decides(tuning: Path) -> None:
    """Detections that are switched off ask for nothing."""
    made = filter_pattern(Filter.NARROW, tuning=tuning, clusters="prod")

    assert made.startswith(BASE.removesuffix(" }"))
    assert "$.objectRef.resource" in made
    assert len(made) <= MAX_CHARACTERS


@pytest.mark.parametrize("clusters", ["all", ",".join(["c" * 100] * MAX_CLUSTERS)])
def test_the_pattern_leaves_room_for_the_names(tuning: Path, clusters: str) -> None:
    """Both stand in the variables of one function; the pattern gives way, and delivers more."""
    made = filter_pattern(Filter.NARROW, tuning=tuning, clusters=clusters)

    assert (made == BASE) is (clusters != "all")


def test_rules_with_errors_end_the_synthesis(tmp_path: Path) -> None:
    """As they do when the archive is built; nothing is deployed."""
    (tmp_path / "ekswatch.yml").write_text("disabled: {detections: [no-such-detection]}\n")

    with pytest.raises(RulesRefused):
        filter_pattern(Filter.NARROW, tuning=tmp_path, clusters="prod")
