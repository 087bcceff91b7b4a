"""The mail about a finding: who, what, where, when and why, read in ten seconds.

Templates are written by us and may hold links; values come from events and may not.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from ekswatch.audit.event import Value
from ekswatch.findings import template
from ekswatch.findings.escape import mail
from ekswatch.findings.finding import Finding

SUBJECT_CHARS = 99
HEAD_CHARS = 50
"""Severity and title keep this much, however long the name of the cluster."""
LINE_CHARS = 400
EVIDENCE_SHOWN = 4
COMMANDS_SHOWN = 3
LABEL_CHARS = 14
FROM = ("source.address", "source.class", "userAgent")
LIES = ("source.city", "source.country", "source.asn", "source.as_org")
"""Where an address lies, as far as it is known."""


def subject(finding: Finding) -> str:
    """The subject: ASCII, printable, one line, under 100 characters.

    Source: Amazon SNS API Reference, Publish, parameter Subject.
    """
    head = _ascii(f"[{finding.severity.name}] {finding.detection.title}")
    place = _ascii(_place(finding))
    room = max(HEAD_CHARS, SUBJECT_CHARS - len(place))
    return _cut(_cut(head, room) + place, SUBJECT_CHARS)


def body(finding: Finding) -> str:
    """The text: severity, one sentence, who, from where, what, when, why, next steps, links.

    Shape: about 20 lines, without a trailing newline; absent facts leave their line out.
    """
    head = mail(f"[{finding.severity.name}] {finding.detection.title}{_place(finding)}")
    sentence = _one_line(finding.said(finding.detection.message, mail))
    return "\n".join(
        [head, "", sentence, "", *_about(finding), "", *_next(finding), "", *_end(finding)]
    )


def attributes(finding: Finding) -> dict[str, dict[str, str]]:
    """SNS message attributes, for subscription filters: each a non-empty string."""
    words = {
        "severity": finding.severity.name,
        "detection": finding.detection.slug,
        "cluster": finding.scope.cluster,
        "account": finding.scope.account,
        "region": finding.scope.region,
        "tactic": next(iter(finding.detection.tactics), ""),
    }
    return {
        name: {"DataType": "String", "StringValue": word} for name, word in words.items() if word
    }


def _place(finding: Finding) -> str:
    scope = finding.scope
    return f" in {scope.cluster} ({scope.region}, {scope.account})"


def _about(finding: Finding) -> Iterator[str]:
    facts = finding.facts
    yield from _line("Who", _who(facts))
    yield from _line("From", _said(facts, "{} ({}), {}", *FROM))
    yield from _line("", _known(facts, *LIES))
    yield from _line("What", _said(facts, "{} {} ({})", "verb", "object.ref", "outcome"))
    yield from _line(
        "Allowed by", _said(facts, "{} {}", "authorization.grant", "authorization.role")
    )
    yield from _line("When", _when(finding))
    techniques = [f"{one.id} {one.name}" for one in finding.detection.techniques]
    yield from _line("Risk", mail(", ".join([f"{finding.risk} of 100", *techniques])))
    yield from _line("Severity by", mail(finding.reason))
    label = "Why it fired"
    for field, value in finding.evidence[:EVIDENCE_SHOWN]:
        yield from _line(label, mail(f"{field} = {template.shown(value)}"))
        label = ""


def _next(finding: Finding) -> Iterator[str]:
    yield from _line("Check now", _one_line(finding.said(finding.detection.runbook, mail)))
    for command in finding.commands[:COMMANDS_SHOWN]:
        yield from _line("", mail(command))
    yield from _line("If expected", mail("; ".join(finding.detection.falsepositives)))
    yield from _line("Logs", finding.logs_url, cut=False)
    links = (one for one in finding.detection.references if one.startswith("https://"))
    yield from _line("More", next(links, ""), cut=False)


def _end(finding: Finding) -> Iterator[str]:
    events = f"incomplete ({'; '.join(finding.partial)})" if finding.partial else "complete"
    rules = finding.lead.rules_hash[:12] or "-"
    yield _cut(
        f"{finding.id}   {finding.detection.slug}   rules {rules}   events: {mail(events)}",
        LINE_CHARS,
    )


def _who(facts: Mapping[str, Value]) -> str:
    """The actor, then what else is known of it."""
    name, kind = facts.get("actor.name"), facts.get("actor.kind")
    parts = [mail(template.shown(name)) + (f" ({mail(template.shown(kind))})" if kind else "")]
    for word, field in (
        ("role", "actor.role"),
        ("session", "actor.session"),
        ("access key", "actor.access_key_id"),
        ("pod", "actor.pod"),
        ("impersonated by", "impersonator"),
    ):
        value = facts.get(field)
        if value and value != name:
            parts.append(f"{word} {mail(template.shown(value))}")
    return ", ".join(parts)


def _when(finding: Finding) -> str:
    first, last = finding.first_seen, finding.last_seen
    if finding.count == 1 or last == first:
        times = "once" if finding.count == 1 else f"{finding.count} requests"
        return f"{_clock(first)}, {times}"
    span = _length(last - first)
    until = f"{last:%H:%M:%SZ}" if last.date() == first.date() else _clock(last)
    return f"{_clock(first)} to {until}, {finding.count} requests in {span}"


def _clock(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%SZ}"


def _length(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"


def _said(facts: Mapping[str, Value], shape: str, *names: str) -> str:
    """The facts in a shape, `-` for those that are absent; nothing when all are."""
    values = [facts.get(name) for name in names]
    if all(value in (None, "", ()) for value in values):
        return ""
    return shape.format(*(mail(template.shown(value)) for value in values))


def _known(facts: Mapping[str, Value], *names: str) -> str:
    """The facts that are there, one after the other."""
    return ", ".join(mail(template.shown(facts[name])) for name in names if facts.get(name))


def _line(label: str, text: str, *, cut: bool = True) -> Iterator[str]:
    if text:
        yield f"{label:<{LABEL_CHARS}}{_cut(text, LINE_CHARS) if cut else text}"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _ascii(text: str) -> str:
    return mail(text).encode("ascii", "replace").decode()


def _cut(text: str, chars: int) -> str:
    return text if len(text) <= chars else text[: max(0, chars - 3)] + "..."
