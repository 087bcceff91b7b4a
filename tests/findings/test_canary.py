"""Secret material of an event, followed through everything that leaves: it never does."""

import json
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from ekswatch.audit.event import AuditEvent
from ekswatch.correlate.correlate import correlate
from ekswatch.correlate.signal import encode, signals
from ekswatch.correlate.window import Window
from ekswatch.findings.asff import asff
from ekswatch.findings.finding import Finding, findings, to_dict
from ekswatch.findings.text import body, subject
from ekswatch.rules.matcher.engine import Engine
from ekswatch.rules.ruleset import SCHEMA, And, Check, Correlation, Rule, Ruleset
from tests.findings.examples import SCOPE, START, detection

CANARY = "cAnArY7sEcReT"
BODY = {
    "kind": "Secret",
    "metadata": {
        "annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": json.dumps(
                {"data": {"password": CANARY}}
            )
        }
    },
    "data": {"password": CANARY},
    "stringData": {"token": CANARY},
    "spec": {"containers": [{"env": [{"name": "DB_PASSWORD", "value": CANARY}]}]},
}
COMMAND = f"mysql --password={CANARY} --token {CANARY}"
FIELDS = (
    *("userAgent", "requestObject.data", "requestObject.stringData"),
    *("requestObject.metadata.annotations", "requestObject.spec.containers"),
    *("request.query", "requestURI"),
)

WHEREVER = [
    {"userAgent": f"curl/8 token={CANARY}"},
    {"requestURI": f"/api/v1/namespaces/a/pods/b/exec?command={quote(COMMAND)}"},
    {"requestURI": f"/api/v1/namespaces/a/pods?access_token={CANARY}"},
    {"requestObject": BODY, "responseObject": BODY},
    {"responseStatus": {"code": 403, "message": f"wrong password={CANARY} for jane"}},
    {"annotations": {"authorization.k8s.io/reason": f"token={CANARY}"}},
]


def event(**changes: Any) -> AuditEvent:
    record = {
        "kind": "Event",
        "auditID": "a-1",
        "stage": "ResponseComplete",
        "verb": "create",
        "user": {"username": "jane"},
        "objectRef": {"resource": "secrets", "namespace": "a", "name": "db"},
        "responseStatus": {"code": 201},
        "requestReceivedTimestamp": START.isoformat(),
    }
    return msgspec.json.decode(msgspec.json.encode(record | changes), type=AuditEvent)


def ruleset() -> Ruleset:
    """A rule that matches everything and copies all it can, alone and under a correlation."""
    about = detection(
        message="".join(f"{{{name}}} " for name in FIELDS),
        runbook="".join(f"{{{name}}} " for name in FIELDS),
        commands=tuple(f"echo {{{name}}}" for name in FIELDS),
        fields=FIELDS,
    )
    selections = {"all": And(tuple(Check(name, "exists", (True,)) for name in FIELDS[:3]))}
    rule = Rule(
        name="all",
        detection=about.slug,
        view="",
        selections=selections,
        condition=And(()),
        severity=about.severity,
        facts=FIELDS,
        signal=True,
    )
    counted = Correlation(
        name=about.slug,
        detection=about.slug,
        kind="event_count",
        rules=("all",),
        timespan_seconds=60,
        severity=about.severity,
        group_by=("actor.name",),
        collect=FIELDS,
    )
    return Ruleset(SCHEMA, (about,), (rule,), (counted,), ())


def rendered(finding: Finding) -> list[str]:
    return [
        json.dumps(to_dict(finding)),
        json.dumps(asff(finding)),
        subject(finding),
        body(finding),
    ]


@pytest.mark.parametrize("changes", WHEREVER)
def test_no_secret_leaves(changes: dict[str, Any]) -> None:
    """Neither findings in any format nor signals nor what correlations make of them hold it."""
    rules = ruleset()
    matches = Engine(rules).match([event(**changes)])
    written = signals(matches, batch="b")
    correlated = correlate(written, rules, Window.covering(START, START))
    found = findings([*matches, *correlated], SCOPE, "r")
    lines = [encode(one) for one in written] + [text for one in found for text in rendered(one)]

    assert len(written) == 1
    assert len(found) == 2
    assert not [line for line in lines if CANARY.lower() in line.lower()]


SPEC = {
    "kind": "Pod",
    "metadata": {"name": "web", "namespace": "a"},
    "spec": {
        "containers": [
            {
                "name": "web",
                "env": [
                    {"name": "DB_PASSWORD", "value": CANARY},
                    {"name": "DATABASE_URL", "value": f"postgres://app:{CANARY}@db/app"},
                ],
                "command": ["sh", "-c", f"{CANARY}token={CANARY} run --api-key {CANARY}"],
                "args": ["--password", CANARY, f"{CANARY}password={CANARY}"],
            }
        ]
    },
}
TOLD = ("container.name", "container.env_names", "container.credentials")


def test_credentials_in_a_spec_are_told_by_kind_and_place() -> None:
    """What says that a manifest holds credentials does not hold them, in any format."""
    about = detection(message="".join(f"{{{name}}} " for name in TOLD), fields=TOLD)
    rule = Rule(
        name="all",
        detection=about.slug,
        view="container",
        selections={},
        condition=Check("container.credentials", "exists", (True,)),
        severity=about.severity,
        facts=TOLD,
    )
    given = event(
        objectRef={"resource": "pods", "namespace": "a", "name": "web", "apiVersion": "v1"},
        requestObject=SPEC,
        responseObject=SPEC,
    )

    matches = Engine(Ruleset(SCHEMA, (about,), (rule,), (), ())).match([given])
    (found,) = findings(matches, SCOPE, "r")
    texts = rendered(found)

    assert found.facts["container.credentials"] == (
        "password in env DB_PASSWORD",
        "connection-string in env DATABASE_URL",
        "token in command[2]",
        "password in args[1]",
        "password in args[2]",
    )
    assert "password in env DB_PASSWORD" in texts[0]
    assert not [text for text in texts if CANARY.lower() in text.lower()]
