"""What an operator may set, in the context or in a file, and what the answer to a mistake is."""

import re
from pathlib import Path
from typing import Any

import pytest

from infra.clusters import MAX_CLUSTERS, All, Names, Tagged
from infra.config import Config, ConfigError, read_config
from infra.logs import RETENTION
from infra.pattern import Filter
from infra.target import Target
from infra.values import MAX_ADDRESSES, RETENTION_DAYS
from tests.infra.conftest import ROOT

KEY = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
MULTI_REGION_KEY = f"arn:aws:kms:eu-central-1:111122223333:key/mrk-{'0a' * 16}"
TOPIC = "arn:aws:sns:eu-central-1:111122223333:alerts"
POLICY = "arn:aws:iam::111122223333:policy/"
VPC = {"subnet_ids": "subnet-0a1b2c3d", "security_group_ids": "sg-0a1b2c3d"}
EVERYTHING = {
    "clusters": "tag:env=prod",
    "security_hub": "true",
    "sns": "true",
    "email": "oncall@example.com, soc@example.com",
    "live_lists": "tor_exits=s3://intel/tor.txt",
    "live_list_hours": "24",
    "retention_days": "90",
    "schedule_minute": "17",
    "memory_mb": "1024",
    "reserved_concurrency": "5",
    "kms_key": KEY,
    "permissions_boundary": "Boundary",
    "subnet_ids": "subnet-0a1b2c3d4e5f67890,subnet-0a1b2c3d",
    "security_group_ids": "sg-0a1b2c3d4e5f67890",
    "tags": "owner=soc,cost-center=12",
    "stack_name": "audit-2",
    "target": "local",
    "filter": "narrow",
}


def refused(context: dict[str, Any]) -> list[str]:
    """The problems that the error names, one a line."""
    with pytest.raises(ConfigError) as error:
        read_config(context)
    return [line.strip() for line in str(error.value).splitlines()[1:]]


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "deploy.yml"
    path.write_text(text)
    return str(path)


def test_clusters_alone_are_enough() -> None:
    """Every other key has a default: findings go to Security Hub and SNS, without mail."""
    assert dict(read_config({"clusters": "prod"})) == {
        "clusters": Names(("prod",)),
        "security_hub": True,
        "sns": True,
        "email": (),
        "sns_topic": None,
        "sns_topic_kms_key": None,
        "tuning": None,
        "live_lists": (),
        "live_list_hours": 168,
        "retention_days": 30,
        "schedule_minute": 0,
        "memory_mb": 512,
        "reserved_concurrency": None,
        "kms_key": None,
        "permissions_boundary": None,
        "subnet_ids": (),
        "security_group_ids": (),
        "tags": {},
        "stack_name": "ekswatch",
        "target": Target.AWS,
        "filter": Filter.TERM,
    }


def test_values_come_as_text_from_the_command_line(tmp_path: Path) -> None:
    """`-c key=value` gives text, whatever the type."""
    config = read_config({**EVERYTHING, "tuning": str(tmp_path)})

    assert config == Config(
        clusters=Tagged("env", "prod"),
        email=("oncall@example.com", "soc@example.com"),
        tuning=tmp_path,
        live_lists=("tor_exits=s3://intel/tor.txt",),
        live_list_hours=24,
        retention_days=90,
        schedule_minute=17,
        memory_mb=1024,
        reserved_concurrency=5,
        kms_key=KEY,
        permissions_boundary="Boundary",
        subnet_ids=("subnet-0a1b2c3d4e5f67890", "subnet-0a1b2c3d"),
        security_group_ids=("sg-0a1b2c3d4e5f67890",),
        tags={"owner": "soc", "cost-center": "12"},
        stack_name="audit-2",
        target=Target.LOCAL,
        filter=Filter.NARROW,
    )


def test_cdk_json_may_hold_lists_and_mappings() -> None:
    """What is written into cdk.json has JSON's own types."""
    config = read_config(
        {
            "clusters": ["prod", "staging"],
            "security_hub": False,
            "email": ["a@example.com"],
            "live_lists": {"tor_exits": "s3://intel/tor.txt"},
            "retention_days": 90,
            "tags": {"owner": "soc", "cost-center": 12},
        }
    )

    assert config == Config(
        clusters=Names(("prod", "staging")),
        security_hub=False,
        email=("a@example.com",),
        live_lists=("tor_exits=s3://intel/tor.txt",),
        retention_days=90,
        tags={"owner": "soc", "cost-center": "12"},
    )


