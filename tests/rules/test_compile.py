"""What compiles, what does not, and what the errors say."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ekswatch.audit.vocabulary import STATES
from ekswatch.rules.compiler.compile import compile_ruleset
from ekswatch.rules.compiler.errors import RuleError, RuleErrors
from ekswatch.rules.detection import Severity
from ekswatch.rules.ruleset import Ruleset
from tests.rules import build

GET = {"s": {"verb": "get"}, "condition": "s"}


def errors_of(folder: Path, tuning: Path | None = None) -> tuple[RuleError, ...]:
    with pytest.raises(RuleErrors) as raised:
        compile_ruleset(folder, tuning)
    return raised.value.errors


def rule(**more: Any) -> dict[str, Any]:
    return build.document("rule", more.pop("detection", GET), **more)


def check(key: str, value: Any, **more: Any) -> dict[str, Any]:
    return rule(detection={"s": {key: value}, "condition": "s"}, **more)


BROKEN: list[tuple[str, dict[str, Any], str]] = [
    ("unknown field", check("objectRef.resorce", "x"), "did you mean 'objectRef.resource'?"),
    ("field of another view", check("container.image", "x"), "unknown field 'container.image'"),
    ("unknown view", rule(view="contaner"), "there is no view 'contaner'; did you mean"),
    ("unknown modifier", check("verb|contians", "x"), "did you mean 'contains'?"),
    ("unknown list", check("verb|expand", "%verbs%"), "there is no list 'verbs'"),
    ("placeholder alone", check("userAgent", "%clients%"), "needs the modifier |expand"),
    ("a pattern RE2 rejects", check("userAgent|re", "a(?=b)"), "Regular expression"),
    ("anchored pattern", check("userAgent|re|startswith", "a"), "use ^ and $"),
    ("bad network", check("source.address|cidr", "10.0.0.0/33"), "Invalid CIDR"),
    ("word for a number", check("responseStatus.code", "ALLOW"), "is a number, it never matches"),
    ("number for a word", check("objectRef.name", 5), "is text, it never matches"),
    ("word for true", check("controller_child", "true"), "is true or false, it never matches"),
    ("impossible verb", check("verb", "updat"), "verb is never 'updat'; did you mean 'update'?"),
    ("empty values", check("verb", []), "an empty list of values"),
    ("map as value", check("verb", {"a": 1}), "a value must be text"),
    ("reference to nothing", check("verb|fieldref", "objectRef.nam"), "did you mean"),
    ("exists with text", check("objectRef.name|exists", "yes"), "incompatible"),
    ("no condition", rule(detection={"s": {"verb": "get"}}), "the condition is missing"),
    (
        "unknown selection",
        rule(detection={"selection": {"verb": "get"}, "condition": "selecton"}),
        "there is no selection 'selecton'; did you mean 'selection'?",
    ),
    (
        "selector of nothing",
        rule(detection={"s": {"verb": "get"}, "condition": "1 of x_*"}),
        "no selection is called 'x_*'",
    ),
    (
        "unfinished condition",
        rule(detection={"s": {"verb": "get"}, "condition": "s and"}),
        "condition: ",
    ),
    ("no selections", rule(detection={"condition": "s"}), "has no selections"),
    ("no message", rule(ekswatch={"impact": 5}), "the main document has no message"),
    ("unknown key", rule(falsepositive=["x"]), "did you mean 'falsepositives'?"),
    (
        "unknown key of ours",
        rule(ekswatch={"message": "m", "mesage": "n"}),
        "unknown key 'mesage'; did you mean 'message'?",
    ),
    ("impact out of range", rule(ekswatch={"message": "m", "impact": 101}), "'impact'"),
    ("bad period", rule(ekswatch={"message": "m", "dedup": {"period": "1x"}}), "dedup.period"),
    (
        "bad when",
        rule(ekswatch={"message": "m", "severity": [{"when": "t", "level": "high"}]}),
        "severity: there is no selection 't'",
    ),
    ("unknown field in message", rule(ekswatch={"message": "{actor.nam}"}), "'actor.nam'"),
    (
        "unknown dedup field",
        rule(ekswatch={"message": "m", "dedup": {"key": ["actor.nme"]}}),
        "unknown field 'actor.nme'",
    ),
    ("unknown sample field", rule(fields=["verbb"]), "unknown field 'verbb'"),
    ("collects alone", rule(ekswatch={"message": "m", "collect": ["verb"]}), "only correlations"),
    ("no level", rule(level=None), "the main document has no level"),
    ("wrong level", rule(level="severe"), "'severe' is not a valid Sigma rule level"),
    ("no title", rule(title=None), "must have a title"),
    ("wrong id", rule(id="NEW"), "must be an UUID"),
    ("wrong name", rule(name="other"), "must be named 'rule'"),
    ("other logs", rule(logsource={"product": "windows"}), "product kubernetes, service audit"),
    ("detection of the wrong shape", rule() | {"detection": None}, "must be a mapping"),
    ("tags of the wrong shape", rule(tags="attack.t1609"), "must be a list"),
]


@pytest.mark.parametrize(
    ("document", "message"), [x[1:] for x in BROKEN], ids=[x[0] for x in BROKEN]
)
def test_a_broken_document_is_refused_with_its_reason(
    tmp_path: Path, document: dict[str, Any], message: str
) -> None:
    """Each kind of mistake has its own message, with file and line."""
    path = build.write(tmp_path / "discovery" / "rule.yml", document)

    errors = errors_of(tmp_path)

    assert any(message in error.message for error in errors), errors
    assert {error.file for error in errors} == {str(path)}
    assert all(error.line > 0 for error in errors)


UNREADABLE: list[tuple[str, str, int, str]] = [
    ("not YAML", "a: [1", 2, "not valid YAML"),
    ("duplicate key", "title: a\nid: b\ntitle: c", 3, "duplicate key 'title', first on line 1"),
    ("alias", "a: &x [1]\nb: *x", 2, "aliases are not read"),
    ("star without quotes", "verb: *", 1, "not valid YAML"),
    ("deep nesting", "[" * 100_000 + "]" * 100_000, 1, "nested deeper than 50 levels"),
    ("too large", "# " + "x" * 1_000_000, 0, "larger than 1,000,000 bytes"),
    ("a list", "- a", 1, "must be a mapping"),
    ("nothing", "# empty", 0, "the file is empty"),
    ("bad date", "date: 2026-99-99", 1, "not valid YAML"),
]


@pytest.mark.parametrize(
    ("text", "line", "message"), [x[1:] for x in UNREADABLE], ids=[x[0] for x in UNREADABLE]
)
def test_an_unreadable_file_is_refused(tmp_path: Path, text: str, line: int, message: str) -> None:
    """What is no bounded, unambiguous YAML never becomes a rule."""
    path = tmp_path / "discovery" / "rule.yml"
    path.parent.mkdir()
    path.write_text(text)

    errors = errors_of(tmp_path)

    found = [error for error in errors if message in error.message]
    assert found, errors
    assert found[0].line == line


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are an error of that file."""
    path = tmp_path / "discovery" / "rule.yml"
    path.parent.mkdir()
    path.write_bytes(b"title: \xff")

    assert "not UTF-8" in errors_of(tmp_path)[0].message


