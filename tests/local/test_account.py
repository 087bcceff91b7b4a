"""The account itself: it isolates, it delivers as AWS would, it fails on demand."""

import base64
import gzip
import json
import os
from datetime import timedelta
from typing import Any

import pytest

from ekswatch.aws.clients import client
from ekswatch.local import Account, account
from ekswatch.local.subscription import PAYLOAD_BYTES, payloads
from tests.local.examples import AT, RULESET, benign, line


def unpacked(payload: dict[str, Any]) -> Any:
    return json.loads(gzip.decompress(base64.b64decode(payload["awslogs"]["data"])))


def test_no_credential_of_the_user_is_in_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    """Profile, endpoint and keys are hidden inside and back afterwards."""
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://aws.invalid")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREALLYREALLYREAL")

    with account(RULESET, clusters=("prod",)):
        inside = dict(os.environ)

    assert "AWS_PROFILE" not in inside
    assert "AWS_ENDPOINT_URL" not in inside
    assert inside["AWS_ACCESS_KEY_ID"] != os.environ["AWS_ACCESS_KEY_ID"] == "AKIAREALLYREALLYREAL"
    assert not [name for name in os.environ if name.startswith("EKSWATCH_")]


def test_a_second_account_starts_empty() -> None:
    """Nothing of one account is left for the next."""
    for _ in range(2):
        with account(RULESET, clusters=("prod",)) as aws:
            assert (aws.findings(), aws.messages(), aws.signals()) == ([], [], [])
            aws.put_audit_log("prod", [line("a-1"), line("r-1", "get")])
            assert len(aws.findings()) == len(aws.messages()) == len(aws.signals()) == 1


def test_old_recordings_are_taken_as_if_new(aws: Account) -> None:
    """Time stands at the newest line, so that no limit on age is met."""
    old = AT - timedelta(days=700)

    aws.put_audit_log("prod", [line("a-1", at=old), line("r-1", "get", at=old)])

    assert len(aws.findings()) == len(aws.signals()) == 1
    assert aws.times("prod") == [old, old]


def test_lines_go_through_the_log_group(aws: Account) -> None:
    """What was delivered can also be read from where EKS would have written it."""
    aws.put_audit_log("prod", benign(3))

    logs: Any = client("logs")
    events = logs.filter_log_events(logGroupName="/aws/eks/prod/cluster")["events"]
    assert [event["message"] for event in events] == benign(3)


def test_a_payload_is_one_that_lambda_takes() -> None:
    """Events that do not compress are split, in order, none lost; the content is AWS's."""
    noise = [base64.b85encode(os.urandom(30_000)).decode() for _ in range(60)]
    events = [{"timestamp": n, "message": text} for n, text in enumerate(noise)]

    made = list(payloads(events, group="/aws/eks/p/cluster", stream="s", account="111122223333"))

    contents = [unpacked(one) for one in made]
    assert len(made) > 1
    assert all(len(one["awslogs"]["data"]) <= PAYLOAD_BYTES for one in made)
    assert [e["message"] for content in contents for e in content["logEvents"]] == noise
    assert contents[0]["messageType"] == "DATA_MESSAGE"
    assert contents[0]["logGroup"] == "/aws/eks/p/cluster"


def test_a_fault_may_be_counted_or_last(aws: Account) -> None:
    """One that happens once is over with the retry; the events that failed are kept."""
    aws.fail("sns", "Publish", "InternalError", times=1)
    aws.put_audit_log("prod", [line("a-1")])
    assert aws.failed == []

    aws.fail("sns", "Publish", "InternalError")
    with pytest.raises(ExceptionGroup):
        aws.put_audit_log("prod", [line("b-1", user="joe")])
    assert len(aws.failed) == 1


def test_security_hub_may_refuse_single_findings(aws: Account) -> None:
    """A refusal that passes is overcome by sending that finding again."""
    refusals = [("InternalFailure", "try again"), None]
    aws.refuse(lambda _: refusals.pop(0) if refusals else None)

    aws.put_audit_log("prod", [line("a-1")])

    assert len(aws.findings()) == 1
    assert aws.strict.calls.count(("securityhub", "BatchImportFindings")) == 2


def test_what_security_hub_refuses_to_the_end_fails_the_invocation(aws: Account) -> None:
    """The error names the finding and what was wrong with it."""
    aws.refuse(lambda _: ("InvalidInput", "no such product"))

    with pytest.raises(ExceptionGroup) as raised:
        aws.put_audit_log("prod", [line("a-1")])

    assert "InvalidInput: no such product" in str(raised.value.exceptions[0])