@pytest.mark.parametrize("empty", ["", None])
def test_empty_values_mean_the_default(empty: str | None) -> None:
    """`-c email= -c tuning=` are as good as leaving the keys out; for every key but clusters."""
    keys = set(Config.model_fields) - {"clusters"}

    assert read_config({"clusters": "prod", **dict.fromkeys(keys, empty)}) == read_config(
        {"clusters": "prod"}
    )


def test_keys_of_cdk_and_other_tools_are_ignored() -> None:
    """Feature flags and the settings of other tools share the context with ours."""
    context = {"@aws-cdk/core:checkSecretUsage": True, "vpc": "vpc-1", "region": "eu-west-1"}

    assert read_config({"clusters": "prod", **context}) == read_config({"clusters": "prod"})


@pytest.mark.parametrize(
    ("text", "clusters"),
    [
        (" prod , staging,", Names(("prod", "staging"))),
        ("all", All()),
        (["all"], All()),
        ("all-of-them", Names(("all-of-them",))),
        ("tag:env=prod", Tagged("env", "prod")),
        ("tag:team:env=a=b", Tagged("team:env", "a=b")),
        ("tag:env=", Tagged("env", "")),
    ],
)
def test_clusters_are_named_or_found(text: Any, clusters: Any) -> None:
    """By name, all there are, or by tag; a tag's value may hold what divides the others."""
    read = read_config({"clusters": text}).clusters

    assert read == clusters
    assert read_config({"clusters": str(read)}).clusters == read


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
        ({"clusters": "all,prod"}, "clusters: 'all' stands for many clusters, give it alone"),
        ({"clusters": "prod,tag:env=prod"}, "'tag:env=prod' stands for many clusters"),
        ({"clusters": "tag:env"}, "clusters: 'tag:env' has no value, write tag:env=value"),
        ({"clusters": "tag:"}, "clusters: 'tag:' has no value, write tag:key=value"),
        ({"clusters": "tag:=prod"}, "the key '' of a tag must have 1 to 128 characters"),
        ({"clusters": "tag:aws:x=1"}, "the tag 'aws:x' begins with 'aws:'"),
        ({"clusters": {"prod": 1}}, "is neither text nor a list of names"),
        ({"clusters": [1]}, "is neither text nor a list of names"),
        ({"email": "oncall"}, "email: 'oncall' is not an email address"),
        ({"email": "a@example.com,b"}, "email: 'b' is not an email address"),
        ({"email": "a@example.com,a@example.com"}, "email: a@example.com stands there twice"),
        ({"sns": "maybe"}, "sns: 'maybe' is neither true nor false"),
        ({"sns": 2}, "sns: 2 is neither true nor false"),
        ({"memory_mb": "1GB"}, "memory_mb: '1GB' is not a whole number"),
        ({"retention_days": 30.5}, "retention_days: 30.5 is not a whole number"),
        ({"email": 7}, "email: 7 is not a list, write one in brackets, or words with commas"),
        ({"email": [7]}, "email: 7 is not text"),
        ({**VPC, "subnet_ids": {"a": 1}}, "subnet_ids: {'a': 1} is not a list"),
        ({"stack_name": 5}, "stack_name: 5 is not text, write it in quotes"),
        ({"tuning": 7}, "tuning: 7 is not the name of a folder"),
        ({"tuning": "/no/such"}, "tuning: there is no folder '/no/such'"),
        ({"stack_name": "a/b"}, "stack_name: 'a/b' is not a stack name"),
        ({"target": "moon"}, "target: 'moon' is not known, take 'aws' or 'local'"),
        ({"filter": "none"}, "filter: 'none' is not known, take 'term' or 'narrow'"),
        ({"clutsers": "x"}, "clutsers: is not a setting, did you mean clusters?"),
        ({"security-hub": "false"}, "security-hub: is not a setting, did you mean security_hub?"),
        ({"Memory": "1"}, "Memory: is not a setting, did you mean memory_mb?"),
        ({"confg": "deploy.yml"}, "confg: is not a setting, did you mean config?"),
        ({"sns": "false", "email": "a@example.com"}, "email: mail goes through SNS"),
        ({"sns": "false", "sns_topic": TOPIC}, "sns_topic: nothing is published to it"),
        ({"sns": "false", "security_hub": "false"}, "findings would go nowhere"),
        ({"sns_topic": TOPIC, "email": "a@example.com"}, "email: the topic is your own"),
        ({"sns_topic_kms_key": KEY}, "sns_topic_kms_key: is the key of sns_topic, which is"),
        ({"sns_topic": "alerts"}, "sns_topic: 'alerts' is not the ARN of an SNS topic"),
        ({"sns_topic": f"{TOPIC}.fifo"}, "is a FIFO topic"),
        ({"kms_key": "alias/logs"}, "aws kms describe-key --key-id alias/logs --query"),
        ({"kms_key": KEY.replace("key/", "alias/")}, "--key-id alias/1234abcd"),
        ({"kms_key": "1234abcd"}, "kms_key: '1234abcd' is not the ARN of a KMS key"),
        ({"permissions_boundary": "team/B"}, "is neither the name nor the ARN of an IAM policy"),
        ({"permissions_boundary": f"{POLICY}"}, "is neither the name nor the ARN"),
        ({**VPC, "subnet_ids": "subnet-1"}, "subnet_ids: 'subnet-1' is not the ID of a subnet"),
        ({**VPC, "security_group_ids": "default"}, "'default' is not the ID of a security group"),
        ({"subnet_ids": "subnet-0a1b2c3d"}, "security_group_ids: is missing, functions in a VPC"),
        ({"security_group_ids": "sg-0a1b2c3d"}, "subnet_ids: is missing, functions in a VPC"),
        (
            {"kms_key": KEY, "sns_topic": TOPIC.replace("central", "west")},
            "kms_key in eu-central-1, sns_topic in eu-west-1: a stack has one Region",
        ),
        ({"tags": "owner"}, "tags: 'owner' has no '=' in each part, write owner=soc"),
        ({"tags": "a=1,a=2"}, "tags: a stands there twice"),
        ({"tags": {"owner": True}}, "tags: True is not text"),
        ({"tags": 7}, "tags: 7 has no '=' in each part, write owner=soc"),
        ({"live_lists": "x=ssm:/a,x=ssm:/b"}, "live_lists: x stands there twice"),
        ({"live_lists": 7}, "live_lists: 7 is not a list"),
    ],
)
def test_a_mistake_is_named_with_its_key(context: dict[str, Any], words: str) -> None:
    """The message names the key and what to write instead."""
    named = {"clusters": "prod"} if context and "clusters" not in context else {}
    (problem,) = refused({**named, **context})

    assert words in problem


