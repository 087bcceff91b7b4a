"""Finding: a match that was not expected, complete and addressed.

The ID is made from content, and merging is a union, so the same matches give the same
findings in any order, any number of times.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ekswatch.audit.event import Value
from ekswatch.findings import links, template
from ekswatch.findings.escape import terminal
from ekswatch.rules.detection import Detection, Severity
from ekswatch.rules.match import Match

MAX_AUDIT_IDS = 100
FIRST_SAMPLES = 9
"""A finding shows this many samples from the start, and the last one."""
VALUE_CHARS = 2_048
MEMBER_CHARS = 512
MAX_MEMBERS = 100
"""What is longer is cut in the JSON of a finding."""

Facts = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a cluster is: `partition` as in an ARN, the account's 12 digits, Region, name."""

    partition: str
    account: str
    region: str
    cluster: str

    @property
    def cluster_arn(self) -> str:
        return f"arn:{self.partition}:eks:{self.region}:{self.account}:cluster/{self.cluster}"


@dataclass(frozen=True, slots=True)
class Lead:
    """The match that speaks for a finding: the most severe, then the earliest."""

    detection: Detection
    severity: Severity
    at: datetime
    document: str
    reason: str
    facts: Facts
    evidence: tuple[tuple[str, Value], ...]
    rules_hash: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One detection that held for one entity in one period of one cluster.

    Shape: `count` is the number of distinct requests, exact; `audit_ids` are theirs in the
    order of the alphabet, fewer than `count` where a correlation did not keep them all;
    `samples` at most ten, in order of time; `partial` why records were incomplete.
    What leaves this process names at most 100 audit IDs.
    """

    id: str
    scope: Scope
    lead: Lead
    severity: Severity
    count: int
    first_seen: datetime
    last_seen: datetime
    audit_ids: tuple[str, ...]
    samples: tuple[Facts, ...]
    partial: tuple[str, ...]

    @property
    def detection(self) -> Detection:
        return self.lead.detection

    @property
    def reason(self) -> str:
        """What set the severity: a selection or a correlation; empty for the detection's level."""
        return self.lead.reason

    @property
    def facts(self) -> Facts:
        return self.lead.facts

    @property
    def evidence(self) -> tuple[tuple[str, Value], ...]:
        return self.lead.evidence

    @property
    def risk(self) -> int:
        """0 to 100."""
        return self.detection.risk(self.severity)

    @property
    def values(self) -> Facts:
        """What a template may name: the facts, and the finding's own words."""
        return {
            **self.facts,
            "count": self.count,
            "severity": self.severity.name,
            "cluster": self.scope.cluster,
            "account": self.scope.account,
            "region": self.scope.region,
            "first_seen": stamp(self.first_seen),
            "last_seen": stamp(self.last_seen),
            "audit_id": next(iter(self.audit_ids), None),
        }

    def said(self, text: str, escape: Callable[[str], str] = terminal) -> str:
        """A template of this detection, filled for a sink whose escaping function is given."""
        return template.message(text, self.values, escape)

    @property
    def message(self) -> str:
        """What happened, in one sentence."""
        return self.said(self.detection.message)

    @property
    def runbook(self) -> str:
        return self.said(self.detection.runbook)

    @property
    def commands(self) -> tuple[str, ...]:
        """Next commands, safe to paste; those whose fields are unknown are left out."""
        values = self.values
        filled = (template.command(one, values) for one in self.detection.commands)
        return tuple(one for one in filled if one is not None)

    @property
    def logs_url(self) -> str:
        """Logs Insights with a query for the raw events; empty where no console is known."""
        return links.logs_url(
            partition=self.scope.partition,
            region=self.scope.region,
            cluster=self.scope.cluster,
            audit_ids=self.audit_ids[:MAX_AUDIT_IDS],
            first_seen=self.first_seen,
            last_seen=self.last_seen,
        )


def findings(matches: Iterable[Match], scope: Scope, ruleset_hash: str) -> list[Finding]:
    """The findings of the matches that count alone and were not suppressed, in order of ID."""
    same: defaultdict[str, list[Finding]] = defaultdict(list)
    for match in matches:
        if not match.signal and not match.suppressed_by:
            one = _finding(match, scope, ruleset_hash)
            same[one.id].append(one)
    return [_merged(same[id_]) for id_ in sorted(same)]


def merge(a: Finding, b: Finding) -> Finding:
    """One finding of two with the same ID: the union of their requests, first to last.

    Order, grouping and repetition make no difference.
    Raises: ValueError when the IDs differ.
    """
    if a.id != b.id:
        raise ValueError(f"{a.id} and {b.id} are different findings")
    return _merged([a, b])


def suppressed(matches: Iterable[Match]) -> Counter[tuple[str, str]]:
    """How many matches each filter explained away, by (slug, name of the filter)."""
    return Counter((m.detection.slug, m.suppressed_by) for m in matches if m.suppressed_by)


def bucket(at: datetime, seconds: int) -> int:
    """The start of the period that a time falls in: Unix seconds, counted from the epoch."""
    length = max(1, seconds)
    return int(at.timestamp()) // length * length


def finding_id(scope: Scope, detection: Detection, facts: Facts, first_seen: datetime) -> str:
    """The same for the same detection, entity and period of one cluster, and for nothing else."""
    parts = [
        scope.partition,
        scope.account,
        scope.region,
        scope.cluster,
        detection.slug,
        [facts.get(field) for field in detection.dedup],
        bucket(first_seen, detection.dedup_seconds),
    ]
    return "ekswatch-" + hashlib.sha256(_canonical(parts).encode()).hexdigest()[:32]


