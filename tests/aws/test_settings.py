"""Settings: read from the environment, or refused by name."""

from pathlib import Path

import pytest

from ekswatch.aws.settings import DEFAULT_RULESET, ENVIRONMENT, Discovery, SettingError, Settings

NEEDED = {"EKSWATCH_TABLE_NAME": "state", "EKSWATCH_SIGNALS_LOG_GROUP": "/ekswatch/signals"}
TOPIC = "arn:aws:sns:eu-central-1:111122223333:findings"


def test_two_variables_are_enough() -> None:
    """Everything else has a default: Security Hub on, no topic, the ruleset beside the code."""
    settings = Settings.from_env(NEEDED)

    assert settings == Settings("state", "/ekswatch/signals")
    assert settings.security_hub
    assert settings.ruleset == DEFAULT_RULESET


def test_every_variable_is_read() -> None:
    """Each of the listed variables ends up in the settings."""
    told = NEEDED | {
        "EKSWATCH_SECURITY_HUB": "off",
        "EKSWATCH_SNS_TOPIC_ARN": TOPIC,
        "EKSWATCH_RULESET": "/opt/rules.json",
        "EKSWATCH_CLUSTERS": "prod, staging",
        "EKSWATCH_LIVE_LISTS": "tor_exits=s3://intel/tor.txt, bad=ssm:/intel/bad",
        "EKSWATCH_LIVE_LIST_HOURS": "24",
        "EKSWATCH_SCHEDULE_MINUTE": "17",
        "EKSWATCH_FILTER_NAME": "ekswatch",
        "EKSWATCH_FILTER_PATTERN": '"audit.k8s.io"',
        "EKSWATCH_STREAM_FUNCTION_ARN": "arn:aws:lambda:eu-central-1:111122223333:function:s",
        "EKSWATCH_FAILED_EVENTS_BUCKET": "failed-events",
    }

    settings = Settings.from_env(told)

    assert set(told) == {name for name, _ in ENVIRONMENT}
    assert settings == Settings(
        table_name="state",
        signals_log_group="/ekswatch/signals",
        security_hub=False,
        sns_topic_arn=TOPIC,
        ruleset=Path("/opt/rules.json"),
        clusters=("prod", "staging"),
        live_lists=(("tor_exits", "s3://intel/tor.txt"), ("bad", "ssm:/intel/bad")),
        live_list_hours=24,
        schedule_minute=17,
        filter_name="ekswatch",
        filter_pattern='"audit.k8s.io"',
        stream_function_arn="arn:aws:lambda:eu-central-1:111122223333:function:s",
        failed_events_bucket="failed-events",
    )


@pytest.mark.parametrize(
    ("text", "names", "discovery"),
    [
        ("", (), None),
        ("prod", ("prod",), None),
        ("all", (), Discovery()),
        ("all-of-them", ("all-of-them",), None),
        ("tag:env=prod", (), Discovery(("env", "prod"))),
        ("tag:team:env=a=b", (), Discovery(("team:env", "a=b"))),
        ("tag:env=", (), Discovery(("env", ""))),
    ],
)
def test_clusters_are_named_or_found(
    text: str, names: tuple[str, ...], discovery: Discovery | None
) -> None:
    """Names, all of the account, or those with a tag."""
    settings = Settings.from_env(NEEDED | {"EKSWATCH_CLUSTERS": text})

    assert (settings.clusters, settings.discovery) == (names, discovery)


def test_a_tag_chooses_clusters() -> None:
    """Key and value must both be there; without a tag every cluster is taken."""
    tagged = Discovery(("env", "prod"))

    assert tagged.takes({"env": "prod", "owner": "soc"})
    assert not tagged.takes({"env": "test"})
    assert not tagged.takes({"prod": "env"})
    assert Discovery().takes({})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EKSWATCH_TABLE_NAME", ""),
        ("EKSWATCH_SIGNALS_LOG_GROUP", " "),
        ("EKSWATCH_SECURITY_HUB", "perhaps"),
        ("EKSWATCH_SNS_TOPIC_ARN", "findings"),
        ("EKSWATCH_SNS_TOPIC_ARN", TOPIC + ".fifo"),
        ("EKSWATCH_CLUSTERS", "prod,a/b"),
        ("EKSWATCH_CLUSTERS", "tag:env"),
        ("EKSWATCH_CLUSTERS", "tag:=prod"),
        ("EKSWATCH_SCHEDULE_MINUTE", "60"),
        ("EKSWATCH_SCHEDULE_MINUTE", "-1"),
        ("EKSWATCH_LIVE_LISTS", "tor_exits"),
        ("EKSWATCH_LIVE_LISTS", "tor_exits=https://example.com/x"),
        ("EKSWATCH_LIVE_LIST_HOURS", "0"),
        ("EKSWATCH_LIVE_LIST_HOURS", "a day"),
    ],
)
def test_an_error_names_the_variable(name: str, value: str) -> None:
    """Whoever deploys reads which variable to change."""
    with pytest.raises(SettingError, match=f"^{name} ") as raised:
        Settings.from_env(NEEDED | {name: value})

    assert raised.value.variable == name