@pytest.mark.parametrize(
    "group", ["/ekswatch/ekswatch/signals", "/ekswatch/ekswatch/stream", "/aws/lambda/ekswatch"]
)
def test_log_groups_of_our_own_are_refused(group: str) -> None:
    """A log group that ekswatch writes to would feed it its own output, and the message says so."""
    with pytest.raises(ConfigError, match="its own output without end"):
        read_config({"clusters": group})


def test_every_mistake_is_told_at_once() -> None:
    """An operator corrects the settings once, not once per mistake: wrong alone or together."""
    problems = refused(
        {
            "cluster": "prod",
            "email": "x",
            "retention_days": "1",
            "sns": "false",
            "security_hub": "false",
            "subnet_ids": "subnet-0a1b2c3d",
            "sns_topic": "wrong",
            "sns_topic_kms_key": KEY,
        }
    )

    assert [problem.partition(":")[0] for problem in problems] == [
        *("cluster", "clusters", "email", "sns_topic", "retention_days"),
        *("sns, security_hub", "email", "sns_topic", "email", "security_group_ids"),
    ]


def subnets(count: int) -> str:
    return ",".join(f"subnet-{number:08x}" for number in range(count))


def groups(count: int) -> str:
    return ",".join(f"sg-{number:08x}" for number in range(count))