def test_errors_name_the_line_of_the_check(tmp_path: Path) -> None:
    """A mistake inside a selection is reported where it stands."""
    path = tmp_path / "discovery" / "rule.yml"
    build.write(path, check("objectRef.nam", "x"))
    line = next(n for n, t in enumerate(path.read_text().splitlines(), 1) if "objectRef.nam" in t)

    assert [error.line for error in errors_of(tmp_path)] == [line]


def test_all_errors_come_together(tmp_path: Path) -> None:
    """One bad file hides neither its other errors nor those of other files."""
    bad = {"s": {"verbb": "get"}, "t": {"verb|has": "x"}, "condition": "s and t"}
    build.detection(tmp_path, build.document("first", bad))
    build.detection(tmp_path, build.document("second", GET, level="severe"))
    (tmp_path / "discovery" / "third.yml").write_text("a: [")

    errors = errors_of(tmp_path)

    assert [Path(error.file).stem for error in errors] == ["first", "first", "second", "third"]
    assert str(errors[0]).startswith(f"{tmp_path}/discovery/first.yml:")


def test_a_broken_file_makes_no_errors_in_files_that_refer_to_it(tmp_path: Path) -> None:
    """A filter for a rule that does not compile is not reported as well."""
    build.detection(tmp_path, build.document("first", {"s": {"verbb": 1}, "condition": "s"}))
    section = {"rules": ["first"], "s": {"verb": "get"}, "condition": "not s"}
    build.write(tmp_path / "filters" / "f.yml", build.exclusion("f", section))

    assert [Path(error.file).stem for error in errors_of(tmp_path)] == ["first"]


