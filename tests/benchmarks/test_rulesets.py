"""Rule sets that are filled up with variants: as many as asked, sound, and other rules."""

import pytest

from benchmarks import rulesets
from benchmarks.corpora import payloads, recorded
from ekswatch.audit.intake import read_payload
from ekswatch.rules.matcher.engine import Engine
from ekswatch.rules.ruleset import And, Check, Or, Rule, Ruleset, Use, dump, load

RULE = rulesets.shipped().rules[0]


@pytest.mark.parametrize("count", [100, 1000])
def test_rule_sets_have_the_asked_number_of_different_rules(count: int) -> None:
    """All shipped rules are in it, and no name twice."""
    ruleset = rulesets.at_least(count)
    names = [rule.name for rule in ruleset.rules]

    assert len(names) == max(count, len(rulesets.shipped().rules))
    assert len(set(names)) == len(names)
    assert {rule.name for rule in rulesets.shipped().rules} <= set(names)
    assert names == sorted(names)


def test_a_rule_set_never_lacks_a_shipped_rule() -> None:
    """Once there are more than asked for, it is all of them."""
    assert rulesets.at_least(1).rules == rulesets.shipped().rules


def test_ten_rules_are_the_first_ten() -> None:
    """They are shipped ones, unchanged."""
    assert rulesets.first_rules(10).rules == rulesets.shipped().rules[:10]


@pytest.mark.parametrize("ruleset", [rulesets.at_least(300), rulesets.scoped_in_body(100)])
def test_filled_rule_sets_are_sealed(ruleset: Ruleset) -> None:
    """They load like an artefact, and their hash tells them from the shipped one."""
    assert load(dump(ruleset)) == ruleset
    assert ruleset.hash != rulesets.shipped().hash


def test_the_engine_runs_every_variant_without_an_error() -> None:
    """A variant that only raises would be fast for the wrong reason."""
    engine = Engine(rulesets.at_least(300))

    for payload in payloads(recorded()[:1000], 100):
        engine.match(read_payload(payload).events)

    assert engine.errors == {}


def test_every_variant_demands_other_constants() -> None:
    """No variant is the shipped rule again, nor the same as another variant of it."""
    for rule in rulesets.shipped().rules:
        made = [rulesets.variant(rule, number) for number in range(1, 8)]
        meanings = [(str(one.selections), str(one.condition)) for one in (rule, *made)]
        assert len(set(meanings)) == len(meanings), rule.name


def test_variants_are_the_same_every_time() -> None:
    """Two runs measure the same rules."""
    assert rulesets.variant(RULE, 3) == rulesets.variant(RULE, 3)
    assert rulesets.variant(RULE, 3) != rulesets.variant(RULE, 4)


def rule(condition: Check) -> Rule:
    """A rule of one test."""
    return Rule(
        name="one",
        detection=RULE.detection,
        view="",
        selections={"s": condition},
        condition=Use("s"),
        severity=RULE.severity,
    )


def test_a_test_with_a_name_gets_another_name() -> None:
    """Its shape and the rule's condition stay."""
    made = rulesets.variant(rule(Check("userAgent", "startswith", ("kali",))), 5)

    assert made.selections == {"s": Check("userAgent", "startswith", ("kali-v5",))}
    assert made.condition == Use("s")


def test_a_rule_without_names_is_narrowed() -> None:
    """Verbs stay as they are, so another question tells the variant from the rule."""
    made = rulesets.variant(rule(Check("verb", "equals", ("create",))), 5)

    assert made.selections == {"s": Check("verb", "equals", ("create",))}
    assert made.condition == And((Use("s"), Check("user.groups", "equals", ("team-5-admins",))))


def test_an_or_is_narrowed_when_a_part_of_it_stayed() -> None:
    """An alternative without names would hold for what the shipped rule holds for."""
    names = Check("userAgent", "equals", ("kali",))
    verbs = Check("verb", "equals", ("create",))
    either = rulesets.variant(
        Rule(
            name="one",
            detection=RULE.detection,
            view="",
            selections={"s": Or((names, verbs))},
            condition=Use("s"),
            severity=RULE.severity,
        ),
        5,
    )

    assert isinstance(either.condition, And)