def tags(count: int) -> dict[str, str]:
    return {f"key-{number}": "value" for number in range(count)}


def names(count: int) -> str:
    return ",".join(f"cluster-{number}" for number in range(count))


def addresses(count: int) -> str:
    return ",".join(f"{number}@example.com" for number in range(count))


@pytest.mark.parametrize(
    ("taken", "not_taken", "words"),
    [
        ({"clusters": "a" * 100}, {"clusters": "a" * 101}, "at most 100 characters"),
        (
            {"clusters": names(MAX_CLUSTERS)},
            {"clusters": names(MAX_CLUSTERS + 1)},
            "deploy the others with another -c stack_name",
        ),
        (
            {"clusters": f"tag:{'k' * 128}={'v' * 256}"},
            {"clusters": f"tag:{'k' * 129}={'v' * 256}"},
            "of a tag must have 1 to 128 characters",
        ),
        ({"email": addresses(MAX_ADDRESSES)}, {"email": addresses(MAX_ADDRESSES + 1)}, "has 101"),
        ({"live_list_hours": 1}, {"live_list_hours": 0}, "take 1 to 8784"),
        ({"live_list_hours": 8784}, {"live_list_hours": 8785}, "take 1 to 8784"),
        ({"retention_days": "14"}, {"retention_days": "13"}, "13 is not a retention"),
        ({"retention_days": "2557"}, {"retention_days": "2558"}, "take one of 14, 30, 60"),
        ({"schedule_minute": "0"}, {"schedule_minute": "-1"}, "take 0 to 59"),
        ({"schedule_minute": "59"}, {"schedule_minute": "60"}, "take 0 to 59"),
        ({"memory_mb": "128"}, {"memory_mb": "127"}, "take 128 to 10240"),
        ({"memory_mb": "10240"}, {"memory_mb": "10241"}, "take 128 to 10240"),
        ({"reserved_concurrency": "1"}, {"reserved_concurrency": "0"}, "take 1 or more"),
        (
            {**VPC, "subnet_ids": subnets(16)},
            {**VPC, "subnet_ids": subnets(17)},
            "has 17 and 16 are allowed",
        ),
        (
            {**VPC, "security_group_ids": groups(5)},
            {**VPC, "security_group_ids": groups(6)},
            "has 6 and 5 are allowed",
        ),
        ({"tags": tags(50)}, {"tags": tags(51)}, "has 51 tags and CloudFormation takes 50"),
        ({"tags": {"k" * 128: "v"}}, {"tags": {"k" * 129: "v"}}, "must have 1 to 128 characters"),
        ({"tags": {"k": "v"}}, {"tags": {"": "v"}}, "must have 1 to 128 characters"),
        ({"tags": {"k": "v" * 256}}, {"tags": {"k": "v" * 257}}, "may have 256 characters"),
        ({"tags": {"k": "v"}}, {"tags": {"k": ""}}, "the tag 'k' has no value"),
        ({"tags": {"aws": "v"}}, {"tags": {"AWS:k": "v"}}, "begins with 'aws:'"),
        ({"tags": {"größe": "1 _.:/=+-@"}}, {"tags": {"k": "a;b"}}, "the tag 'k' has ';'"),
        ({"stack_name": "s" * 64}, {"stack_name": "s" * 65}, "at most 64 characters"),
        ({"permissions_boundary": "p" * 128}, {"permissions_boundary": "p" * 129}, "neither"),
        (
            {"permissions_boundary": f"{POLICY}{'f' * (2048 - len(POLICY) - 2)}/p"},
            {"permissions_boundary": f"{POLICY}{'f' * (2048 - len(POLICY) - 1)}/p"},
            "neither the name nor the ARN",
        ),
        (
            {"sns_topic": TOPIC.replace("alerts", "t" * 256)},
            {"sns_topic": TOPIC.replace("alerts", "t" * 257)},
            "is not the ARN of an SNS topic",
        ),
    ],
)
def test_both_sides_of_each_limit(
    taken: dict[str, Any], not_taken: dict[str, Any], words: str
) -> None:
    """What AWS takes is taken; one more is refused, with the limit."""
    read_config({"clusters": "prod", **taken})
    (problem,) = refused({"clusters": "prod", **not_taken})

    assert words in problem
    assert problem.startswith(tuple(f"{key}: " for key in not_taken))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("kms_key", MULTI_REGION_KEY),
        ("kms_key", KEY.replace("aws", "aws-us-gov").replace("eu-central", "us-gov-west")),
        ("permissions_boundary", f"{POLICY}team/Boundary"),
        ("permissions_boundary", "arn:aws:iam::aws:policy/PowerUserAccess"),
        ("permissions_boundary", "Boundary_1+=,.@-"),
    ],
)
def test_names_that_aws_gives_are_taken(key: str, value: str) -> None:
    """Keys of several Regions, other partitions, policies with a path or of AWS."""
    assert getattr(read_config({"clusters": "prod", key: value}), key) == value


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