@pytest.mark.parametrize("label", ["name", "id"])
def test_a_name_and_an_id_are_taken_once(tmp_path: Path, label: str) -> None:
    """Two documents never share a name or an ID."""
    first = build.document("first", GET)
    other = build.document("other", GET, **{label: first[label]})
    build.detection(tmp_path, first)
    build.detection(tmp_path, build.document("second", GET), other)

    assert f"the {label} " in errors_of(tmp_path)[0].message


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    """No detections at all is a wrong path, not a quiet day."""
    assert "there are no detections" in errors_of(tmp_path)[0].message


def test_odd_shapes_are_errors_of_their_file(tmp_path: Path) -> None:
    """Whatever the keys hold, reading ends in RuleErrors and never in something else."""
    odd: list[Any] = [None, 1, "x", [], [[]], {}, {"a": []}, True]
    keys = ("detection", "logsource", "ekswatch", "tags", "fields", "level", "id", "name", "date")
    for index, (key, value) in enumerate((k, v) for k in keys for v in odd):
        document = {**build.document(f"r{index}", GET), key: value}
        build.write(tmp_path / "discovery" / f"r{index}.yml", document)
    for index, value in enumerate(odd):
        build.write(
            tmp_path / "discovery" / f"c{index}.yml",
            {**build.correlation(f"c{index}", {}), "correlation": value},
        )
        build.write(
            tmp_path / "filters" / f"f{index}.yml",
            {**build.exclusion(f"f{index}", {}), "filter": value},
        )

    assert errors_of(tmp_path)


# Filters

EXCLUDED = {"rules": "any", "s": {"verb": "get"}, "condition": "not s"}

BAD_FILTERS: list[tuple[str, dict[str, Any], str]] = [
    (
        "no not",
        build.exclusion("f", {**EXCLUDED, "condition": "s"}),
        "must start with 'not'",
    ),
    (
        "two nots",
        build.exclusion("f", {**EXCLUDED, "condition": "not s and not s"}),
        "must be one 'not (...)'",
    ),
    (
        "not of a part",
        build.exclusion("f", {**EXCLUDED, "condition": "not s or s"}),
        "must be one 'not (...)'",
    ),
    ("no reason", {**build.exclusion("f", EXCLUDED), "ekswatch": {"owner": "x"}}, "'reason'"),
    ("no owner", {**build.exclusion("f", EXCLUDED), "ekswatch": {"reason": "x"}}, "'owner'"),
    ("no rules", build.exclusion("f", {"s": {"verb": "get"}, "condition": "not s"}), "must name"),
    (
        "unknown rule",
        build.exclusion("f", {**EXCLUDED, "rules": ["ruel"]}),
        "there is no document 'ruel'; did you mean 'rule'?",
    ),
    (
        "unknown field",
        build.exclusion("f", {**EXCLUDED, "s": {"pod.kind": "Pod"}}),
        "unknown field 'pod.kind'",
    ),
    (
        "another view",
        build.exclusion("f", {**EXCLUDED, "rules": ["rule"]}, view="pod"),
        "is not on the view 'pod'",
    ),
    (
        "bad expiry",
        build.exclusion("f", EXCLUDED, ekswatch={"expires": "soon"}),
        "'expires'",
    ),
]


