"""What a match keeps, who suppresses it, and what happens when a rule breaks."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ekswatch.rules.detection import Severity
from ekswatch.rules.match import Match
from ekswatch.rules.matcher.engine import Engine
from ekswatch.rules.ruleset import And, Check, Ruleset, dump
from tests.rules import build

GET = {"s": {"verb": "get"}, "condition": "s"}
ROOT = Path(__file__).parents[2]


def one(folder: Path, event: Any, **options: Any) -> Match:
    (match,) = build.engine(folder, **options).match([event])
    return match


def test_a_match_keeps_what_the_detection_names(tmp_path: Path) -> None:
    """Facts hold the summary and the named fields; samples hold the Sigma `fields`."""
    keys = {
        "message": "{objectRef.uid}",
        "dedup": {"key": ["auditID"]},
        "commands": ["x {userAgent}"],
    }
    rule = build.document("rule", GET, ekswatch=keys, fields=["requestURI", "level"])
    build.detection(tmp_path, rule)
    event = build.event(
        user={"username": "jane"},
        objectRef={"resource": "pods", "uid": "u1"},
        requestURI="/api",
        userAgent="curl/8",
    )

    match = one(tmp_path, event)

    assert match.facts["actor.name"] == "jane"
    assert match.facts["objectRef.uid"] == "u1"
    assert match.facts["auditID"] == "7b5d2f0a"
    assert match.samples == ({"requestURI": "/api"},)
    assert "impersonator" not in match.facts
    assert (match.document, match.count, match.audit_ids) == ("rule", 1, ("7b5d2f0a",))
    assert match.first_seen == match.last_seen == event.at


def test_a_document_on_another_view_keeps_what_it_has(tmp_path: Path) -> None:
    """Fields of the main document's view are left out, and nothing fails."""
    main = build.document(
        "main",
        {"s": {"container.privileged": True}, "condition": "s"},
        view="container",
        fields=["container.name", "requestURI"],
        ekswatch={"message": "{container.name}"},
    )
    build.detection(tmp_path, main, build.document("other", GET))
    engine = build.engine(tmp_path)

    (match,) = engine.match([build.event(requestURI="/api")])

    assert (match.document, match.samples) == ("other", ({"requestURI": "/api"},))
    assert not engine.errors


def test_evidence_is_what_held(tmp_path: Path) -> None:
    """Evidence has the fields of selections that hold and count, with their values."""
    detection = {
        "a": {"verb": "get", "objectRef.name|exists": False},
        "b": {"userAgent|startswith": "curl"},
        "c": {"level": "Metadata"},
        "never": {"objectRef.resource": "secrets"},
        "condition": "a and (b or c) and not never",
    }
    build.detection(tmp_path, build.document("rule", detection))

    match = one(tmp_path, build.event(userAgent="curl/8", objectRef={"resource": "pods"}))

    assert match.evidence == (("verb", "get"), ("userAgent", "curl/8"))


def test_evidence_names_the_alternative_that_held(tmp_path: Path) -> None:
    """Of several alternatives only those that hold are evidence."""
    detection = {"any": [{"verb": "get"}, {"userAgent": "curl"}], "condition": "any"}
    build.detection(tmp_path, build.document("rule", detection))

    match = one(tmp_path, build.event(userAgent="kubectl"))

    assert match.evidence == (("verb", "get"),)


def test_the_first_entry_that_holds_sets_the_severity(tmp_path: Path) -> None:
    """Entries are tried in order; all selections of an entry must hold."""
    detection = {
        **GET,
        "a": {"level": "Metadata"},
        "b": {"userAgent": "curl"},
    }
    entries = [
        {"when": ["a", "b"], "level": "critical"},
        {"when": "b", "level": "low"},
        {"when": "a", "level": "high"},
    ]
    keys = {"message": "m", "severity": entries}
    build.detection(tmp_path, build.document("rule", detection, ekswatch=keys))
    engine = build.engine(tmp_path)

    found = [
        (match.severity, match.reason)
        for fields in (
            {"level": "Metadata", "userAgent": "curl"},
            {"userAgent": "curl"},
            {"level": "Metadata"},
            {},
        )
        for match in engine.match([build.event(**fields)])
    ]

    assert found == [
        (Severity.CRITICAL, "a and b"),
        (Severity.LOW, "b"),
        (Severity.HIGH, "a"),
        (Severity.MEDIUM, ""),
    ]


