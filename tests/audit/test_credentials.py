"""Where a container's settings hold credentials in plain text."""

import pytest

from ekswatch.audit.credentials import (
    NAME_CHARACTERS,
    SETTINGS,
    SETTINGS_IN_WORDS,
    SHORTEST,
    TEXT_CHARACTERS,
    credentials,
)

KEY_ID = "AKIA" + "Q3EGXV7PLM2KTRWZ"
JWT = ".".join(("eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiJqYW5lIn0x", "c2lnbmF0dXJlLW9m"))
PEM = "-----BEGIN EC " + "PRIVATE KEY-----\nMHcCAQEE"


def variable(name: str, value: str) -> tuple[str, ...]:
    return credentials([(name, value)], [])


def words(*args: str) -> tuple[str, ...]:
    return credentials([], [("args", args)])


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("DB_PASSWORD", "hunter2!", "password"),
        ("PGPASSWORD", "hunter2!", "password"),
        ("db.passwd", "hunter2!", "password"),
        ("REDIS_PASS", "hunter2!", "password"),
        ("MYSQL_PWD", "hunter2!", "password"),
        ("REDISCLI_AUTH", "hunter2!", "password"),
        ("DB_PASSWORD_2", "hunter2!", "password"),
        ("SLACK_TOKEN", "abcdefgh", "token"),
        ("CLIENT_SECRET", "n3kfj2kd", "secret"),
        ("STRIPE_API_KEY", "n3kfj2kd", "secret"),
        ("JWT_SIGNING_KEY", "n3kfj2kd", "secret"),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG", "access-key"),
        ("ANYTHING", KEY_ID, "access-key"),
        ("ANYTHING", PEM, "private-key"),
        ("ANYTHING", "LS0tLS1CRUdJTiBPUEVOU1NIIFBSSVZBVEUgS0VZ", "private-key"),
        ("ANYTHING", "LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVk=", "private-key"),
        ("ANYTHING", JWT, "token"),
        ("ANYTHING", "ghp_" + "a1B2" * 9, "token"),
        ("DATABASE_URL", "postgres://app:hunter2!@db.data.svc:5432/app", "connection-string"),
        ("REDIS_URL", "redis://:hunter2!@cache:6379", "connection-string"),
        ("STORE", "Server=db;User=app;Password=hunter2!;", "connection-string"),
        ("JDBC", "jdbc:mysql://db/app?user=a&password=hunter2", "connection-string"),
    ],
)
def test_what_a_variable_holds(name: str, value: str, kind: str) -> None:
    """The kind and the variable's name are told."""
    assert variable(name, value) == (f"{kind} in env {name}",)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PASSWORD", ""),
        ("DB_PASSWORD", "$(PASSWORD)"),
        ("DB_PASSWORD", "${PASSWORD}"),
        ("DB_PASSWORD", "changeme"),
        ("DB_PASSWORD", "<your password>"),
        ("DB_PASSWORD", "vault:secret/data/db#password"),
        ("DB_PASSWORD", "/run/secrets/db"),
        ("DB_PASSWORD_FILE", "/run/secrets/db"),
        ("SECRET_NAME", "db-credentials"),
        ("WEBHOOK_SECRET", "webhook-server-cert"),
        ("MAX_TOKEN", "4096"),
        ("USE_TOKEN", "true"),
        ("TOKEN_URL", "https://auth.example.com/token"),
        ("COMPASS", "northeast"),
        ("PWD", "/app"),
        ("PASSWORD_MIN_LENGTH", "twelve"),
        ("AWS_SECRET_ARN", "arn:aws:secretsmanager:us-east-1:111122223333:secret:db"),
        ("DATABASE_URL", "postgres://app:$(DB_PASSWORD)@db:5432/app"),
        ("DATABASE_URL", "postgres://app@db:5432/app"),
        ("UPSTREAM", "http://web:8080/@me"),
        ("KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        ("CA", "-----BEGIN CERTIFICATE-----"),
        ("LOG_LEVEL", "info"),
    ],
)
def test_what_is_no_credential(name: str, value: str) -> None:
    """References, paths, placeholders, switches and names of objects are none."""
    assert variable(name, value) == ()


@pytest.mark.parametrize(
    ("args", "found"),
    [
        (("--password", "hunter2!"), ("password in args[1]",)),
        (("--db-password=hunter2!",), ("password in args[0]",)),
        (("-c", "PGPASSWORD=hunter2! psql -h db"), ("password in args[1]",)),
        (("-c", "app --api-key 'n3kf j2kd'"), ("secret in args[1]",)),
        (("-c", "mysql -u root -phunter2 app"), ("password in args[1]",)),
        (("-c", "sshpass -p hunter2 ssh db"), ("password in args[1]",)),
        (("serve", "redis://:hunter2!@cache"), ("connection-string in args[1]",)),
        (("-H", "Authorization: Bearer " + "a1B2" * 5), ("token in args[1]",)),
        (("-H", "Authorization: Bearer $(cat /run/token)"), ()),
        (("--key", KEY_ID, "--key", KEY_ID), ("access-key in args[1]", "access-key in args[3]")),
        (("--password", "--verbose"), ()),
        (("--password", "$(PASSWORD)"), ()),
        (("--password-file", "/run/secrets/db"), ()),
        (("--token-ttl=3600s",), ()),
        (("-c", "read token and go on"), ()),
        (("-c", "mysql -p $PASS"), ()),
    ],
)
def test_what_words_hold(args: tuple[str, ...], found: tuple[str, ...]) -> None:
    """Words are told by their place, as their text may be the credential."""
    assert words(*args) == found


def test_each_place_is_told_once() -> None:
    """A variable set twice is one place."""
    assert credentials([("A_TOKEN", "abcdefgh")] * 2, []) == ("token in env A_TOKEN",)


@pytest.mark.parametrize(("length", "found"), [(SHORTEST, True), (SHORTEST - 1, False)])
def test_a_very_short_value_is_none(length: int, found: bool) -> None:
    """Nothing that short is worth telling."""
    assert bool(variable("PASSWORD", "q" * length)) is found


@pytest.mark.parametrize(
    ("before", "found"), [(TEXT_CHARACTERS - 20, True), (TEXT_CHARACTERS, False)]
)
def test_the_beginning_of_a_value_is_read(before: int, found: bool) -> None:
    """What follows costs nothing, however long it is."""
    assert bool(variable("X", " " * before + KEY_ID)) is found


@pytest.mark.parametrize(("before", "found"), [(SETTINGS - 1, True), (SETTINGS, False)])
def test_so_many_variables_and_words_are_read(before: int, found: bool) -> None:
    """More cost nothing."""
    assert bool(credentials([("A", "b")] * before + [("X", KEY_ID)], [])) is found
    assert bool(words(*["a"] * before, KEY_ID)) is found


@pytest.mark.parametrize(
    ("before", "found"), [(SETTINGS_IN_WORDS - 1, True), (SETTINGS_IN_WORDS, False)]
)
def test_so_many_settings_of_shell_lines_are_read(before: int, found: bool) -> None:
    """Those of all words together, so that no line makes reading slow."""
    half = "a=b " * (before // 2)

    assert bool(words(half, half + "a=b " * (before % 2) + "TOKEN=abcdefgh")) is found


def test_a_long_name_is_cut() -> None:
    """A name that somebody chose does not fill a finding."""
    (told,) = variable("X" * NAME_CHARACTERS + "PASSWORD", "hunter2!")

    assert told == "password in env " + "X" * NAME_CHARACTERS