@pytest.mark.parametrize(
    ("document", "message"), [x[1:] for x in BAD_FILTERS], ids=[x[0] for x in BAD_FILTERS]
)
def test_a_broken_filter_is_refused(tmp_path: Path, document: dict[str, Any], message: str) -> None:
    """A filter whose meaning or owner is in doubt does not load."""
    build.detection(tmp_path, rule())
    build.write(tmp_path / "filters" / "f.yml", document)

    assert any(message in error.message for error in errors_of(tmp_path))


def test_a_filter_names_a_correlation_for_its_rules(tmp_path: Path) -> None:
    """A filter for a windowed detection is a filter for the rules it counts."""
    build.detection(tmp_path, *windowed())
    section = {"rules": ["burst"], "s": {"verb": "get"}, "condition": "not s"}
    build.write(tmp_path / "filters" / "f.yml", build.exclusion("f", section))

    assert build.compiled(tmp_path).filters[0].rules == ("burst-base",)


# Correlations


def windowed(**changes: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    correlates = {
        "type": "value_count",
        "rules": ["burst-base"],
        "group-by": ["actor.name"],
        "timespan": "10m",
        "condition": {"gte": 5, "field": "objectRef.name"},
        **changes,
    }
    return (
        build.correlation("burst", {k: v for k, v in correlates.items() if v is not None}),
        build.document("burst-base", GET, ekswatch=None),
    )


def test_a_windowed_detection(tmp_path: Path) -> None:
    """Its rule only makes signals, which hold what the correlation needs; it folds by group."""
    build.detection(tmp_path, *windowed())

    ruleset = build.compiled(tmp_path)

    correlation, base = ruleset.correlations[0], ruleset.rules[0]
    assert (correlation.name, correlation.kind, correlation.rules) == (
        "burst",
        "value_count",
        ("burst-base",),
    )
    assert (correlation.op, correlation.count, correlation.fields) == (
        "gte",
        5,
        ("objectRef.name",),
    )
    assert (correlation.timespan_seconds, correlation.group_by) == (600, ("actor.name",))
    assert (base.finding, base.signal, base.detection) == (False, True, "burst")
    assert "objectRef.name" in base.facts
    assert ruleset.detection("burst").dedup == ("actor.name",)


def test_a_rule_of_another_file_makes_findings_and_signals(tmp_path: Path) -> None:
    """Correlating a detection of another file does not silence it."""
    correlates, base = windowed(rules=["rule", "burst-base"])
    build.detection(tmp_path, correlates, base)
    build.detection(tmp_path, rule())

    roles = {each.name: (each.finding, each.signal) for each in build.compiled(tmp_path).rules}

    assert roles == {"rule": (True, True), "burst-base": (False, True)}


def sum_of_risk(**changes: Any) -> list[dict[str, Any]]:
    """A sum over findings, and the rule on the view of findings that it adds up."""
    correlates = {
        "type": "value_sum",
        "rules": ["risk-step"],
        "group-by": ["actor.name"],
        "timespan": "24h",
        "condition": {"gte": 100, "field": "finding.risk"},
    }
    keys = {"message": "{actor.name}: {finding.detection}", "once_per": ["finding.detection"]}
    step = {"it": {"finding.severity": ["high", "critical"]}, "condition": "it"}
    return [
        build.correlation("risk", correlates, ekswatch={**keys, **changes}),
        build.document("risk-step", step, view="finding", ekswatch=None),
    ]


def test_a_sum_over_findings(tmp_path: Path) -> None:
    """Its rule keeps what the sum needs of each finding; the engine leaves it alone."""
    build.detection(tmp_path, *sum_of_risk())

    ruleset = build.compiled(tmp_path)

    (summing,), (step,) = ruleset.correlations, ruleset.rules
    assert (summing.kind, summing.fields) == ("value_sum", ("finding.risk",))
    assert (summing.once_per, summing.count) == (("finding.detection",), 100)
    assert {"finding.risk", "finding.detection"} <= set(step.facts)
    assert build.engine(tmp_path).match([build.event()]) == []


def test_a_step_keeps_only_what_it_says(tmp_path: Path) -> None:
    """And what its correlation needs; nothing of the summary, nor of the message."""
    correlates, base = windowed()
    base["ekswatch"] = {"keep": ["userAgent", "actor.kind"]}
    build.detection(tmp_path, correlates, base)

    (rule,) = build.compiled(tmp_path).rules
    event = build.event(userAgent="kubectl", user={"username": "ann"}, sourceIPs=["10.0.0.1"])
    (match,) = build.engine(tmp_path).match([event])

    assert rule.facts == ("userAgent", "actor.kind", "actor.name", "objectRef.name")
    assert match.facts == {"userAgent": "kubectl", "actor.kind": "human", "actor.name": "ann"}


def test_a_step_of_anybody_is_in_no_group(tmp_path: Path) -> None:
    """It may lack the fields of the group, as it is asked for none."""
    correlates, base = windowed(
        type="temporal_ordered",
        rules=["burst-base", "step"],
        condition=None,
        **{"group-by": ["binding.name"]},
    )
    binding = build.document(
        "step", {"it": {"binding.name": "x"}, "condition": "it"}, view="subject", ekswatch=None
    )
    correlates["ekswatch"]["ungrouped"] = ["burst-base"]
    build.detection(tmp_path, correlates, base, binding)

    (ordered,) = build.compiled(tmp_path).correlations

    assert ordered.ungrouped == ("burst-base",)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"once_per": ["finding.slug"]}, "unknown field 'finding.slug'"),
        ({"once_per": ["userAgents"]}, "unknown field 'userAgents'"),
        ({"ungrouped": ["other"]}, "'other' is none of its rules"),
        ({"collect": ["pod.name"]}, "unknown field 'pod.name'"),
    ],
)
def test_a_broken_sum_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    """A finding has the fields of the view, and those that every finding shows."""
    build.detection(tmp_path, *sum_of_risk(**changes))

    assert any(message in each.message for each in errors_of(tmp_path))


