"""Links into Logs Insights, read back the way the console reads them."""

import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekswatch.findings.links import AUDIT_ID, logs_url
from tests.findings.examples import NASTY, at


def link(**changes: Any) -> str:
    fields: dict[str, Any] = {
        "partition": "aws",
        "region": "eu-west-1",
        "cluster": "prod",
        "audit_ids": ["5f1b-1", "5f1b-2"],
        "first_seen": at(0),
        "last_seen": at(60),
    }
    return logs_url(**(fields | changes))


def read_back(url: str) -> dict[str, str]:
    """The state in a link: `$` is the per cent sign, encoded twice, values after `~'`."""
    state = unquote(unquote(url.partition("$3FqueryDetail$3D")[2].replace("$", "%")))
    fields = re.fullmatch(
        r"~\(end~'(?P<end>[^~]*)~start~'(?P<start>[^~]*)~timeType~'(?P<type>[^~]*)~tz~'UTC"
        r"~editorString~'(?P<query>[^~]*)~source~\(~'(?P<source>[^~]*)\)\)",
        state,
    )
    assert fields
    return {name: _characters(text) for name, text in fields.groupdict().items()}


def _characters(text: str) -> str:
    spelled = re.sub(
        r"\*\*([0-9a-f]{4})|\*([0-9a-f]{2})", lambda m: chr(int(m[1] or m[2], 16)), text
    )
    return spelled.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "replace")


def test_a_link_opens_the_query_for_the_raw_events() -> None:
    """The console gets the group, a time range around the events and a query for their IDs."""
    assert read_back(link()) == {
        "start": "2026-11-20T02:15:11.250Z",
        "end": "2026-11-20T02:36:11.250Z",
        "type": "ABSOLUTE",
        "query": 'fields @timestamp, @message | filter auditID in ["5f1b-1","5f1b-2"]'
        " | sort @timestamp asc | limit 1000",
        "source": "/aws/eks/prod/cluster",
    }


def test_a_link_is_spelled_as_the_console_spells_it() -> None:
    """The encoding is the console's own, to the character."""
    assert link(audit_ids=["5f1b-1"], cluster="p") == (
        "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1"
        "#logsV2:logs-insights$3FqueryDetail$3D$257E$2528end$257E$25272026-11-20T02*3a36*3a11.250Z"
        "$257Estart$257E$25272026-11-20T02*3a15*3a11.250Z$257EtimeType$257E$2527ABSOLUTE"
        "$257Etz$257E$2527UTC$257EeditorString$257E$2527fields*20*40timestamp*2c*20*40message"
        "*20*7c*20filter*20auditID*20in*20*5b*225f1b-1*22*5d*20*7c*20sort*20*40timestamp*20asc"
        "*20*7c*20limit*201000$257Esource$257E$2528$257E$2527*2faws*2feks*2fp*2fcluster$2529$2529"
    )


@pytest.mark.parametrize(
    ("partition", "region", "domain"),
    [
        ("aws", "us-east-1", "us-east-1.console.aws.amazon.com"),
        ("aws-cn", "cn-north-1", "cn-north-1.console.amazonaws.cn"),
        ("aws-us-gov", "us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com"),
        ("aws-eusc", "eusc-de-east-1", "eusc-de-east-1.console.amazonaws-eusc.eu"),
    ],
)
def test_each_partition_has_its_console(partition: str, region: str, domain: str) -> None:
    """A link leads to the console of the cluster's own partition."""
    assert link(partition=partition, region=region).startswith(f"https://{domain}/cloudwatch/")


@pytest.mark.parametrize(
    ("partition", "region"), [("aws-iso", "us-iso-east-1"), ("aws", "evil.example/"), ("aws", "")]
)
def test_no_link_is_better_than_a_wrong_one(partition: str, region: str) -> None:
    """An unknown partition or an odd Region gives no link."""
    assert link(partition=partition, region=region) == ""


@given(st.text(max_size=100) | st.just(NASTY), st.lists(st.text(max_size=80) | st.uuids().map(str)))
def test_nasty_names_and_ids_stay_data(cluster: str, audit_ids: list[str]) -> None:
    """Whatever the cluster is called and callers sent as audit ID, only data changes."""
    url = link(cluster=cluster, audit_ids=audit_ids)
    found = read_back(url)
    asked = re.findall(r'"([^"]*)"', found["query"])

    assert re.fullmatch(r"[A-Za-z0-9:/?#=$*._-]+", url)
    assert found["source"] == f"/aws/eks/{cluster}/cluster"
    assert re.fullmatch(
        r"fields @timestamp, @message \| filter "
        r'(auditID in \["[A-Za-z0-9",-]*"\]|@logStream like "kube-apiserver-audit")'
        r" \| sort @timestamp asc \| limit 1000",
        found["query"],
    )
    assert all(AUDIT_ID.fullmatch(one) for one in asked)


def test_a_link_is_short_enough_for_a_browser() -> None:
    """The longest ordinary link, many audit IDs and the longest name, is under 2,048 characters."""
    assert len(link(audit_ids=["a" * 40] * 100, cluster="c" * 100)) < 2_048


@pytest.mark.parametrize("year", [1, 9999])
def test_the_ends_of_time_make_a_link(year: int) -> None:
    """A record with an absurd time does not stop a finding."""
    moment = datetime(year, 1 if year == 1 else 12, 1 if year == 1 else 31, 23, 59, tzinfo=UTC)

    assert link(first_seen=moment, last_seen=moment)
