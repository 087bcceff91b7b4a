"""Values: the types of settings, each with the limit of AWS that it keeps.

Each takes text as it stands on the command line. What it cannot be is a ValueError that says
what to write instead.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from infra.clusters import twice
from infra.tags import MAX_TAGS, tag_problem

RETENTION_DAYS = (14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557)
"""What CloudWatch Logs offers, from the oldest event that it takes: it refuses a late signal that
is older than the retention of its log group."""

MEMORY_MB = (128, 10_240)
"""Source: AWS Lambda developer guide, "Lambda quotas"."""
MAX_SUBNETS = 16
MAX_SECURITY_GROUPS = 5
"""Source: AWS Lambda API reference, VpcConfig."""
MAX_ADDRESSES = 100
"""Each is a resource of the template, which may have 500; 30 clusters take 150 of them.
Source: AWS CloudFormation user guide, "Understand CloudFormation quotas"."""
MAX_ARN_CHARS = 2048
"""Of a policy. Source: IAM API reference, PutRolePermissionsBoundary."""

ID = "([0-9a-f]{8}|[0-9a-f]{17})"
PARTITION = r"arn:aws[a-z-]*"
PLACE = r"[a-z0-9-]+:\d{12}"
"""Region and account."""

KEY_ID = r"(mrk-[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
KMS_KEY = re.compile(rf"{PARTITION}:kms:{PLACE}:key/{KEY_ID}")
TOPIC = re.compile(rf"{PARTITION}:sns:{PLACE}:[A-Za-z0-9_-]{{1,256}}")
POLICY_NAME = r"[\w+=,.@-]{1,128}"
POLICY = re.compile(rf"{PARTITION}:iam::(\d{{12}}|aws):policy/([!-~]*/)?{POLICY_NAME}", re.ASCII)
LIVE_LIST = re.compile(r"[a-z0-9_]+=(s3://[a-z0-9.-]{3,63}/[^,\s*]+|ssm:/?[A-Za-z0-9_./-]+)")


def _words(value: Any) -> Any:
    """Words between commas, as a tuple; a list as it is."""
    if not isinstance(value, str):
        return value
    return tuple(word.strip() for word in value.split(",") if word.strip())


def _all_different(words: tuple[str, ...]) -> tuple[str, ...]:
    if problems := list(twice(words)):
        raise ValueError("; ".join(problems))
    return words


def _at_most(count: int, fix: str) -> AfterValidator:
    def check(words: tuple[str, ...]) -> tuple[str, ...]:
        if len(words) > count:
            raise ValueError(f"has {len(words)} and {count} are allowed: {fix}")
        return words

    return AfterValidator(check)


def _between(least: int, most: int) -> AfterValidator:
    def check(number: int) -> int:
        if not least <= number <= most:
            raise ValueError(f"{number} is out of range, take {least} to {most}")
        return number

    return AfterValidator(check)


def _email(address: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", address):
        raise ValueError(f"{address!r} is not an email address")
    return address


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise ValueError(f"there is no folder {str(path)!r}")
    return path


def _retention(days: int) -> int:
    if days not in RETENTION_DAYS:
        raise ValueError(
            f"{days} is not a retention that CloudWatch Logs offers, take one of"
            f" {', '.join(map(str, RETENTION_DAYS))}"
        )
    return days


def _stack_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,63}", name):
        raise ValueError(
            f"{name!r} is not a stack name: a letter, then letters, digits and '-',"
            " at most 64 characters"
        )
    return name


def _concurrency(executions: int) -> int:
    if executions < 1:
        raise ValueError(
            f"{executions} would stop the function and keep all events as failed, take 1 or more,"
            " or leave it out for no reservation"
        )
    return executions


def _kms_key(arn: str) -> str:
    if KMS_KEY.fullmatch(arn):
        return arn
    if ":alias/" in arn or arn.startswith("alias/"):
        alias = arn[arn.index("alias/") :]
        raise ValueError(
            f"{arn!r} is an alias, which CloudWatch Logs does not take, give the key's ARN:"
            f" aws kms describe-key --key-id {alias} --query KeyMetadata.Arn"
        )
    raise ValueError(
        f"{arn!r} is not the ARN of a KMS key, as"
        " arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    )


def _topic(arn: str) -> str:
    if TOPIC.fullmatch(arn):
        return arn
    if arn.endswith(".fifo"):
        raise ValueError(f"{arn!r} is a FIFO topic, and alarms cannot use one: take a standard one")
    raise ValueError(
        f"{arn!r} is not the ARN of an SNS topic, as arn:aws:sns:eu-central-1:111122223333:alerts"
    )


def _boundary(policy: str) -> str:
    if len(policy) <= MAX_ARN_CHARS and POLICY.fullmatch(policy):
        return policy
    if re.fullmatch(POLICY_NAME, policy, re.ASCII):
        return policy
    raise ValueError(
        f"{policy!r} is neither the name nor the ARN of an IAM policy, as Boundary or"
        " arn:aws:iam::111122223333:policy/team/Boundary"
    )


def _subnet(subnet_id: str) -> str:
    if not re.fullmatch(f"subnet-{ID}", subnet_id):
        raise ValueError(f"{subnet_id!r} is not the ID of a subnet, as subnet-0a1b2c3d4e5f67890")
    return subnet_id


def _security_group(group_id: str) -> str:
    if not re.fullmatch(f"sg-{ID}", group_id):
        raise ValueError(f"{group_id!r} is not the ID of a security group, as sg-0a1b2c3d4e5f67890")
    return group_id


def _assigned(value: Any) -> Any:
    """A mapping as the words `name=address`; all else as `_words` has it."""
    if isinstance(value, Mapping):
        return tuple(f"{name}={address}" for name, address in value.items())
    return _words(value)


def _live_list(text: str) -> str:
    if LIVE_LIST.fullmatch(text):
        return text
    raise ValueError(f"{text!r} is no live list, write name=s3://bucket/key or name=ssm:/parameter")


def _named_once(lists: tuple[str, ...]) -> tuple[str, ...]:
    _all_different(tuple(each.partition("=")[0] for each in lists))
    return lists


def _tag_pairs(value: Any) -> Any:
    """`owner=soc,cost=12` as a mapping; a mapping as it is."""
    words = _words(value)
    if isinstance(words, Mapping):
        return {key: str(text) if type(text) is int else text for key, text in words.items()}
    if not isinstance(words, Sequence) or not all(
        isinstance(word, str) and "=" in word for word in words
    ):
        raise ValueError(f"{value!r} has no '=' in each part, write owner=soc,cost-center=12")
    pairs = [word.partition("=") for word in words]
    _all_different(tuple(key for key, _, _ in pairs))
    return {key: text for key, _, text in pairs}


def _tags(tags: dict[str, str]) -> dict[str, str]:
    problems = [problem for pair in tags.items() if (problem := tag_problem(*pair))]
    problems += [f"the tag {key!r} has no value" for key, value in tags.items() if not value]
    if len(tags) > MAX_TAGS:
        problems.append(f"has {len(tags)} tags and CloudFormation takes {MAX_TAGS}")
    if problems:
        raise ValueError("; ".join(problems))
    return tags


SPLIT = BeforeValidator(_words)
DIFFERENT = AfterValidator(_all_different)

Boundary = Annotated[str, AfterValidator(_boundary)]
Concurrency = Annotated[int, AfterValidator(_concurrency)]
Emails = Annotated[
    tuple[Annotated[str, AfterValidator(_email)], ...],
    SPLIT,
    DIFFERENT,
    _at_most(MAX_ADDRESSES, "mail to a list of receivers instead"),
]
Folder = Annotated[Path, AfterValidator(_folder)]
Hours = Annotated[int, _between(1, 24 * 366)]
KmsKey = Annotated[str, AfterValidator(_kms_key)]
LiveLists = Annotated[
    tuple[Annotated[str, AfterValidator(_live_list)], ...],
    BeforeValidator(_assigned),
    AfterValidator(_named_once),
]
MemoryMb = Annotated[int, _between(*MEMORY_MB)]
Minute = Annotated[int, _between(0, 59)]
Retention = Annotated[int, AfterValidator(_retention)]
SecurityGroups = Annotated[
    tuple[Annotated[str, AfterValidator(_security_group)], ...],
    SPLIT,
    DIFFERENT,
    _at_most(MAX_SECURITY_GROUPS, "Lambda takes no more"),
]
StackName = Annotated[str, AfterValidator(_stack_name)]
Subnets = Annotated[
    tuple[Annotated[str, AfterValidator(_subnet)], ...],
    SPLIT,
    DIFFERENT,
    _at_most(MAX_SUBNETS, "Lambda takes no more"),
]
Tags = Annotated[dict[str, str], BeforeValidator(_tag_pairs), AfterValidator(_tags)]
Topic = Annotated[str, AfterValidator(_topic)]
