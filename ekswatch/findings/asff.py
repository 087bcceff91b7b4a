"""ASFF: a finding as Security Hub CSPM takes it.

What belongs to the analyst (Note, Workflow, UserDefinedFields, VerificationState) is never
written; severity and types go into FindingProviderFields, where a provider may update them.
Source: AWS Security Hub API Reference, AwsSecurityFinding; `asff_model.py` holds the limits.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from ekswatch.audit.event import Value
from ekswatch.findings import template
from ekswatch.findings.escape import terminal
from ekswatch.findings.finding import MAX_AUDIT_IDS, Finding, stamp

RECORD_BYTES = 240_000
"""The most that one record takes in a call, KB being 1,000."""
TITLE_BYTES = 256
DESCRIPTION_BYTES = 1_024
REMEDIATION_BYTES = 512
RESOURCE_ID_BYTES = 512
DETAIL_BYTES = 1_024
PRODUCT_FIELDS = 50
PRODUCT_KEY_BYTES = 128
PRODUCT_VALUE_BYTES = 2_048
PRODUCT_FIELDS_BYTES = 120_000
"""Half of what a record may take, as JSON."""
URL_CHARS = 2_048
"""AWS states no limit for links; this is what browsers and mail clients take."""
TYPES = 50
OBJECTS = 10
PRINCIPALS = 5

TYPE_BY_TACTIC = {
    "Reconnaissance": "TTPs/Discovery",
    "Resource Development": "TTPs",
    "Initial Access": "TTPs/Initial Access",
    "Execution": "TTPs/Execution",
    "Persistence": "TTPs/Persistence",
    "Privilege Escalation": "TTPs/Privilege Escalation",
    "Defense Evasion": "TTPs/Defense Evasion",
    "Stealth": "TTPs/Defense Evasion",
    "Defense Impairment": "TTPs/Defense Evasion",
    "Credential Access": "TTPs/Credential Access",
    "Discovery": "TTPs/Discovery",
    "Lateral Movement": "TTPs/Lateral Movement",
    "Collection": "TTPs/Collection",
    "Command and Control": "TTPs/Command and Control",
    "Exfiltration": "Effects/Data Exfiltration",
    "Impact": "Effects",
}
"""Security Hub's taxonomy, which has no word for some tactics of ATT&CK."""

LINK = re.compile(r"https://[!-~]{1,2000}")
IAM_ARN = re.compile(r"arn:[a-z-]+:iam::\d{12}:(role|user)/(?:[!-~]*/)?([\w+=,.@-]{1,64})")
IAM_KINDS = {"role": ("AwsIamRole", "RoleName"), "user": ("AwsIamUser", "UserName")}
ACCESS_KEY_ID = re.compile(r"[A-Z0-9]{16,128}")
PARTITIONS = {"aws", "aws-cn", "aws-us-gov"}
"""What the Partition of a resource may say."""

FIRST_FACTS = (
    "actor.name",
    "actor.kind",
    "actor.arn",
    "actor.role",
    "actor.session",
    "actor.access_key_id",
    "actor.groups",
    "impersonator",
    "verb",
    "object.ref",
    "outcome",
    "source.address",
    "source.class",
    "source.country",
    "source.asn",
    "source.as_org",
    "userAgent",
    "authorization.decision",
    "authorization.reason",
)
"""Facts that a record always has room for; others follow by name."""


def asff(finding: Finding) -> dict[str, Any]:
    """The finding as an ASFF record: plain JSON values, every text within AWS's limits.

    Units: limits are bytes of UTF-8, so that no way of counting characters exceeds them.
    """
    scope = finding.scope
    record = {
        "SchemaVersion": "2018-10-08",
        "Id": finding.id,
        "ProductArn": (
            f"arn:{scope.partition}:securityhub:{scope.region}:{scope.account}"
            f":product/{scope.account}/default"
        ),
        "ProductName": "ekswatch",
        "CompanyName": "ekswatch",
        "GeneratorId": f"ekswatch/{finding.detection.slug}",
        "AwsAccountId": scope.account,
        "CreatedAt": stamp(finding.first_seen),
        "UpdatedAt": stamp(_updated_at(finding)),
        "FirstObservedAt": stamp(finding.first_seen),
        "LastObservedAt": stamp(finding.last_seen),
        "Title": fit(finding.detection.title, TITLE_BYTES),
        "Description": fit(finding.message or finding.detection.title, DESCRIPTION_BYTES),
        "FindingProviderFields": {
            "Severity": {
                "Label": finding.severity.name,
                "Original": finding.severity.name.lower(),
            },
            "Types": _types(finding.detection.tactics),
        },
        "Resources": [_cluster(finding), *_objects(finding), *_principals(finding)],
        "ProductFields": _product_fields(finding),
        "RecordState": "ACTIVE",
    }
    if remediation := _remediation(finding):
        record["Remediation"] = {"Recommendation": remediation}
    if 0 < len(finding.logs_url) <= URL_CHARS:
        record["SourceUrl"] = finding.logs_url
    return record


def record_bytes(record: Mapping[str, Any]) -> int:
    """Size of a record in the body of the request, as botocore writes it."""
    return len(json.dumps(record))


