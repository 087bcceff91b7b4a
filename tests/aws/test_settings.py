"""Settings: read from the environment, or refused by name."""

from pathlib import Path

import pytest

from ekswatch.aws.settings import DEFAULT_RULESET, ENVIRONMENT, SettingError, Settings

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
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EKSWATCH_TABLE_NAME", ""),
        ("EKSWATCH_SIGNALS_LOG_GROUP", " "),
        ("EKSWATCH_SECURITY_HUB", "perhaps"),
        ("EKSWATCH_SNS_TOPIC_ARN", "findings"),
        ("EKSWATCH_SNS_TOPIC_ARN", TOPIC + ".fifo"),
        ("EKSWATCH_CLUSTERS", "prod,a/b"),
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