@pytest.mark.parametrize("view", ["finding", "delivery"])
def test_a_rule_on_outcomes_is_of_no_use_alone(tmp_path: Path, view: str) -> None:
    """Nothing would ever come of it."""
    field = {"finding": "finding.risk", "delivery": "delivery.events"}[view]
    alone = build.document("rule", {"it": {field: 1}, "condition": "it"}, view=view)
    alone["ekswatch"] = {"message": "x", "dedup": {"key": []}}
    build.detection(tmp_path, alone)

    errors = [each.message for each in errors_of(tmp_path)]

    assert errors == [f"a rule on the view {view} serves correlations only, and none names it"]


@pytest.mark.parametrize("view", STATES)
def test_a_rule_on_states_is_found_alone(tmp_path: Path, view: str) -> None:
    """It needs no correlation."""
    alone = build.document("rule", {"it": {f"{view}.name": "x"}, "condition": "it"}, view=view)
    alone["ekswatch"] = {"message": "x", "dedup": {"key": []}}
    build.detection(tmp_path, alone)

    (compiled,) = compile_ruleset(tmp_path).rules

    assert (compiled.view, compiled.finding, compiled.signal) == (view, True, False)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("once_per", "only sums count once per something"),
        ("ungrouped", "only correlations have groups"),
        ("keep", "only rules that serve correlations alone keep less"),
    ],
)
def test_keys_of_correlations_are_refused_in_rules(tmp_path: Path, key: str, message: str) -> None:
    """They would do nothing in silence."""
    one = rule()
    one["ekswatch"] = {**one["ekswatch"], key: ["actor.name"]}
    build.detection(tmp_path, one)

    assert any(message in each.message for each in errors_of(tmp_path))


