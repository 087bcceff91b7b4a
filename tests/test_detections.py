"""Detections against events: examples, recorded attacks, a recorded quiet day.

Nobody writes code to add a detection: its examples are found by the name of their folder.
"""

import json
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from ekswatch.audit.facts import object_ref
from ekswatch.cli.examples import Example, Judge, find_examples, read_events, strays
from ekswatch.findings.finding import Finding, Scope, findings
from ekswatch.rules.compile import compile_ruleset
from ekswatch.rules.detection import Severity
from ekswatch.rules.match import Match
from ekswatch.rules.ruleset import Ruleset

ROOT = Path(__file__).parents[1]
EVENTS = ROOT / "events"
EXAMPLES = find_examples(EVENTS)
SCOPE = Scope("aws", "111122223333", "eu-west-1", "demo")

LEDGER = "sensitive-object-access"
"""A record of who touched what, so it holds attacks and ordinary work alike."""

ATTACKS: dict[str, set[str]] = {
    "anonymous_allowed": {"anonymous-access-allowed", "anonymous-request"},
    "anonymous_denied": {"anonymous-request"},
    "attach_spdy": {"pod-exec"},
    "chain_sa_to_node": {
        "pod-exec",
        "secrets-listed",
        "sensitive-hostpath-mount",
        "service-account-denied",
    },
    "clusterrole_wildcard": {"wildcard-role-written"},
    "crb_cluster_admin_user": {"cluster-admin-binding-created"},
    "exec_download_execute": {"pod-exec"},
    "exec_kubectl": {"pod-exec"},
    "exec_spdy": {"pod-exec"},
    "hostnetwork_pod": {"host-network-workload"},
    "hostpath_docker_sock_pod": {"sensitive-hostpath-mount"},
    "hostpath_etc_deployment": {"sensitive-hostpath-mount"},
    "hostpath_root_pod": {"sensitive-hostpath-mount"},
    "hostpid_nsenter_pod": {"privileged-workload-created"},
    "impersonate_masters": {"secrets-listed"},
    "node_identity_reads_secrets": {
        "secret-read-unusual-user-agent",
        "sensitive-hostpath-mount",
    },
    "nodeport_service": {"nodeport-service-created"},
    "odd_image_kube_system": {"workload-in-system-namespace"},
    "pod_with_controller_sa": {"workload-in-system-namespace"},
    "pods_sa_create_hostpath": {"sensitive-hostpath-mount"},
    "priv_by_patch_deployment": {"privileged-workload-created"},
    "priv_by_update": {"privileged-workload-created"},
    "priv_daemonset_kube_system": {
        "privileged-workload-created",
        "workload-in-system-namespace",
    },
    "priv_deployment": {"privileged-workload-created"},
    "priv_pod_apply": {"privileged-workload-created"},
    "priv_pod_create": {"privileged-workload-created"},
    "priv_pod_rejected_by_psa": {"privileged-workload-created"},
    "probe_version_all_logged": {"anonymous-request"},
    "psa_label_to_privileged": {"privileged-workload-created"},
    "recon_many_kinds": {"secrets-listed"},
    "sa_many_forbidden": {"forbidden-request-burst", "service-account-denied"},
    "secrets_enum_burst": {"secret-read-burst", "secret-read-unusual-user-agent"},
    "secrets_get_unusual_ua": {"secret-read-unusual-user-agent"},
    "secrets_list_all_namespaces": {"secrets-listed"},
    "unauth_scan": {"anonymous-request", "forbidden-request-burst"},
    "validating_webhook_create": {"admission-webhook-written"},
}
"""What of each recorded attack is found, by scenario; the others need further detections."""


@cache
def ruleset() -> Ruleset:
    return compile_ruleset(ROOT / "detections")


@cache
def judge() -> Judge:
    return Judge(ruleset())


@cache
def matches(file: Path) -> tuple[Match, ...]:
    """Everything that a file of events gives, suppressed matches included, signals correlated."""
    return judge().matches(read_events(file))


def judged(file: Path) -> list[Finding]:
    return findings(matches(file), SCOPE, ruleset().hash)


@cache
def labels() -> dict[str, dict[str, list[str]]]:
    return json.loads((EVENTS / "scenarios" / "labels.json").read_text())


def scenario(name: str) -> Path:
    return EVENTS / "scenarios" / f"{name}.jsonl.gz"


def alarms(found: list[Finding]) -> list[str]:
    """Findings that somebody is expected to look at, as text for a failing test."""
    return [f"{f.severity.name} {f.message}" for f in found if f.severity >= Severity.MEDIUM]


def told(finding: Finding, field: str) -> tuple[object, ...]:
    """What a finding says of a field: one value, several, or none."""
    value = finding.facts.get(field, ())
    return value if isinstance(value, tuple) else (value,)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_example(example: Example):
    """A match_ example gives a finding of its folder's detection, an ignore_ example none."""
    assert judge().outcome(example).problem == ""


def test_no_example_is_out_of_place():
    """Every example belongs to a detection, and every file beside one is an example."""
    assert strays(EVENTS, {detection.slug for detection in ruleset().detections}) == ()


def test_every_detection_has_examples_of_both_kinds():
    """At least two events show what each detection finds, and two what it leaves alone."""
    counted = Counter((example.slug, example.kind) for example in EXAMPLES)
    slugs = {detection.slug for detection in ruleset().detections}

    assert {slug for slug, _ in counted} == slugs
    for slug in slugs:
        assert min(counted[slug, "match"], counted[slug, "ignore"]) >= 2, slug


def test_every_default_exclusion_is_shown_at_work():
    """Each shipped filter suppresses something in an example or on the recorded day."""
    files = [*(example.path for example in EXAMPLES), EVENTS / "benign.jsonl.gz"]
    used = {match.suppressed_by for file in files for match in matches(file)} - {""}

    assert {filter_.name for filter_ in ruleset().filters} - used == set()


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_recorded_attack(name: str):
    """A recorded attack gives the expected findings, about its own actor, object and requests."""
    attack = set(labels()[name]["attack"])
    recorded = [event for event in read_events(scenario(name)) if event.auditID in attack]
    actors = {(event.impersonatedUser or event.user).username for event in recorded}
    objects = {object_ref(event) for event in recorded}
    found = [f for f in judged(scenario(name)) if attack & set(f.audit_ids)]
    alerts = [f for f in found if f.detection.slug != LEDGER]

    assert {f.detection.slug for f in alerts} == ATTACKS[name]
    for alert in alerts:
        assert set(alert.audit_ids) <= attack
        assert set(told(alert, "actor.name")) <= actors
        assert set(told(alert, "object.ref")) <= objects


def test_scenarios_that_no_detection_covers_stay_out_of_the_table():
    """The table of attacks is complete: no other labelled attack gives an alert."""
    others = [
        name
        for name, label in labels().items()
        if name not in ATTACKS
        for finding in judged(scenario(name))
        if finding.detection.slug != LEDGER and set(label["attack"]) & set(finding.audit_ids)
    ]

    assert others == []


@pytest.mark.parametrize("name", sorted(n for n in labels() if n.startswith("lookalike_")))
def test_recorded_lookalike(name: str):
    """What looks like an attack and is none disturbs nobody."""
    assert alarms(judged(scenario(name))) == []


def test_recorded_quiet_day():
    """Nearly twenty thousand ordinary events give at most one finding to look at."""
    found = judged(EVENTS / "benign.jsonl.gz")

    assert len(alarms(found)) <= 1, alarms(found)
