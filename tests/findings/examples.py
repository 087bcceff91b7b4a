"""Detections, matches and findings to render, with times in seconds after a fixed moment."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from ekswatch.findings.finding import Finding, Scope, findings
from ekswatch.rules.detection import Detection, Severity, Technique
from ekswatch.rules.match import Match, Value

START = datetime(2026, 11, 20, 2, 20, 11, 250_000, tzinfo=UTC)
SCOPE = Scope("aws", "111122223333", "eu-west-1", "prod-eu")
NASTY = "\x1b]0;pwned\x07\u202e\u200b<script>'\"`$(rm -rf /)\r\nSubject: x\x00 https://evil.example"

FACTS: dict[str, Value] = {
    "actor.name": "jdoe",
    "actor.kind": "human",
    "actor.groups": ("ops", "system:authenticated"),
    "actor.arn": "arn:aws:iam::111122223333:role/teams/Deploy",
    "actor.role": "arn:aws:sts::111122223333:assumed-role/Deploy",
    "actor.session": "jdoe@example.com",
    "actor.access_key_id": "ASIAIOSFODNN7EXAMPLE",
    "authorization.decision": "allow",
    "authorization.grant": "ClusterRoleBinding",
    "authorization.role": "ci-admin",
    "object.name": "debug-7f",
    "object.namespace": "build",
    "object.ref": "pods build/debug-7f",
    "outcome": "ok",
    "resource": "pods",
    "source.address": "203.0.113.7",
    "source.class": "public",
    "userAgent": "kubectl/v1.31.0",
    "verb": "create",
}


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def detection(**changes: Any) -> Detection:
    fields: dict[str, Any] = {
        "slug": "privileged-workload-created",
        "id": "0b7d6a52-6d1e-4d0e-9d52-6f1f0a6f5c11",
        "title": "Privileged container deployed",
        "description": "A privileged container is root on the node in all but name.",
        "severity": Severity.MEDIUM,
        "message": "{actor.name} created {object.ref} with a privileged container.",
        "dedup": ("actor.name", "object.ref"),
        "dedup_seconds": 3600,
        "fields": ("container.name",),
        "tactics": ("Privilege Escalation", "Execution"),
        "techniques": (Technique("T1610", "Deploy Container"),),
        "falsepositives": ("CNI, CSI and security agents",),
        "references": ("https://kubernetes.io/docs/concepts/security/",),
        "runbook": "Ask {actor.name} whether {object.ref} is theirs.",
        "commands": ("kubectl -n {object.namespace} get pod {object.name} -o yaml",),
    }
    return Detection(**(fields | changes))


def match(seconds: float = 0, audit_id: str = "a-1", **changes: Any) -> Match:
    fields: dict[str, Any] = {
        "detection": detection(),
        "document": "privileged-workload-created",
        "severity": Severity.HIGH,
        "reason": "person",
        "facts": FACTS,
        "evidence": (("container.privileged", True), ("actor.kind", "human")),
        "samples": ({"container.name": "shell"},),
        "count": 1,
        "first_seen": at(seconds),
        "last_seen": at(seconds),
        "audit_ids": (audit_id,),
    }
    return Match(**(fields | changes))


def finding(*matches: Match, scope: Scope = SCOPE) -> Finding:
    (one,) = findings(matches or (match(),), scope, "0123456789abcdef")
    return one


texts = st.text(max_size=30) | st.just(NASTY)
fact_values = (
    texts
    | st.integers()
    | st.booleans()
    | st.none()
    | st.lists(texts, max_size=7).map(tuple)
    | st.sampled_from(["x" * 5_000, "é" * 1_025, "\U0001f600" * 600])
)
hostile_facts = st.dictionaries(
    st.sampled_from(sorted(FACTS)) | st.text(max_size=20), fact_values, max_size=60
)