def test_generate_keeps_the_findings_of_a_base_rule(tmp_path: Path) -> None:
    """Sigma's `generate` lets the correlated rules alert as well."""
    build.detection(tmp_path, *windowed(generate=True))

    base = build.compiled(tmp_path).rules[0]

    assert (base.finding, base.signal) == (True, True)


BAD_CORRELATIONS: list[tuple[dict[str, Any], str]] = [
    ({"rules": ["burst-bse"]}, "there is no document 'burst-bse'; did you mean 'burst-base'?"),
    ({"timespan": "10x"}, "Timespan"),
    ({"timespan": None}, "without timespan"),
    ({"type": "value_median"}, "the type must be one of"),
    ({"type": "value_sum", "condition": {"gte": 3}}, "without field reference"),
    (
        {"type": "value_sum", "condition": {"gte": 3, "field": ["responseStatus.code", "verb"]}},
        "a sum needs one field",
    ),
    (
        {"type": "value_sum", "condition": {"gte": 3, "field": "actor.name"}},
        "actor.name is no number",
    ),
    ({"type": "count"}, "correlation type"),
    ({"type": "temporal", "condition": None}, "needs two rules"),
    ({"group-by": ["actor.nme"]}, "unknown field 'actor.nme'"),
    ({"condition": {"gte": 5, "field": "objectRef.nme"}}, "unknown field 'objectRef.nme'"),
    ({"condition": {"gte": 5}}, "field"),
    ({"rules": ["burst"]}, "in a circle"),
    (
        {"type": "temporal", "rules": None, "condition": "rule"},
        "a condition of names is not supported",
    ),
]


@pytest.mark.parametrize(("changes", "message"), BAD_CORRELATIONS)
def test_a_broken_correlation_is_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    """What the hourly job could not evaluate does not load."""
    build.detection(tmp_path, *windowed(**changes))
    build.detection(tmp_path, rule())

    errors = errors_of(tmp_path)

    assert any(message in error.message for error in errors), errors


# What a detection says


def test_the_metadata_of_a_detection(tmp_path: Path) -> None:
    """Title, tags and our own keys arrive in the words of later rooms."""
    document = rule(
        tags=["attack.t1552.007", "attack.privilege-escalation", "attack.t1611"],
        level="high",
        fields=["verb"],
        falsepositives=["Backups."],
        ekswatch={
            "message": "{actor.name} did it",
            "dedup": {"key": ["verb"], "period": "2h"},
            "impact": 60,
            "seed": "002",
            "commands": ["kubectl get {resource} -o jsonpath='{.items}'"],
        },
    )
    build.detection(tmp_path, document)

    detection = build.compiled(tmp_path).detections[0]

    assert (detection.slug, detection.severity) == ("rule", Severity.HIGH)
    assert (detection.dedup, detection.dedup_seconds) == (("verb",), 7_200)
    assert detection.tactics == ("Discovery", "Privilege Escalation")
    assert [(t.id, t.name) for t in detection.techniques] == [
        ("T1552.007", "Container API"),
        ("T1611", "Escape to Host"),
    ]
    assert (detection.impact, detection.confidence, detection.seed) == (60, None, "002")


def test_a_second_document_may_state_its_own_message(tmp_path: Path) -> None:
    """The rest of the detection is that of the main document."""
    extra = build.document("rule-extra", GET, ekswatch={"message": "Another way"}, level="low")
    build.detection(tmp_path, rule(level="high"), extra)

    ruleset = build.compiled(tmp_path)

    variant = ruleset.rules[1].variant
    assert variant is not None
    assert (variant.slug, variant.message) == ("rule", "Another way")
    assert ruleset.rules[1].severity == Severity.LOW
    assert len(ruleset.detections) == 1


@pytest.mark.parametrize("level", ["informational", "low", "critical"])
def test_a_level_is_a_severity(tmp_path: Path, level: str) -> None:
    """Every level arrives, the lowest too, and documents without one have the main one's."""
    build.detection(tmp_path, rule(level=level), build.document("rule-extra", GET, level=None))

    ruleset = build.compiled(tmp_path)

    severities = {each.severity for each in (*ruleset.detections, *ruleset.rules)}
    assert severities == {Severity[level.upper()]}


