"""What an operator may put into the context, and what the answer to a mistake is."""

from pathlib import Path
from typing import Any

import pytest

from infra.config import MAX_CLUSTERS, RETENTION_DAYS, Config, ConfigError, read_config
from infra.logs import RETENTION


def test_clusters_alone_are_enough() -> None:
    """Every other key has a default: findings go to Security Hub and SNS, without mail."""
    config = read_config({"clusters": "prod"})

    assert config == Config(
        clusters=("prod",),
        email=None,
        security_hub=True,
        sns=True,
        tuning=None,
        retention_days=30,
        stack_name="ekswatch",
    )


def test_values_come_as_text_from_the_command_line(tmp_path: Path) -> None:
    """`-c key=value` gives text, whatever the type."""
    config = read_config(
        {
            "clusters": " prod , staging,",
            "email": "oncall@example.com",
            "security_hub": "false",
            "sns": "true",
            "tuning": str(tmp_path),
            "retention_days": "90",
            "stack_name": "audit-2",
        }
    )

    assert config == Config(
        clusters=("prod", "staging"),
        email="oncall@example.com",
        security_hub=False,
        tuning=tmp_path,
        retention_days=90,
        stack_name="audit-2",
    )


def test_cdk_json_may_hold_a_list() -> None:
    """Clusters written into cdk.json may be a JSON list."""
    assert read_config({"clusters": ["prod", "staging"]}).clusters == ("prod", "staging")


def test_empty_values_mean_the_default() -> None:
    """`-c email= -c tuning=` are as good as leaving the keys out."""
    config = read_config({"clusters": "prod", "email": "", "tuning": ""})

    assert (config.email, config.tuning) == (None, None)


def test_keys_of_cdk_and_other_tools_are_ignored() -> None:
    """Feature flags and the settings of other tools share the context with ours."""
    assert read_config(
        {"clusters": "prod", "@aws-cdk/core:checkSecretUsage": True, "vpc": "vpc-1"}
    ).clusters == ("prod",)


@pytest.mark.parametrize(
    ("context", "words"),
    [
        ({}, "clusters: is missing, for example -c clusters=prod,staging"),
        ({"clusters": ""}, "clusters: names no cluster, for example -c clusters=prod,staging"),
        ({"clusters": " , "}, "clusters: names no cluster"),
        ({"clusters": "prod,prod"}, "clusters: prod stands there twice"),
        ({"clusters": "prod;staging"}, "clusters: 'prod;staging' is not the name of an EKS"),
        ({"clusters": "-prod"}, "clusters: '-prod' is not the name of an EKS cluster"),
        ({"clusters": "prod*"}, "clusters: 'prod*' is not the name of an EKS cluster"),
        ({"clusters": "/aws/eks/prod/cluster"}, "give the cluster's name: prod"),
        ({"clusters": "prod", "email": "oncall"}, "email: 'oncall' is not an email address"),
        ({"clusters": "prod", "sns": "maybe"}, "sns: Input should be a valid boolean"),
        ({"clusters": "prod", "tuning": "/no/such"}, "tuning: there is no folder '/no/such'"),
        ({"clusters": "prod", "retention_days": "13"}, "retention_days: 13 is not a retention"),
        ({"clusters": "prod", "retention_days": "7"}, "take one of 14, 30, 60"),
        ({"clusters": "prod", "stack_name": "a/b"}, "stack_name: 'a/b' is not a stack name"),
        (
            {"clusters": "prod", "clutsers": "x"},
            "clutsers: is not a setting, did you mean clusters",
        ),
        ({"cluster": "prod"}, "cluster: is not a setting, did you mean clusters"),
        ({"clusters": "prod", "security-hub": "false"}, "did you mean security_hub"),
        (
            {"clusters": "prod", "sns": "false", "email": "a@example.com"},
            "email: mail goes through SNS",
        ),
        (
            {"clusters": "prod", "sns": "false", "security_hub": "false"},
            "findings would go nowhere",
        ),
    ],
)
def test_a_mistake_is_named_with_its_key(context: dict[str, Any], words: str) -> None:
    """The message names the key and what to write instead."""
    with pytest.raises(ConfigError) as error:
        read_config(context)

    assert words in str(error.value)


@pytest.mark.parametrize(
    "group", ["/ekswatch/ekswatch/signals", "/ekswatch/ekswatch/stream", "/aws/lambda/ekswatch"]
)
def test_log_groups_of_our_own_are_refused(group: str) -> None:
    """A log group that ekswatch writes to would feed it its own output, and the message says so."""
    with pytest.raises(ConfigError, match="its own output without end"):
        read_config({"clusters": group})


def test_every_mistake_is_told_at_once() -> None:
    """An operator corrects the context once, not once per mistake."""
    with pytest.raises(ConfigError) as error:
        read_config({"cluster": "prod", "email": "x", "retention_days": "1"})

    keys = [line.strip().partition(":")[0] for line in str(error.value).splitlines()[1:]]
    assert keys == ["cluster", "clusters", "email", "retention_days"]


@pytest.mark.parametrize(("length", "taken"), [(100, True), (101, False)])
def test_cluster_names_have_at_most_100_characters(length: int, taken: bool) -> None:
    """The limit of EKS, on both sides."""
    context = {"clusters": "a" * length}

    if taken:
        assert read_config(context).clusters == ("a" * length,)
    else:
        with pytest.raises(ConfigError, match="at most 100 characters"):
            read_config(context)


@pytest.mark.parametrize(("count", "taken"), [(MAX_CLUSTERS, True), (MAX_CLUSTERS + 1, False)])
def test_one_stack_takes_a_limited_number_of_clusters(count: int, taken: bool) -> None:
    """The function's policy has room for so many permissions; more need a second stack."""
    context = {"clusters": ",".join(f"cluster-{number}" for number in range(count))}

    if taken:
        assert len(read_config(context).clusters) == count
    else:
        with pytest.raises(ConfigError, match="deploy the others with another -c stack_name"):
            read_config(context)


def test_every_retention_that_config_takes_can_be_built() -> None:
    """The numbers of the configuration and the constants of CDK are the same set."""
    assert tuple(RETENTION) == RETENTION_DAYS


@pytest.mark.parametrize(
    "text", ["tor_exits=s3://intel/tor/list.txt", "bad=ssm:/intel/bad", "bad=ssm:intel"]
)
def test_a_live_list_names_its_source(text: str) -> None:
    """An object or a parameter."""
    assert read_config({"clusters": "prod", "live_lists": text}).live_lists == (text,)


@pytest.mark.parametrize("text", ["tor_exits", "x=https://a/b", "x=s3://intel", "x=s3://intel/*"])
def test_what_is_no_source_is_refused(text: str) -> None:
    """No wildcard reaches the functions' rights."""
    with pytest.raises(ConfigError, match="is no live list"):
        read_config({"clusters": "prod", "live_lists": text})
