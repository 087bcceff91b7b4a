"""Config: what an operator decides at deployment, from CDK context or a file, read and checked.

`docs/deploying.md` has the table of the fields, made from their descriptions.
"""

import difflib
from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from infra.clusters import Clusters, read_clusters
from infra.deploy_file import DeployFile, FileError, read_deploy_file
from infra.pattern import Filter
from infra.target import Target
from infra.values import (
    Boundary,
    Concurrency,
    Emails,
    Folder,
    Hours,
    KmsKey,
    LiveLists,
    MemoryMb,
    Minute,
    Retention,
    SecurityGroups,
    StackName,
    Subnets,
    Tags,
    Topic,
)

FILE = "config"
"""The context key that names a file with the other keys."""


REASONS = {
    "missing": "is missing, for example -c clusters=prod,staging",
    "bool": "{given!r} is neither true nor false",
    "int": "{given!r} is not a whole number",
    "string": "{given!r} is not text, write it in quotes",
    "path": "{given!r} is not the name of a folder",
    "tuple": "{given!r} is not a list, write one in brackets, or words with commas between them",
}
"""What to say of a value, by the first word of pydantic's type of error."""


class ConfigError(ValueError):
    """What is wrong with the settings: every problem, each with its key and the way to fix it."""


class Config(BaseModel):
    """One deployment. Each field is a context key, and a key of the file that `config` names."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    clusters: Annotated[Clusters, BeforeValidator(read_clusters)] = Field(
        description="names of EKS clusters, at most 30 in one stack; or `all` for every cluster of"
        " the account and Region; or `tag:key=value` for those with this tag"
    )
    security_hub: bool = Field(default=True, description="import findings into Security Hub")
    sns: bool = Field(default=True, description="publish a message per new finding")
    email: Emails = Field(
        default=(), description="addresses that get every message; each confirms by a link"
    )
    sns_topic: Topic | None = Field(
        default=None,
        description="ARN of a standard SNS topic of your own in the same Region, instead of one"
        " that the stack makes",
    )
    sns_topic_kms_key: KmsKey | None = Field(
        default=None, description="ARN of the KMS key that your own topic is encrypted with, if any"
    )
    tuning: Folder | None = Field(
        default=None,
        description="folder with your detections, lists, suppressions and switches, see"
        " [tuning.md](tuning.md); in the file, as seen from the file's folder",
    )
    filter: Filter = Field(
        default=Filter.TERM,
        description="which records are delivered: `term` every audit event, cut ones too; `narrow`"
        " leaves out what no detection can match, see [below](#what-is-delivered)",
    )
    live_lists: LiveLists = Field(
        default=(),
        description="lists that are read at run time, as `tor_exits=s3://bucket/key` or"
        " `threat_addresses=ssm:/parameter`, see [tuning.md](tuning.md)",
    )
    live_list_hours: Hours = Field(
        default=168, description="age at which such a list is stale and makes a finding"
    )
    retention_days: Retention = Field(
        default=30,
        description="days that the function logs, signals and failed events are kept: a retention"
        " of CloudWatch Logs from 14 to 2557",
    )
    schedule_minute: Minute = Field(
        default=0, description="minute of every hour, 0 to 59, at which the hourly function runs"
    )
    memory_mb: MemoryMb = Field(
        default=512, description="memory of each function, 128 to 10240; CPU grows with it"
    )
    reserved_concurrency: Concurrency | None = Field(
        default=None,
        description="executions of the stream function at one time, reserved and at most; what is"
        " more waits up to six hours. 100 of the account must stay unreserved",
    )
    kms_key: KmsKey | None = Field(
        default=None,
        description="ARN of a KMS key of your own for topic, log groups, table and bucket, see"
        " [below](#a-kms-key-of-your-own)",
    )
    permissions_boundary: Boundary | None = Field(
        default=None, description="name or ARN of the IAM policy that bounds every role"
    )
    subnet_ids: Subnets = Field(
        default=(),
        description="subnets that the functions run in, at most 16, see [below](#in-a-vpc)",
    )
    security_group_ids: SecurityGroups = Field(
        default=(), description="security groups of the functions in these subnets, at most 5"
    )
    tags: Tags = Field(
        default={},
        description="tags of the stack and all that it makes, as `owner=soc,cost-center=12`, at"
        " most 50",
    )
    stack_name: StackName = Field(
        default="ekswatch", description="name of the stack; another one is another installation"
    )
    target: Target = Field(
        default=Target.AWS,
        description="`local` builds the functions for an emulator on this machine, as `make e2e`"
        " does",
    )


def read_config(context: Mapping[str, Any]) -> Config:
    """The deployment that CDK context and the file it names describe; context wins.

    Keys of CDK and of other tools are ignored in the context, unless they look like ours.
    Raises: ConfigError with every problem, mistyped keys among them.
    """
    file, unread = _file(context)
    values = _values(context, file)
    config, refused = _checked(values)
    given = {key for key, _ in refused} | {key for key in values if getattr(config, key)}
    problems = [
        *_mistyped(context),
        *unread,
        *_strangers(file),
        *(
            f"{_place(key, context, file)}: {why}"
            for key, why in refused
            if not (unread and key not in values)  # the file may have it
        ),
        *(_contradictions(config, given) if not unread else ()),
    ]
    if problems:
        raise ConfigError(
            "\n".join(["the settings cannot be deployed:", *(f"  {line}" for line in problems)])
        )
    return config


def _file(context: Mapping[str, Any]) -> tuple[DeployFile, list[str]]:
    """The file that the context names, empty when there is none or it cannot be read, and why."""
    none = DeployFile(Path(), {}, {})
    if not context.get(FILE):
        return none, []
    try:
        return read_deploy_file(Path(str(context[FILE]))), []
    except FileError as error:
        return none, [f"{FILE}: {error}"]


def _values(context: Mapping[str, Any], file: DeployFile) -> dict[str, Any]:
    """What is set: of the file, then of the context. Empty text stands for the default."""
    values = {**file.values, **context}
    folder = file.values.get("tuning")
    if isinstance(folder, str) and folder and "tuning" not in context:
        values["tuning"] = file.path.parent / folder
    return {
        key: values[key]
        for key, field in Config.model_fields.items()
        if key in values and (field.is_required() or values[key] not in ("", None))
    }


def _checked(values: Mapping[str, Any]) -> tuple[Config, list[tuple[str, str]]]:
    """The settings, those that are wrong left out, and these with the reason."""
    try:
        return Config.model_validate(values), []
    except ValidationError as error:
        refused = [(str(problem["loc"][0]), _reason(problem)) for problem in error.errors()]
    wrong = {key for key, _ in refused}
    rest = {key: value for key, value in values.items() if key not in wrong}
    return Config.model_validate({"clusters": "all", **rest}), refused


def _reason(problem: ErrorDetails) -> str:
    """What is wrong, in words of ours where pydantic's name Python's types."""
    given, kind = problem["input"], problem["type"].partition("_")[0]
    if kind == "enum":
        return f"{given!r} is not known, take {problem['ctx']['expected']}"
    if reason := REASONS.get(kind):
        return reason.format(given=given)
    return problem["msg"].removeprefix("Value error, ")


def _place(key: str, context: Mapping[str, Any], file: DeployFile) -> str:
    return key if key in context or key not in file.lines else f"{key} ({file.place(key)})"


def _mistyped(context: Mapping[str, Any]) -> Iterator[str]:
    """Keys of the context that are nearly ours; others belong to somebody else."""
    for key in sorted(set(context) - set(KEYS)):
        if near := _nearest(key, 0.75):
            yield f"{key}: is not a setting, did you mean {near}?"


def _strangers(file: DeployFile) -> Iterator[str]:
    """Keys of the file that are not ours: the file is for nobody else."""
    for key in file.lines:
        if key == FILE:
            yield f"{key} ({file.place(key)}): a file cannot name another, put the settings here"
        elif key not in KEYS:
            near = _nearest(key, 0.6)
            hint = (
                f"did you mean {near}?" if near else f"there are {', '.join(Config.model_fields)}"
            )
            yield f"{key} ({file.place(key)}): is not a setting, {hint}"


def _nearest(key: str, likeness: float) -> str:
    return next(
        iter(difflib.get_close_matches(key.lower().replace("-", "_"), KEYS, 1, likeness)), ""
    )


def _contradictions(config: Config, given: Set[str]) -> Iterator[str]:
    """Settings that are right alone and wrong together; `given` are those with a value."""
    if not config.sns and not config.security_hub:
        yield "sns, security_hub: both are off, so findings would go nowhere"
    if not config.sns and "email" in given:
        yield "email: mail goes through SNS, take away sns=false or email"
    if not config.sns and "sns_topic" in given:
        yield "sns_topic: nothing is published to it, take away sns=false or sns_topic"
    if {"sns_topic", "email"} <= given:
        yield "email: the topic is your own, subscribe the addresses to it and take away email"
    if "sns_topic_kms_key" in given and "sns_topic" not in given:
        yield "sns_topic_kms_key: is the key of sns_topic, which is missing; did you mean kms_key?"
    if len(network := given & {"subnet_ids", "security_group_ids"}) == 1:
        missing = "security_group_ids" if "subnet_ids" in network else "subnet_ids"
        yield f"{missing}: is missing, functions in a VPC need subnets and security groups"
    if len(set((regions := _regions(config)).values())) > 1:
        named = ", ".join(f"{key} in {region}" for key, region in regions.items())
        yield f"{named}: a stack has one Region, and all of them must lie there"


def _regions(config: Config) -> dict[str, str]:
    """The Region of each setting that names one."""
    arns = {key: getattr(config, key) for key in ("kms_key", "sns_topic", "sns_topic_kms_key")}
    return {key: arn.split(":")[3] for key, arn in arns.items() if arn}


KEYS = (*Config.model_fields, FILE)
"""All that we read from the context."""
