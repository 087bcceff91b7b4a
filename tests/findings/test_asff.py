"""ASFF records: what Security Hub is told, and that it would take it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ekswatch.findings.asff import RECORD_BYTES, TYPE_BY_TACTIC, asff, fit, record_bytes
from ekswatch.findings.asff_model import check
from ekswatch.findings.finding import Scope
from ekswatch.rules.detection import Severity
from tests.findings.examples import FACTS, NASTY, detection, finding, hostile_facts, match, texts

ANALYSTS = {"Note", "Workflow", "WorkflowState", "UserDefinedFields", "VerificationState"}


def test_a_record_names_the_finding_and_its_times() -> None:
    """The ID is the finding's, and both times come from events."""
    record = asff(finding(match(0), match(60, "a-2")))

    assert record["Id"] == finding().id
    assert record["GeneratorId"] == "ekswatch/privileged-workload-created"
    assert record["CreatedAt"] == "2026-11-20T02:20:11.250Z"
    assert record["LastObservedAt"] == "2026-11-20T02:21:11.250Z"
    assert record["UpdatedAt"] == "2026-11-20T02:21:11.251Z"
    assert (
        record["ProductArn"]
        == "arn:aws:securityhub:eu-west-1:111122223333:product/111122223333/default"
    )


def test_what_belongs_to_the_analyst_is_left_alone() -> None:
    """A repeated import never overwrites an analyst's note, workflow state or severity."""
    record = asff(finding())

    assert not ANALYSTS & record.keys()
    assert not {"Severity", "Types"} & record.keys()
    assert record["FindingProviderFields"] == {
        "Severity": {"Label": "HIGH", "Original": "high"},
        "Types": ["TTPs/Privilege Escalation", "TTPs/Execution"],
    }


def test_resources_are_the_cluster_the_object_and_the_principal() -> None:
    """The cluster comes first; role and key are there because the event names them."""
    resources = asff(finding())["Resources"]

    assert [(r["Type"], r["Id"]) for r in resources] == [
        ("AwsEksCluster", "arn:aws:eks:eu-west-1:111122223333:cluster/prod-eu"),
        ("Other", "arn:aws:eks:eu-west-1:111122223333:cluster/prod-eu/pods build/debug-7f"),
        ("AwsIamRole", "arn:aws:iam::111122223333:role/teams/Deploy"),
        ("AwsIamAccessKey", "ASIAIOSFODNN7EXAMPLE"),
    ]
    assert resources[2]["Details"] == {"AwsIamRole": {"RoleName": "Deploy"}}


@pytest.mark.parametrize(
    ("arn", "kind"),
    [
        ("arn:aws:iam::111122223333:user/jane", "AwsIamUser"),
        ("arn:aws-cn:iam::111122223333:role/x", "AwsIamRole"),
        ("arn:aws:sts::111122223333:assumed-role/x/y", None),
        ("jane", None),
    ],
)
def test_only_iam_principals_become_resources(arn: str, kind: str | None) -> None:
    """A name that is not an IAM ARN stays a fact."""
    resources = asff(finding(match(facts={"actor.arn": arn})))["Resources"]

    assert [r["Type"] for r in resources[1:]] == ([kind] if kind else [])


def test_a_correlations_lists_become_resources_within_bounds() -> None:
    """Many objects and principals make many resources, never too many."""
    facts = {
        "object.ref": tuple(f"secrets a/{i}" for i in range(50)),
        "actor.arn": tuple(f"arn:aws:iam::111122223333:role/r{i}" for i in range(50)),
    }
    record = asff(finding(match(facts=facts)))

    assert len(record["Resources"]) == 16
    assert check(record)


@pytest.mark.parametrize("severity", Severity)
def test_every_severity_has_its_label(severity: Severity) -> None:
    """Our words are Security Hub's labels."""
    record = asff(finding(match(severity=severity)))

    assert check(record).FindingProviderFields.Severity.Label == severity.name


@pytest.mark.parametrize("tactic", [*TYPE_BY_TACTIC, "Something new"])
def test_every_tactic_has_a_type_of_the_taxonomy(tactic: str) -> None:
    """A tactic that Security Hub has no word for still has a valid type."""
    assert check(asff(finding(match(detection=detection(tactics=(tactic,))))))