# Tuning


def tuned(folder: Path, setup: Callable[[Path], object]) -> Ruleset:
    setup(folder / "tuning")
    return build.compiled(folder / "detections", folder / "tuning")


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    folder = tmp_path / "detections"
    build.values(folder, "names", ["a", "b"])
    build.detection(folder, check("objectRef.name|expand", "%names%"))
    build.detection(folder, build.document("other", GET))
    build.write(folder / "filters" / "f.yml", build.exclusion("f", EXCLUDED))
    return tmp_path


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"add": ["c"], "remove": ["a"]}, ("b", "c")),
        ({"replace": ["x"]}, ("x",)),
        ({"add": ["b"]}, ("a", "b")),
    ],
)
def test_an_operator_changes_a_list(
    shipped: Path, change: dict[str, Any], expected: tuple[str, ...]
) -> None:
    """Lists are changed without touching a rule."""
    ruleset = tuned(shipped, lambda tuning: build.write(tuning / "lists" / "names.yml", change))

    assert ruleset.rules[1].selections["s"].values == expected  # type: ignore[union-attr]


def test_an_operator_disables_and_adds(shipped: Path) -> None:
    """Detections and filters are switched off by name, and own filters are added."""

    def setup(tuning: Path) -> None:
        disabled = {"detections": ["other"], "filters": ["f"]}
        build.write(tuning / "ekswatch.yml", {"disabled": disabled, "seed_mode": True})
        own = build.exclusion("own", {**EXCLUDED, "rules": ["rule"]})
        build.write(tuning / "filters" / "own.yml", own)

    ruleset = tuned(shipped, setup)

    assert [each.slug for each in ruleset.detections] == ["rule"]
    assert [each.name for each in ruleset.rules] == ["rule"]
    assert [each.name for each in ruleset.filters] == ["own"]
    assert ruleset.seed_mode


def test_what_a_disabled_detection_feeds_goes_on(tmp_path: Path) -> None:
    """A disabled rule that another detection correlates makes signals, and no findings."""
    folder, tuning = tmp_path / "detections", tmp_path / "tuning"
    build.detection(folder, *windowed(rules=["rule"]))
    build.detection(folder, rule())
    build.write(tuning / "ekswatch.yml", {"disabled": {"detections": ["rule"]}})

    ruleset = build.compiled(folder, tuning)

    by_name = {each.name: each for each in ruleset.rules}
    assert (by_name["rule"].finding, by_name["rule"].signal) == (False, True)
    assert [each.slug for each in ruleset.detections] == ["burst", "rule"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("lists/nmes.yml", {"add": ["x"]}, "there is no list 'nmes'; did you mean 'names'?"),
        ("lists/names.yml", {"add": ["x"], "replace": ["y"]}, "use either replace"),
        ("lists/names.yml", {"ad": ["x"]}, "unknown key 'ad'; did you mean 'add'?"),
        ("ekswatch.yml", {"disabled": {"detections": ["rul"]}}, "did you mean 'rule'?"),
        ("ekswatch.yml", {"disabled": {"filters": ["g"]}}, "there is no filter 'g'"),
        ("ekswatch.yml", {"sed_mode": True}, "unknown key 'sed_mode'"),
    ],
)
def test_a_tuning_that_does_nothing_is_an_error(
    shipped: Path, name: str, content: dict[str, Any], message: str
) -> None:
    """A misspelt name in the tuning folder never passes in silence."""
    build.write(shipped / "tuning" / name, content)

    errors = errors_of(shipped / "detections", shipped / "tuning")

    assert any(message in error.message for error in errors), errors


def test_the_shipped_detections_compile() -> None:
    """Everything in `detections/` compiles, and every technique it names has a name."""
    ruleset = compile_ruleset(Path(__file__).parents[2] / "detections")

    named = [t for detection in ruleset.detections for t in detection.techniques]
    assert [technique.id for technique in named if technique.name == technique.id] == []