def test_a_file_holds_the_same_settings(tmp_path: Path) -> None:
    """The same text in a file, key by key, is the same deployment."""
    lines = "".join(f"{key}: {value}\n" for key, value in EVERYTHING.items())

    assert read_config({"config": written(tmp_path, lines)}) == read_config(EVERYTHING)


def test_the_documented_file_can_be_deployed(tmp_path: Path) -> None:
    """The example of docs/deploying.md, beside the folder that it names."""
    page = (ROOT / "docs" / "deploying.md").read_text()
    (text,) = re.findall(r"```yaml\n(# deploy\.yml\n.*?)```", page, re.DOTALL)
    (tmp_path / "tuning").mkdir()

    assert read_config({"config": written(tmp_path, text)}) == Config(
        clusters=Names(("prod", "staging")),
        email=("soc@example.com",),
        tuning=tmp_path / "tuning",
        retention_days=90,
        tags={"owner": "soc", "cost-center": "12"},
    )


def test_the_context_wins_over_the_file(tmp_path: Path) -> None:
    """A value of the file is not even looked at when the context has the key."""
    file = written(tmp_path, "clusters: prod\nretention_days: 1\nmemory_mb: 256\n")

    config = read_config({"config": file, "retention_days": "90"})

    assert (config.retention_days, config.memory_mb) == (90, 256)


def test_an_empty_value_of_the_context_takes_the_file_away(tmp_path: Path) -> None:
    """`-c tuning=` deploys without the folder that the file names."""
    file = written(tmp_path, "clusters: prod\ntuning: no-such-folder\n")

    assert read_config({"config": file, "tuning": ""}).tuning is None


def test_a_folder_in_the_file_is_seen_from_there(tmp_path: Path) -> None:
    """The file and what it names travel together; an absolute path stays."""
    (tmp_path / "mine").mkdir()

    relative = read_config({"config": written(tmp_path, "clusters: all\ntuning: mine\n")})
    absolute = read_config({"config": written(tmp_path, f"clusters: all\ntuning: {tmp_path}\n")})

    assert (relative.tuning, absolute.tuning) == (tmp_path / "mine", tmp_path)


def test_a_mistake_in_the_file_is_named_with_its_line(tmp_path: Path) -> None:
    """Wrong values and unknown keys, all together, beside those of the context."""
    file = written(
        tmp_path, "# ours\nretention_days: 13\nmemroy_mb: 512\nregion: x\nconfig: other.yml\n"
    )

    problems = refused({"config": file, "clusters": "prod", "email": "x"})

    assert [problem[: problem.index(": ")] for problem in problems] == [
        f"memroy_mb ({file}:3)",
        f"region ({file}:4)",
        f"config ({file}:5)",
        "email",
        f"retention_days ({file}:2)",
    ]
    assert "did you mean memory_mb?" in problems[0]
    assert "there are clusters, security_hub," in problems[1]
    assert "a file cannot name another" in problems[2]


def test_a_file_that_cannot_be_read_is_one_problem(tmp_path: Path) -> None:
    """What it may hold is not asked for; mistakes of the context are told all the same."""
    missing = str(tmp_path / "deploy.yml")

    problems = refused({"config": missing, "email": "x"})

    assert problems == [
        f"config: there is no file {missing!r}",
        "email: 'x' is not an email address",
    ]
