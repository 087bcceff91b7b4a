"""The mail: ten seconds to read, and no place for a stranger's markup."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ekswatch.findings.finding import Finding, Scope
from ekswatch.findings.text import attributes, body, subject
from ekswatch.rules.detection import Severity
from tests.findings.examples import FACTS, NASTY, detection, finding, hostile_facts, match, texts

MAIL = """\
[HIGH] Privileged container deployed in prod-eu (eu-west-1, 111122223333)

jdoe created pods build/debug-7f with a privileged container.

Who           jdoe (human), role arn:aws:sts::111122223333:assumed-role/Deploy, \
session jdoe@example.com, access key ASIAIOSFODNN7EXAMPLE
From          203.0.113.7 (public), kubectl/v1.31.0
What          create pods build/debug-7f (ok)
Allowed by    ClusterRoleBinding ci-admin
When          2026-11-20 02:20:11Z to 02:31:02Z, 3 requests in 10 min
Risk          81 of 100, T1610 Deploy Container
Severity by   person
Why it fired  container.privileged = true
              actor.kind = human

Check now     Ask jdoe whether pods build/debug-7f is theirs.
              kubectl -n build get pod debug-7f -o yaml
If expected   CNI, CSI and security agents
Logs          LINK
More          https://kubernetes.io/docs/concepts/security/

ekswatch-41a1278fde5c15d13e3c0c67c4d43154   privileged-workload-created   \
rules 0123456789ab   events: complete"""


def mailed(**changes: Any) -> Finding:
    return finding(match(**changes))


def test_a_mail_reads_from_top_to_bottom() -> None:
    """Severity, sentence, who, from where, what, when, why, what next, links, in this order."""
    found = finding(match(), match(60, "a-2"), match(651, "a-3"))

    assert body(found).replace(found.logs_url, "LINK") == MAIL


def test_a_mail_is_short() -> None:
    """Even with every line there, it is about 25 lines."""
    evidence = tuple((f"field{i}", "x") for i in range(40))
    about = detection(commands=tuple(f"echo {i}" for i in range(40)))

    assert len(body(mailed(evidence=evidence, detection=about)).splitlines()) <= 27


LIES = {"source.country": "BR", "source.asn": "AS64511", "source.as_org": "Sample Hosting"}


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        (LIES, "BR, AS64511, Sample Hosting"),
        ({"source.country": "BR", "source.city": "Recife"}, "Recife, BR"),
        ({"source.country": ("BR", "DE")}, "BR, DE"),
    ],
)
def test_a_mail_says_where_the_address_lies(facts: dict[str, Any], line: str) -> None:
    """As far as it is known, below the address."""
    lines = body(mailed(facts={**FACTS, **facts})).splitlines()

    assert lines[lines.index("From          203.0.113.7 (public), kubectl/v1.31.0") + 1] == (
        f"{'':14}{line}"
    )


def test_what_is_not_known_has_no_line() -> None:
    """A sparse event makes a shorter mail, not one full of dashes."""
    text = body(mailed(facts={}, evidence=(), reason=""))

    assert "From" not in text
    assert "Allowed by" not in text
    assert "Who           -\n" in text


def test_an_incomplete_record_is_told() -> None:
    """The reader sees that the finding rests on a cut record, and why."""
    assert "events: incomplete (cut at 1 MB)" in body(mailed(partial="cut at 1 MB"))


def test_an_impersonated_identity_is_shown_with_the_real_one() -> None:
    """Both names stand in the mail."""
    text = body(mailed(facts={"actor.name": "admin", "impersonator": "jdoe"}))

    assert "admin, impersonated by jdoe" in text


@given(texts, st.sampled_from(Severity))
def test_subjects_are_what_sns_takes(text: str, severity: Severity) -> None:
    """ASCII, printable, under 100 characters, starting with the severity, in any case."""
    found = finding(
        match(severity=severity, detection=detection(title=text)),
        scope=Scope("aws", "111122223333", "eu-west-1", "c" * 100),
    )
    line = subject(found)

    assert line.isascii()
    assert line.isprintable()
    assert len(line) < 100
    assert line.startswith(f"[{severity.name}]")


@pytest.mark.parametrize(("length", "cut"), [(10, False), (90, True)])
def test_a_long_title_leaves_room_for_the_cluster(length: int, cut: bool) -> None:
    """The title is cut before the place is."""
    line = subject(mailed(detection=detection(title="x" * length)))

    assert line.endswith(" in prod-eu (eu-west-1, 111122223333)")
    assert ("..." in line) is cut


@settings(max_examples=60, deadline=None)
@given(hostile_facts)
def test_strangers_add_no_lines_links_or_control_characters(facts: dict[str, Any]) -> None:
    """Whatever the caller chose, the mail keeps its lines and has only our links."""
    evidence = tuple(facts.items())[:5]
    text = body(mailed(facts=facts, evidence=evidence))
    ours = ("Logs ", "More ")

    assert len(text.splitlines()) <= 27
    assert all(line.isprintable() for line in text.split("\n"))
    assert all("://" not in line for line in text.split("\n") if not line.startswith(ours))
    assert len(text) < 16_000


def test_a_nasty_name_is_shown_for_what_it_is() -> None:
    """Escape codes and line breaks of a name are spelled out."""
    text = body(mailed(facts={"actor.name": NASTY}))

    assert "\\x1b]0;pwned\\x07\\u202e" in text
    assert "\r" not in text
    assert "\nSubject:" not in text


def test_attributes_are_for_subscription_filters() -> None:
    """Severity, detection, place and first tactic, each a string that is not empty."""
    values = {name: one["StringValue"] for name, one in attributes(finding()).items()}

    assert values == {
        "severity": "HIGH",
        "detection": "privileged-workload-created",
        "cluster": "prod-eu",
        "account": "111122223333",
        "region": "eu-west-1",
        "tactic": "Privilege Escalation",
    }
    assert "tactic" not in attributes(mailed(detection=detection(tactics=())))