def stamp(at: datetime) -> str:
    """RFC 3339 in UTC with milliseconds, as in 2026-11-20T02:20:11.250Z."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_dict(finding: Finding) -> dict[str, Any]:
    """The finding as plain JSON values: the contract of `--format json` and of the sinks."""
    facts = {name: _plain(value) for name, value in finding.facts.items() if value is not None}
    return {
        "id": finding.id,
        "detection": finding.detection.slug,
        "title": finding.detection.title,
        "severity": finding.severity.name,
        "reason": finding.reason,
        "risk": finding.risk,
        "cluster": finding.scope.cluster,
        "account": finding.scope.account,
        "region": finding.scope.region,
        "partition": finding.scope.partition,
        "message": finding.message,
        "description": finding.detection.description,
        "actor": _group(facts, "actor", "impersonator"),
        "source": _group(facts, "source", "userAgent"),
        "object": _group(facts, "object", "resource"),
        "request": _group(facts, "request", "verb"),
        "authorization": _group(facts, "authorization"),
        "outcome": facts.get("outcome"),
        "facts": facts,
        "count": finding.count,
        "first_seen": stamp(finding.first_seen),
        "last_seen": stamp(finding.last_seen),
        "tactics": list(finding.detection.tactics),
        "techniques": [{"id": t.id, "name": t.name} for t in finding.detection.techniques],
        "audit_ids": [_plain(one) for one in finding.audit_ids[:MAX_AUDIT_IDS]],
        "evidence": [{"field": f, "value": _plain(value)} for f, value in finding.evidence],
        "samples": [{f: _plain(value) for f, value in one.items()} for one in finding.samples],
        "runbook": finding.runbook,
        "commands": list(finding.commands),
        "logs_url": finding.logs_url,
        "falsepositives": list(finding.detection.falsepositives),
        "references": list(finding.detection.references),
        "partial": "; ".join(finding.partial),
        "document": finding.lead.document,
        "rules_hash": finding.lead.rules_hash,
    }


def _finding(match: Match, scope: Scope, ruleset_hash: str) -> Finding:
    """The finding of one match alone."""
    audit_ids = tuple(sorted({id_ for id_ in match.audit_ids if id_}))
    return Finding(
        id=finding_id(scope, match.detection, match.facts, match.first_seen),
        scope=scope,
        lead=Lead(
            detection=match.detection,
            severity=match.severity,
            at=match.first_seen,
            document=match.document,
            reason=match.reason,
            facts=match.facts,
            evidence=match.evidence,
            rules_hash=ruleset_hash,
        ),
        severity=match.severity,
        count=max(1, len(audit_ids), match.count),
        first_seen=match.first_seen,
        last_seen=match.last_seen,
        audit_ids=audit_ids,
        samples=_samples(match),
        partial=(match.partial,) if match.partial else (),
    )


def _merged(same: Sequence[Finding]) -> Finding:
    """One finding of several with the same ID, each part by an operation that is a union."""
    if len(same) == 1:
        return same[0]
    audit_ids = sorted({id_ for one in same for id_ in one.audit_ids})
    unnamed = max(one.count - len(one.audit_ids) for one in same)
    return Finding(
        id=same[0].id,
        scope=same[0].scope,
        lead=_leading([one.lead for one in same]),
        severity=max(one.severity for one in same),
        count=len(audit_ids) + unnamed,
        first_seen=min(one.first_seen for one in same),
        last_seen=max(one.last_seen for one in same),
        audit_ids=tuple(audit_ids),
        samples=_spread(sample for one in same for sample in one.samples),
        partial=tuple(sorted({reason for one in same for reason in one.partial})),
    )


def _leading(leads: Sequence[Lead]) -> Lead:
    first = min((-lead.severity, lead.at) for lead in leads)
    tied = [lead for lead in leads if (-lead.severity, lead.at) == first]
    return tied[0] if len(tied) == 1 else min(tied, key=_spelled_out)


def _spelled_out(lead: Lead) -> str:
    parts = [lead.document, lead.reason, lead.facts, lead.evidence, lead.rules_hash]
    return _canonical([*parts, repr(lead.detection)])


def _samples(match: Match) -> tuple[Facts, ...]:
    """The samples of one match, each with its request."""
    request: Facts = {
        "requestReceivedTimestamp": match.first_seen.isoformat(timespec="microseconds"),
        "auditID": next(iter(match.audit_ids), ""),
    }
    return _spread([{**request, **sample} for sample in match.samples or ({},)])


def _spread(samples: Iterable[Facts]) -> tuple[Facts, ...]:
    """The first nine and the last in order of time, each once."""
    distinct = {_sample_key(sample): sample for sample in samples}
    keys = sorted(distinct)
    kept = keys if len(keys) <= FIRST_SAMPLES else [*keys[:FIRST_SAMPLES], keys[-1]]
    return tuple(distinct[key] for key in kept)


def _sample_key(sample: Facts) -> tuple[str, str, str]:
    at, audit_id = sample.get("requestReceivedTimestamp"), sample.get("auditID")
    return str(at), str(audit_id), _canonical(dict(sample))


def _group(facts: Mapping[str, Any], prefix: str, *more: str) -> dict[str, Any]:
    """The facts below a prefix under their short names, and some more under their own."""
    start = prefix + "."
    short = {name[len(start) :]: value for name, value in facts.items() if name.startswith(start)}
    return short | {name: facts[name] for name in more if name in facts}


def _plain(value: Value) -> Any:
    if isinstance(value, tuple):
        return [_cut(member, MEMBER_CHARS) for member in value[:MAX_MEMBERS]]
    return _cut(value, VALUE_CHARS) if isinstance(value, str) else value


def _cut(text: str, chars: int) -> str:
    return text if len(text) <= chars else text[: chars - 1] + "…"


def _canonical(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)
