"""Settings: what the functions are told by their environment variables.

The names below are the contract with `infra`: it sets exactly these, and a test compares
both with the synthesised template.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SECURITY_HUB = "EKSWATCH_SECURITY_HUB"
SNS_TOPIC_ARN = "EKSWATCH_SNS_TOPIC_ARN"
TABLE_NAME = "EKSWATCH_TABLE_NAME"
SIGNALS_LOG_GROUP = "EKSWATCH_SIGNALS_LOG_GROUP"
RULESET = "EKSWATCH_RULESET"
CLUSTERS = "EKSWATCH_CLUSTERS"
LIVE_LISTS = "EKSWATCH_LIVE_LISTS"
LIVE_LIST_HOURS = "EKSWATCH_LIVE_LIST_HOURS"

ENVIRONMENT = (
    (SECURITY_HUB, "on (default) or off: import findings into Security Hub"),
    (SNS_TOPIC_ARN, "standard SNS topic that gets a message per new finding; empty for none"),
    (TABLE_NAME, "DynamoDB table that remembers findings; required"),
    (SIGNALS_LOG_GROUP, "log group that holds the signals; required"),
    (RULESET, "compiled ruleset; default: ruleset.json beside the packages"),
    (CLUSTERS, "names of the watched clusters, comma separated; empty for whichever writes"),
    (LIVE_LISTS, "lists read at run time: name=s3://bucket/key or name=ssm:/parameter, by comma"),
    (LIVE_LIST_HOURS, "age at which such a list is stale; default 168"),
)
"""Every variable the functions read, with what it means."""

DEFAULT_RULESET = Path(__file__).parents[2] / "ruleset.json"
SWITCH = {"on": True, "off": False}
TOPIC_ARN = re.compile(r"arn:[\w-]+:sns:[\w-]+:\d{12}:[\w-]{1,256}")
CLUSTER_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,99}")
LIVE_LIST = re.compile(r"([a-z0-9_]+)=(s3://[a-z0-9.-]{3,63}/[^,\s]+|ssm:/?[\w./-]+)")
DEFAULT_LIVE_LIST_HOURS = 168


class SettingError(ValueError):
    """An environment variable is missing or cannot be used; the message starts with its name."""

    def __init__(self, variable: str, problem: str) -> None:
        super().__init__(f"{variable} {problem}")
        self.variable = variable


@dataclass(frozen=True, slots=True)
class Settings:
    """What one function was told. `sns_topic_arn` is empty where no messages are wanted."""

    table_name: str
    signals_log_group: str
    security_hub: bool = True
    sns_topic_arn: str = ""
    ruleset: Path = DEFAULT_RULESET
    clusters: tuple[str, ...] = ()
    live_lists: tuple[tuple[str, str], ...] = ()
    """Name and source of each."""
    live_list_hours: int = DEFAULT_LIVE_LIST_HOURS

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the variables of `ENVIRONMENT`.

        Raises: SettingError, naming the variable.
        """
        return cls(
            table_name=_required(environ, TABLE_NAME),
            signals_log_group=_required(environ, SIGNALS_LOG_GROUP),
            security_hub=_switch(environ, SECURITY_HUB),
            sns_topic_arn=_topic(environ, SNS_TOPIC_ARN),
            ruleset=Path(environ.get(RULESET) or DEFAULT_RULESET),
            clusters=_clusters(environ, CLUSTERS),
            live_lists=_live_lists(environ, LIVE_LISTS),
            live_list_hours=_hours(environ, LIVE_LIST_HOURS),
        )


def _required(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "").strip()
    if not value:
        raise SettingError(name, "is not set")
    return value


def _switch(environ: Mapping[str, str], name: str) -> bool:
    word = environ.get(name, "").strip().lower() or "on"
    if word not in SWITCH:
        raise SettingError(name, f"must be on or off, not {word!r}")
    return SWITCH[word]


def _topic(environ: Mapping[str, str], name: str) -> str:
    arn = environ.get(name, "").strip()
    if arn and not TOPIC_ARN.fullmatch(arn):
        raise SettingError(name, f"must be the ARN of a standard SNS topic, not {arn!r}")
    return arn


def _clusters(environ: Mapping[str, str], name: str) -> tuple[str, ...]:
    names = tuple(part.strip() for part in environ.get(name, "").split(",") if part.strip())
    for cluster in names:
        if not CLUSTER_NAME.fullmatch(cluster):
            raise SettingError(name, f"has {cluster!r}, which is not a cluster name")
    return names


def _live_lists(environ: Mapping[str, str], name: str) -> tuple[tuple[str, str], ...]:
    found = []
    for part in filter(None, (each.strip() for each in environ.get(name, "").split(","))):
        fitting = LIVE_LIST.fullmatch(part)
        if fitting is None:
            raise SettingError(name, f"has {part!r}: write list=s3://bucket/key or list=ssm:/name")
        found.append((fitting[1], fitting[2]))
    return tuple(found)


def _hours(environ: Mapping[str, str], name: str) -> int:
    text = environ.get(name, "").strip() or str(DEFAULT_LIVE_LIST_HOURS)
    if not text.isdecimal() or not 0 < int(text) <= 24 * 366:
        raise SettingError(name, f"must be a number of hours, at most a year, not {text!r}")
    return int(text)
