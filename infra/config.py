"""Config: what an operator decides at deployment, read once from CDK context and checked."""

import difflib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

MAX_CLUSTERS = 30
"""Each cluster adds up to 650 bytes to the stream function's policy, which may have 20 KB."""

RETENTION_DAYS = (14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557)
"""What CloudWatch Logs offers, from the oldest event that it takes: it refuses a late signal that
is older than the retention of its log group."""

EKS_LOG_GROUP = re.compile(r"/aws/eks/([^/]+)/cluster")
CLUSTER_NAME = re.compile(r"[0-9A-Za-z][A-Za-z0-9_-]{0,99}")
"""Source: the Amazon EKS API reference, CreateCluster, `name`."""


class ConfigError(ValueError):
    """What is wrong with the context: every problem, each with its key and the way to fix it."""


def _split(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return tuple(name.strip() for name in value.split(",") if name.strip())


def _cluster_name(name: str) -> str:
    if CLUSTER_NAME.fullmatch(name):
        return name
    if group := EKS_LOG_GROUP.fullmatch(name):
        raise ValueError(f"{name!r} is a log group, give the cluster's name: {group[1]}")
    if name.startswith("/"):
        raise ValueError(
            f"{name!r} is not the log group of an EKS cluster. Only those are subscribed: a group"
            " that ekswatch writes to itself would feed it its own output without end"
        )
    raise ValueError(
        f"{name!r} is not the name of an EKS cluster: letters, digits, '-' and '_', a letter or"
        " digit first, at most 100 characters"
    )


def _all_different(names: tuple[str, ...]) -> tuple[str, ...]:
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{', '.join(twice)} stands there twice")
    return names


def _clusters(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        raise ValueError("names no cluster, for example -c clusters=prod,staging")
    if len(names) > MAX_CLUSTERS:
        raise ValueError(
            f"names {len(names)} clusters and one stack takes {MAX_CLUSTERS}:"
            " deploy the others with another -c stack_name=..."
        )
    return _all_different(names)


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


LIVE_LIST = re.compile(r"[a-z0-9_]+=(s3://[a-z0-9.-]{3,63}/[^,\s*]+|ssm:/?[A-Za-z0-9_./-]+)")


def _live_list(text: str) -> str:
    if LIVE_LIST.fullmatch(text):
        return text
    raise ValueError(f"{text!r} is no live list, write name=s3://bucket/key or name=ssm:/parameter")


def _absent_if_empty(value: Any) -> Any:
    return None if value == "" else value


LiveList = Annotated[str, AfterValidator(_live_list)]
ClusterName = Annotated[str, AfterValidator(_cluster_name)]
OrNone = BeforeValidator(_absent_if_empty)


class Config(BaseModel):
    """One deployment. Each field is a context key: `cdk deploy -c clusters=prod -c email=...`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    clusters: Annotated[tuple[ClusterName, ...], BeforeValidator(_split), AfterValidator(_clusters)]
    email: Annotated[Annotated[str, AfterValidator(_email)] | None, OrNone] = None
    security_hub: bool = True
    sns: bool = True
    tuning: Annotated[Annotated[Path, AfterValidator(_folder)] | None, OrNone] = None
    retention_days: Annotated[int, AfterValidator(_retention)] = Field(default=30)
    stack_name: Annotated[str, AfterValidator(_stack_name)] = "ekswatch"
    live_lists: Annotated[
        tuple[LiveList, ...], BeforeValidator(_split), AfterValidator(_all_different)
    ] = ()
    live_list_hours: Annotated[int, Field(gt=0, le=24 * 366)] = 168


def read_config(context: Mapping[str, Any]) -> Config:
    """The deployment that CDK context describes. Keys of CDK and of other tools are ignored.

    Raises: ConfigError with every problem, a mistyped key among them.
    """
    problems = [_mistyped(key, near) for key, near in _near_misses(context)]
    try:
        config = Config.model_validate(dict(context))
    except ValidationError as error:
        raise ConfigError(_report([*problems, *_reasons(error)])) from None
    if not config.sns and config.email:
        problems.append("email: mail goes through SNS, take away sns=false or email")
    if not config.sns and not config.security_hub:
        problems.append("sns, security_hub: both are off, so findings would go nowhere")
    if problems:
        raise ConfigError(_report(problems))
    return config


def _near_misses(context: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    fields = tuple(Config.model_fields)
    for key in sorted(set(context) - set(fields)):
        for near in difflib.get_close_matches(key.lower().replace("-", "_"), fields, 1, 0.75):
            yield key, near


def _mistyped(key: str, near: str) -> str:
    return f"{key}: is not a setting, did you mean {near}?"


def _reasons(error: ValidationError) -> Iterable[str]:
    for problem in error.errors():
        key = str(problem["loc"][0])
        if problem["type"] == "missing":
            yield f"{key}: is missing, for example -c {key}=prod,staging"
        else:
            yield f"{key}: {problem['msg'].removeprefix('Value error, ')}"


def _report(problems: Iterable[str]) -> str:
    return "\n".join(["the CDK context cannot be deployed:", *(f"  {line}" for line in problems)])