def test_secrets_are_redacted_in_all_that_is_kept(tmp_path: Path) -> None:
    """No canary survives in facts, samples or evidence."""
    canary = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl"
    detection = {"s": {"userAgent|contains": "eyJ"}, "condition": "s"}
    rule = build.document("rule", detection, fields=["requestURI", "user.groups"])
    build.detection(tmp_path, rule)
    event = build.event(
        userAgent=f"x {canary}", requestURI=f"/?t={canary}", user={"groups": [canary]}
    )

    match = one(tmp_path, event)

    assert canary not in repr(match)


def test_a_match_is_bounded(tmp_path: Path) -> None:
    """A hostile event makes no large match."""
    detection = {"s": {"requestObject.x|exists": True}, "condition": "s"}
    fields = ["requestObject.x", "userAgent", "user.groups"]
    build.detection(tmp_path, build.document("rule", detection, fields=fields))
    event = build.event(
        userAgent="u" * 100_000,
        user={"groups": ["g" * 10_000] * 1_000},
        requestObject={"x": ["v" * 10_000] * 1_000},
    )

    match = one(tmp_path, event)

    assert len(repr(match)) < 400_000


# Suppression


def excluded(folder: Path, name: str, check: dict[str, Any], **more: Any) -> None:
    section = {"rules": more.pop("rules", "any"), "s": check, "condition": "not s"}
    build.write(folder / "filters" / f"{name}.yml", build.exclusion(name, section, **more))


def test_a_suppressed_match_is_still_a_match(tmp_path: Path) -> None:
    """It names the first filter that holds."""
    build.detection(tmp_path, build.document("rule", GET))
    excluded(tmp_path, "b", {"userAgent": "curl"})
    excluded(tmp_path, "a", {"userAgent": "wget"})
    excluded(tmp_path, "c", {"verb": "get"}, rules=["rule"])
    engine = build.engine(tmp_path)

    found = [
        engine.match([build.event(userAgent=agent)])[0].suppressed_by
        for agent in ("wget", "curl", "kubectl")
    ]

    assert found == ["a", "b", "c"]


def test_a_filter_is_for_its_rules_only(tmp_path: Path) -> None:
    """Another rule is not suppressed by it."""
    build.detection(tmp_path, build.document("rule", GET))
    build.detection(tmp_path, build.document("other", GET))
    excluded(tmp_path, "f", {"verb": "get"}, rules=["other"])

    matches = build.engine(tmp_path).match([build.event()])

    assert {m.document: m.suppressed_by for m in matches} == {"other": "f", "rule": ""}


@pytest.mark.parametrize(
    ("day", "expected"), [("2026-11-20", "f"), ("2026-11-21", ""), ("2027-01-01", "")]
)
def test_a_filter_holds_until_its_day_is_over(tmp_path: Path, day: str, expected: str) -> None:
    """Expiry is compared with the time of the event, so a replay gives the same answer."""
    build.detection(tmp_path, build.document("rule", GET))
    excluded(tmp_path, "f", {"verb": "get"}, ekswatch={"expires": "2026-11-20"})

    match = one(tmp_path, build.event(requestReceivedTimestamp=f"{day}T23:00:00Z"))

    assert match.suppressed_by == expected


def test_seed_mode_does_without_default_filters(tmp_path: Path) -> None:
    """It folds seed detections by all their fields; others and own filters are as ever."""
    seed = {"message": "m", "seed": "000"}
    build.detection(
        tmp_path, build.document("seeded", GET, ekswatch=seed, fields=["verb", "stage"])
    )
    build.detection(tmp_path, build.document("plain", GET, fields=["verb"]))
    excluded(tmp_path, "shipped", {"verb": "get"}, ekswatch={"default": True})
    excluded(tmp_path, "theirs", {"userAgent": "curl"})
    engine = build.engine(tmp_path, seed_mode=True)

    plain, seeded = engine.match([build.event()])
    _, by_own = engine.match([build.event(userAgent="curl")])

    assert (plain.suppressed_by, plain.detection.dedup) == ("shipped", ("actor.name", "object.ref"))
    assert (seeded.suppressed_by, seeded.detection.dedup) == ("", ("verb", "stage"))
    assert by_own.suppressed_by == "theirs"