@pytest.mark.parametrize(
    "scope",
    [
        Scope("aws-cn", "111122223333", "cn-north-1", "prod"),
        Scope("aws-us-gov", "111122223333", "us-gov-west-1", "prod"),
        Scope("aws-eusc", "111122223333", "eusc-de-east-1", "prod"),
        Scope("aws-iso", "111122223333", "us-iso-east-1", "prod"),
    ],
)
def test_every_partition_makes_a_valid_record(scope: Scope) -> None:
    """Partitions that Security Hub's resources do not know are left out, not invented."""
    assert check(asff(finding(scope=scope)))


@settings(max_examples=60, deadline=None)
@given(hostile_facts, texts, st.lists(texts, max_size=3).map(tuple))
def test_aws_takes_any_finding(facts: dict[str, Any], text: str, ids: tuple[str, ...]) -> None:
    """Whatever callers chose, the record is within every documented limit."""
    about = detection(
        title="T" + text * 40,
        message="{userAgent} " + text * 100,
        runbook=text * 60,
        falsepositives=(text * 300,),
        references=("javascript:x", "https://a.example/" + text),
    )
    record = asff(finding(match(facts=facts, detection=about, audit_ids=ids, reason=text)))

    assert check(record)


@pytest.mark.parametrize("character", ["x", "é", "\U0001f600", "\x1b", '"'])
def test_the_largest_record_is_under_the_limit(character: str) -> None:
    """Every field at its longest still fits a call."""
    facts: dict[str, Any] = {f"fact.{i}": (character * 9_000,) * 9 for i in range(80)}
    facts |= dict.fromkeys(FACTS, (character * 9_000,) * 60)
    record = asff(finding(match(facts=facts, detection=detection(runbook="{userAgent}" * 9))))

    assert check(record)
    assert record_bytes(record) < RECORD_BYTES


def test_evidence_and_facts_are_product_fields() -> None:
    """What fired and who did it can be read in the console."""
    fields = asff(finding())["ProductFields"]

    assert fields["ekswatch/evidence"] == "container.privileged = true; actor.kind = human"
    assert fields["ekswatch/actor.name"] == "jdoe"
    assert fields["ekswatch/audit_ids"] == "a-1"


def test_the_runbook_is_the_remediation() -> None:
    """The first step and its reference stand where Security Hub shows them."""
    assert asff(finding())["Remediation"]["Recommendation"] == {
        "Text": "Ask jdoe whether pods build/debug-7f is theirs.",
        "Url": "https://kubernetes.io/docs/concepts/security/",
    }
    assert "Remediation" not in asff(
        finding(match(detection=detection(runbook="", references=("http://plain.example",))))
    )


@pytest.mark.parametrize(
    ("text", "limit", "cut"),
    [
        ("x" * 10, 10, "x" * 10),
        ("x" * 11, 10, "x" * 7 + "…"),
        ("é" * 5, 10, "é" * 5),
        ("é" * 6, 10, "é" * 3 + "…"),
        ("\U0001f600" * 3, 10, "\U0001f600…"),
        ("a\n\n b", 10, "a b"),
        ("", 10, ""),
    ],
)
def test_text_is_cut_between_characters(text: str, limit: int, cut: str) -> None:
    """A cut text ends in an ellipsis and never in half a character."""
    assert fit(text, limit) == cut


@given(st.text() | st.just(NASTY), st.integers(3, 50))
def test_cut_text_is_within_every_way_of_counting(text: str, limit: int) -> None:
    """Bytes, characters and UTF-16 units are all within the limit."""
    cut = fit(text, limit)

    assert len(cut.encode()) <= limit
    assert len(cut.encode("utf-16-le")) // 2 <= limit
    assert cut.isprintable()


def test_records_are_plain_json() -> None:
    """A record goes to boto3 as it is."""
    record = asff(finding())

    assert json.loads(json.dumps(record)) == record


def test_a_late_event_makes_the_record_newer() -> None:
    """Security Hub ignores what is not newer, so a higher count alone must be."""
    before = finding(match(0), match(60, "a-2"))
    after = finding(match(0), match(30, "late"), match(60, "a-2"))

    assert asff(after)["LastObservedAt"] == asff(before)["LastObservedAt"]
    assert asff(after)["UpdatedAt"] > asff(before)["UpdatedAt"]


def test_the_end_of_time_is_no_error() -> None:
    """An event may claim the last microsecond of the year 9999, twice."""
    end = datetime.max.replace(tzinfo=UTC)
    late = [match(audit_id=name, first_seen=end, last_seen=end) for name in ("a-1", "a-2")]

    assert asff(finding(*late))["UpdatedAt"] == "9999-12-31T23:59:59.999Z"