def fit(text: str, limit_bytes: int) -> str:
    """Text on one line, cut at a character with an ellipsis where it is too long.

    Units: bytes of UTF-8, the ellipsis (three) included.
    """
    line = " ".join(terminal(word) for word in text.split())
    encoded = line.encode()
    if len(encoded) <= limit_bytes:
        return line
    return encoded[: limit_bytes - 3].decode(errors="ignore") + "…"


def _updated_at(finding: Finding) -> datetime:
    """When the finding last changed, in event time: it must grow with every change.

    Security Hub ignores a record that is not newer. A late event raises the count and leaves
    the last time alone, so each request beyond the first counts a millisecond.
    """
    try:
        return finding.last_seen + timedelta(milliseconds=finding.count - 1)
    except OverflowError:  # a time at the end of the year 9999
        return finding.last_seen


def _types(tactics: Iterable[str]) -> list[str]:
    types = dict.fromkeys(TYPE_BY_TACTIC.get(tactic, "TTPs") for tactic in tactics)
    return list(types)[:TYPES] or ["TTPs"]


def _cluster(finding: Finding) -> dict[str, Any]:
    arn, name = finding.scope.cluster_arn, finding.scope.cluster
    return _resource(finding, "AwsEksCluster", arn, {"AwsEksCluster": {"Arn": arn, "Name": name}})


def _objects(finding: Finding) -> Iterator[dict[str, Any]]:
    """What was touched, as resources that Security Hub has no type for."""
    refs = _texts(finding.facts.get("object.ref"))[:OBJECTS]
    for ref in refs:
        about: dict[str, Value] = {"Object": ref}
        if len(refs) == 1:
            about |= {
                "Resource": finding.facts.get("resource"),
                "Namespace": finding.facts.get("object.namespace"),
                "Name": finding.facts.get("object.name"),
            }
        details = {
            name: fit(template.shown(value), DETAIL_BYTES) for name, value in about.items() if value
        }
        resource_id = fit(f"{finding.scope.cluster_arn}/{ref}", RESOURCE_ID_BYTES)
        yield _resource(finding, "Other", resource_id, {"Other": details})


def _principals(finding: Finding) -> Iterator[dict[str, Any]]:
    """The IAM role, user and access key behind the actor, where the event names them."""
    for arn in _texts(finding.facts.get("actor.arn"))[:PRINCIPALS]:
        if found := IAM_ARN.fullmatch(arn):
            kind, name = IAM_KINDS[found[1]]
            yield _resource(finding, kind, arn, {kind: {name: found[2]}})
    for key in _texts(finding.facts.get("actor.access_key_id"))[:PRINCIPALS]:
        if ACCESS_KEY_ID.fullmatch(key):
            details = {"AccessKeyId": key}
            if name := fit(template.shown(finding.facts.get("actor.name")), DETAIL_BYTES):
                details["PrincipalName"] = name
            yield _resource(finding, "AwsIamAccessKey", key, {"AwsIamAccessKey": details})


def _resource(
    finding: Finding, kind: str, resource_id: str, details: dict[str, Any]
) -> dict[str, Any]:
    resource = {"Type": kind, "Id": resource_id, "Region": finding.scope.region, "Details": details}
    if finding.scope.partition in PARTITIONS:
        resource["Partition"] = finding.scope.partition
    return resource


def _product_fields(finding: Finding) -> dict[str, str]:
    """What has no field of its own: at most 50 pairs, the most telling first."""
    fields: dict[str, str] = {}
    size = 0
    for name, text in _pairs(finding):
        key, value = fit(f"ekswatch/{name}", PRODUCT_KEY_BYTES), fit(text, PRODUCT_VALUE_BYTES)
        size += len(json.dumps([key, value]))
        if len(fields) == PRODUCT_FIELDS or size > PRODUCT_FIELDS_BYTES:
            break
        if value:
            fields[key] = value
    return fields


def _pairs(finding: Finding) -> Iterator[tuple[str, str]]:
    detection = finding.detection
    yield "risk", str(finding.risk)
    yield "count", str(finding.count)
    yield "cluster", finding.scope.cluster
    yield "partial", "; ".join(finding.partial)
    yield "reason", finding.reason
    yield "evidence", "; ".join(f"{f} = {template.shown(v)}" for f, v in finding.evidence)
    yield "audit_ids", ", ".join(finding.audit_ids[:MAX_AUDIT_IDS])
    yield "tactics", ", ".join(detection.tactics)
    yield "techniques", ", ".join(technique.id for technique in detection.techniques)
    yield "falsepositives", "; ".join(detection.falsepositives)
    yield "commands", " ; ".join(finding.commands)
    yield "rules_hash", finding.lead.rules_hash
    for name in dict.fromkeys((*FIRST_FACTS, *sorted(finding.facts))):
        if finding.facts.get(name) not in (None, "", ()):
            yield name, template.shown(finding.facts[name])


def _remediation(finding: Finding) -> dict[str, str]:
    advice: dict[str, str] = {}
    if text := fit(finding.runbook, REMEDIATION_BYTES):
        advice["Text"] = text
    if url := next(filter(LINK.fullmatch, finding.detection.references), ""):
        advice["Url"] = url
    return advice


def _texts(value: Value) -> tuple[str, ...]:
    """The members of a fact that hold anything, as strings."""
    members = value if isinstance(value, tuple) else (value,)
    return tuple(member for member in members if isinstance(member, str) and member.strip())
