"""Settings: what the functions are told by their environment variables.

The names below are the contract with `infra`: it sets exactly these, and a test compares
both with the synthesised template.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

SECURITY_HUB = "EKSWATCH_SECURITY_HUB"
SNS_TOPIC_ARN = "EKSWATCH_SNS_TOPIC_ARN"
TABLE_NAME = "EKSWATCH_TABLE_NAME"
SIGNALS_LOG_GROUP = "EKSWATCH_SIGNALS_LOG_GROUP"
RULESET = "EKSWATCH_RULESET"
CLUSTERS = "EKSWATCH_CLUSTERS"
LIVE_LISTS = "EKSWATCH_LIVE_LISTS"
LIVE_LIST_HOURS = "EKSWATCH_LIVE_LIST_HOURS"
SCHEDULE_MINUTE = "EKSWATCH_SCHEDULE_MINUTE"
FILTER_NAME = "EKSWATCH_FILTER_NAME"
FILTER_PATTERN = "EKSWATCH_FILTER_PATTERN"
STREAM_FUNCTION_ARN = "EKSWATCH_STREAM_FUNCTION_ARN"
FAILED_EVENTS_BUCKET = "EKSWATCH_FAILED_EVENTS_BUCKET"

ENVIRONMENT = (
    (SECURITY_HUB, "on (default) or off: import findings into Security Hub"),
    (SNS_TOPIC_ARN, "standard SNS topic that gets a message per new finding; empty for none"),
    (TABLE_NAME, "DynamoDB table that remembers findings; required"),
    (SIGNALS_LOG_GROUP, "log group that holds the signals; required"),
    (RULESET, "compiled ruleset, absolute or from the archive's root; default ruleset.json"),
    (
        CLUSTERS,
        "names of the watched clusters, comma separated; all, or tag:key=value, for those that the"
        " account has; empty for whichever writes",
    ),
    (LIVE_LISTS, "lists read at run time: name=s3://bucket/key or name=ssm:/parameter, by comma"),
    (LIVE_LIST_HOURS, "age at which such a list is stale; default 168"),
    (SCHEDULE_MINUTE, "minute of every hour at which the hourly function runs; default 0"),
    (FILTER_NAME, "name of our subscription filters"),
    (FILTER_PATTERN, "their pattern"),
    (STREAM_FUNCTION_ARN, "the function that they deliver to"),
    (FAILED_EVENTS_BUCKET, "bucket of the events that failed; empty to not count them"),
)
"""Every variable the functions read, with what it means."""
HOURLY_ONLY = (FILTER_NAME, FILTER_PATTERN, STREAM_FUNCTION_ARN, FAILED_EVENTS_BUCKET)
"""What the stream function is not told: it subscribes nothing and counts no failed events."""

DEFAULT_RULESET = Path(__file__).parents[2] / "ruleset.json"
SWITCH = {"on": True, "off": False}
TOPIC_ARN = re.compile(r"arn:[\w-]+:sns:[\w-]+:\d{12}:[\w-]{1,256}")
CLUSTER_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,99}")
LIVE_LIST = re.compile(r"([a-z0-9_]+)=(s3://[a-z0-9.-]{3,63}/[^,\s]+|ssm:/?[\w./-]+)")
DEFAULT_LIVE_LIST_HOURS = 168
ALL = "all"
TAG = "tag:"


class SettingError(ValueError):
    """An environment variable is missing or cannot be used; the message starts with its name."""

    def __init__(self, variable: str, problem: str) -> None:
        super().__init__(f"{variable} {problem}")
        self.variable = variable


@dataclass(frozen=True, slots=True)
class Discovery:
    """Which of the account's clusters are watched: all of them, or those with a tag."""

    tag: tuple[str, str] | None = None
    """Key and value."""

    def takes(self, tags: Mapping[str, str]) -> bool:
        """Whether a cluster with these tags is one of them."""
        return self.tag is None or tags.get(self.tag[0]) == self.tag[1]


@dataclass(frozen=True, slots=True)
class Settings:
    """What one function was told. `sns_topic_arn` is empty where no messages are wanted."""

    table_name: str
    signals_log_group: str
    security_hub: bool = True
    sns_topic_arn: str = ""
    ruleset: Path = DEFAULT_RULESET
    clusters: tuple[str, ...] = ()
    """Names, where they are known at deployment."""
    discovery: Discovery | None = None
    """Which clusters, where they are found at run time."""
    live_lists: tuple[tuple[str, str], ...] = ()
    """Name and source of each."""
    live_list_hours: int = DEFAULT_LIVE_LIST_HOURS
    schedule_minute: int = 0
    filter_name: str = ""
    filter_pattern: str = ""
    stream_function_arn: str = ""
    failed_events_bucket: str = ""

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
            ruleset=DEFAULT_RULESET.parent / (environ.get(RULESET) or DEFAULT_RULESET.name),
            clusters=_clusters(environ, CLUSTERS),
            discovery=_discovery(environ, CLUSTERS),
            live_lists=_live_lists(environ, LIVE_LISTS),
            live_list_hours=_hours(environ, LIVE_LIST_HOURS),
            schedule_minute=_minute(environ, SCHEDULE_MINUTE),
            filter_name=environ.get(FILTER_NAME, ""),
            filter_pattern=environ.get(FILTER_PATTERN, ""),
            stream_function_arn=environ.get(STREAM_FUNCTION_ARN, ""),
            failed_events_bucket=environ.get(FAILED_EVENTS_BUCKET, ""),
        )

    def without_messages(self) -> "Settings":
        """The same with nobody told: findings go to every other sink."""
        return replace(self, sns_topic_arn="")


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
    if _discovery(environ, name):
        return ()
    names = tuple(part.strip() for part in environ.get(name, "").split(",") if part.strip())
    for cluster in names:
        if not CLUSTER_NAME.fullmatch(cluster):
            raise SettingError(name, f"has {cluster!r}, which is not a cluster name")
    return names


def _discovery(environ: Mapping[str, str], name: str) -> Discovery | None:
    text = environ.get(name, "").strip()
    if text == ALL:
        return Discovery()
    if not text.startswith(TAG):
        return None
    key, equals, value = text.removeprefix(TAG).partition("=")
    if not key or not equals:
        raise SettingError(name, f"must be {TAG}key=value, not {text!r}")
    return Discovery((key, value))


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


def _minute(environ: Mapping[str, str], name: str) -> int:
    text = environ.get(name, "").strip() or "0"
    if not text.isdecimal() or int(text) > 59:
        raise SettingError(name, f"must be a minute of the hour, 0 to 59, not {text!r}")
    return int(text)