def test_a_suppressed_signal_is_only_counted(tmp_path: Path) -> None:
    """Nobody reads its facts, so none are taken."""
    correlates = {
        "type": "event_count",
        "rules": ["base"],
        "timespan": "1h",
        "condition": {"gte": 2},
        "group-by": ["actor.name"],
    }
    base = build.document("base", GET)
    build.detection(tmp_path, build.correlation("burst", correlates), base)
    excluded(tmp_path, "f", {"userAgent": "curl"})
    engine = build.engine(tmp_path)

    free, suppressed = engine.match([build.event(), build.event(userAgent="curl")])

    assert (free.signal, suppressed.signal) == (True, True)
    assert (suppressed.suppressed_by, suppressed.facts) == ("f", {})
    assert free.facts["verb"] == "get"


# Broken rules


def broken(ruleset: Ruleset, check: Check) -> Ruleset:
    """The ruleset with a condition that compile would never write."""
    first, *rest = ruleset.rules
    changed = msgspec.structs.replace(first, condition=And((check, first.condition)))
    return msgspec.structs.replace(ruleset, rules=(changed, *rest))


@pytest.mark.parametrize(
    "check",
    [
        Check("userAgent", "lt", ("not a number",)),
        Check("requestObject.x", "lt", ("not a number",)),
        Check("responseStatus.code", "lt", ("not a number",)),
    ],
)
def test_a_rule_that_raises_fails_alone(tmp_path: Path, check: Check) -> None:
    """It is counted and reported, and the other rules match."""
    build.detection(tmp_path, build.document("a", GET))
    build.detection(tmp_path, build.document("b", GET))
    heard: list[tuple[str, str, str]] = []
    engine = Engine(
        broken(build.compiled(tmp_path), check),
        on_error=lambda name, audit_id, error: heard.append((name, audit_id, type(error).__name__)),
    )
    event = build.event(responseStatus={"code": 200}, requestObject={"x": 1})

    documents = [match.document for match in engine.match([event])]

    if check.field == "userAgent":  # text is no number, so nothing is compared
        assert (documents, heard) == (["b"], [])
    else:
        assert documents == ["b"]
        assert heard == [("a", "7b5d2f0a", "TypeError")]
        assert engine.errors == {("a", "TypeError"): 1}


def test_half_a_surrogate_breaks_no_pattern(tmp_path: Path) -> None:
    """Text that is no UTF-8 is still searched."""
    detection = {"s": {"userAgent|re": "^curl"}, "t": {"userAgent": "c*l?"}, "condition": "s or t"}
    build.detection(tmp_path, build.document("rule", detection))
    event = msgspec.structs.replace(build.event(), userAgent="curl\ud800")
    engine = build.engine(tmp_path)

    assert len(engine.match([event])) == 1
    assert engine.errors == {}


# At run time


def test_the_engine_needs_no_yaml_pysigma_or_pydantic(tmp_path: Path) -> None:
    """Matching with a loaded artefact imports none of what only the build needs."""
    artefact = tmp_path / "rules.json"
    artefact.write_bytes(dump(build.compiled(Path(__file__).parent / "data")))
    program = (
        "import sys, pathlib\n"
        "from ekswatch.audit.event import AuditEvent\n"
        "from ekswatch.rules.matcher.engine import Engine\n"
        "from ekswatch.rules.ruleset import load\n"
        f"engine = Engine(load(pathlib.Path({str(artefact)!r}).read_bytes()))\n"
        "engine.match([AuditEvent(verb='get', stage='ResponseComplete')])\n"
        "print({'yaml', 'sigma', 'pydantic'} & set(sys.modules))\n"
    )

    run = subprocess.run(  # noqa: S603 - our own interpreter and program
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert run.stdout == "set()\n"


def test_an_audit_id_of_any_length_is_kept_short(tmp_path: Path) -> None:
    """Callers choose it by a header; long ones that begin alike stay different."""
    build.detection(tmp_path, build.document("rule", GET))
    usual, long = "7b5d2f0a-0c1d-4e55-9c58-1a2b3c4d5e6f", "a" * 600_000
    events = [build.event(auditID=one) for one in (usual, long, long + "b", "\U0001f600" * 70)]

    kept = [match.audit_ids[0] for match in build.engine(tmp_path).match(events)]

    assert kept[0] == usual
    assert len(set(kept)) == 4
    assert max(map(len, kept)) == 64


def test_a_secret_in_an_audit_id_is_hidden(tmp_path: Path) -> None:
    """The caller writes the header; two requests stay two."""
    build.detection(tmp_path, build.document("rule", GET))
    events = [build.event(auditID=f"id password=hunter2{end}") for end in "ab"]

    one, other = (match.audit_ids[0] for match in build.engine(tmp_path).match(events))

    assert one != other
    assert "hunter2" not in one + other
