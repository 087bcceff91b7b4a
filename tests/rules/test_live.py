"""Live lists in the place of compiled ones."""

from pathlib import Path

from ekswatch.rules.compiler.compile import compile_ruleset
from ekswatch.rules.matcher.engine import Engine
from ekswatch.rules.matcher.live import listed, not_live, with_lists
from ekswatch.rules.ruleset import Ruleset
from tests.rules import build


def ruleset(folder: Path) -> Ruleset:
    """Calls from listed networks by unlisted agents, unless a filter trusts the name."""
    detection = {
        "bad": {"source.address|expand|cidr": "%bad%"},
        "agent": {"userAgent|expand|startswith": "%agents%"},
        "condition": "bad and not agent",
    }
    build.detection(folder, build.document("seen", detection))
    trusted = {"rules": ["seen"], "us": {"actor.name|expand": "%us%"}, "condition": "not us"}
    build.write(folder / "filters" / "us.yml", build.exclusion("us", trusted))
    build.values(folder, "bad", ["192.0.2.0/24"])
    build.values(folder, "agents", ["Kubectl"])
    build.values(folder, "us", ["alice"])
    return compile_ruleset(folder)


def found(rules: Ruleset, address: str, agent: str = "curl", user: str = "eve") -> list[str]:
    given = build.event(sourceIPs=[address], userAgent=agent, user={"username": user})
    return [match.suppressed_by for match in Engine(rules).match([given])]


def test_values_are_replaced_in_rules_and_filters(tmp_path: Path) -> None:
    """Networks, beginnings of texts and whole texts; case makes no difference, as compiled."""
    compiled = ruleset(tmp_path)
    live = with_lists(
        compiled, {"bad": ["198.51.100.7", "2001:db8::/32"], "agents": ["Helm"], "us": ["Bob"]}
    )

    assert listed(compiled) == {"bad", "agents", "us"}
    assert found(compiled, "192.0.2.9") == [""]
    assert found(live, "192.0.2.9") == []
    assert found(live, "198.51.100.7") == found(live, "2001:db8::1") == [""]
    assert found(live, "198.51.100.7", agent="helm/3") == []
    assert found(live, "198.51.100.7", user="bob") == ["us"]
    assert found(live, "198.51.100.7", user="alice") == [""]


def test_other_lists_stay_and_the_hash_tells(tmp_path: Path) -> None:
    """What was judged with other values has another hash; the same values have the same."""
    compiled = ruleset(tmp_path)

    one, two = (with_lists(compiled, {"bad": ["198.51.100.7"]}) for _ in range(2))

    assert one.hash == two.hash != compiled.hash
    assert found(one, "198.51.100.7", user="alice") == ["us"]
    assert with_lists(compiled, {}).hash == compiled.hash


def test_what_is_no_network_is_left_out(tmp_path: Path) -> None:
    """A mistake in a list costs that line."""
    live = with_lists(ruleset(tmp_path), {"bad": ["nonsense", "10.0.0.1/8", "198.51.100.7"]})

    assert found(live, "198.51.100.7") == [""]


def test_thousands_of_networks_are_one_look_up_each(tmp_path: Path) -> None:
    """Every one of them counts, and none beside them."""
    many = [f"10.{a}.{b}.7" for a in range(40) for b in range(250)]
    live = with_lists(ruleset(tmp_path), {"bad": many})

    assert found(live, "10.39.249.7") == [""]
    assert found(live, "10.39.249.8") == []


def test_a_name_that_no_test_compares_with_is_told(tmp_path: Path) -> None:
    """With the nearest that one does."""
    compiled = ruleset(tmp_path)

    assert list(not_live(compiled, ["bad", "us"])) == []
    assert list(not_live(compiled, ["x", "agent", "bad"])) == [
        "no detection uses a list 'agent' that can be live, did you mean agents?",
        "no detection uses a list 'x' that can be live, take one that a detection compares with",
    ]
