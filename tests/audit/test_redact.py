"""Redaction: values of secrets go, their names and everything else stay."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekswatch.audit import redact as redaction
from ekswatch.audit.redact import MAX_CHARACTERS, redact

CANARY = "hunter2Canary"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl-_"
AWS_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIabc-def\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"run --password {CANARY} -v", "run --password [redacted] -v"),
        (f"--token={CANARY} get", "--token=[redacted] get"),
        (f"?token={CANARY}&x=1", "?token=[redacted]&x=1"),
        (f"psql password='{CANARY}' x", "psql password=[redacted] x"),
        (f'{{"apiKey": "{CANARY}", "a": 1}}', '{"apiKey": [redacted], "a": 1}'),
        (f"client-secret: {CANARY}", "client-secret: [redacted]"),
        (f"--from-literal=db_password={CANARY}", "--from-literal=db_password=[redacted]"),
        (f"export PGPASSWORD={CANARY}; psql", "export PGPASSWORD=[redacted]; psql"),
        (f"mysql -uroot -p{CANARY} -h db", "mysql -uroot -p[redacted] -h db"),
        (f"sshpass -p {CANARY} ssh h", "sshpass -p [redacted] ssh h"),
        (f"curl -u bob:{CANARY} h", "curl -u bob:[redacted] h"),
        (f"https://bob:{CANARY}@host/path", "https://bob:[redacted]@host/path"),
        (f"https:/bob:{CANARY}@host/path", "https:/bob:[redacted]@host/path"),
        (f"Authorization: Bearer {CANARY}", "Authorization: Bearer [redacted]"),
        ("Authorization: Basic Ym9iOmh1bnRlcjI=", "Authorization: Basic [redacted]"),
        (f"jwt {JWT} end", "jwt [redacted] end"),
        (f"key {AWS_KEY} end", "key [redacted] end"),
        (f"AWS_SECRET_ACCESS_KEY={AWS_KEY}", "AWS_SECRET_ACCESS_KEY=[redacted]"),
        (f"{PEM} tail", "[redacted] tail"),
        (PEM[:40], "[redacted]"),
        ("k8s-aws-v1.aHR0cHM6Ly9zdHMu", "[redacted]"),
        ("ghp_0123456789abcdefABCD", "[redacted]"),
        (
            f"/exec?command=mysql%20--password%3D{CANARY}",
            "/exec?command=mysql --password=[redacted]",
        ),
        (f"command=--token+{CANARY}%20", "command=--token [redacted] "),
        (
            f"command=--password&command={CANARY}&tty=1",
            "command=--password&command=[redacted]&tty=1",
        ),
    ],
)
def test_the_value_of_a_secret_is_hidden(text: str, expected: str) -> None:
    """What says that it is a secret stays as evidence."""
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "system:serviceaccount:kube-system:token-cleaner",
        "secrets payments/db-password",
        "arn:aws:secretsmanager:us-east-1:111122223333:secret:db",
        "arn:aws:sts::111122223333:assumed-role/dev-payments/bob",
        "ASIARCBGVNKSOJZWHSQ4",
        "list serviceaccounts/token kube-system",
        'User "bob" cannot list resource "secrets" in API group "" in the namespace "data"',
        "sh -c id; cat /var/run/secrets/kubernetes.io/serviceaccount/token",
        "http://[::1]:8080/metrics",
        "/api/v1/namespaces/a%20b/secrets/db%2Dpassword",
        "602401143452.dkr.ecr.us-east-1.amazonaws.com/eks/coredns:v1.11.4",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "mkdir -p /tmp/x",
        "line\nbreak\x1b[31m",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    """Names, ARNs, hashes, paths and control characters are left to be read."""
    assert redact(text) == text


def test_a_long_value_is_cut_with_an_ellipsis() -> None:
    """1,024 characters are kept whole, one more is not."""
    assert redact("a b" * 341 + "c") == "a b" * 341 + "c"
    assert len(redact("ab " * 342)) == MAX_CHARACTERS
    assert redact("ab " * 342).endswith("…")


def test_a_secret_across_the_cut_is_hidden() -> None:
    """The text is searched before it is cut."""
    text = "x" * 1_000 + f" password={CANARY * 10}"

    assert "hunter2" not in redact(text)


@given(
    st.text(max_size=300), st.sampled_from(["--password ", "token=", "://u:"]), st.text(max_size=50)
)
def test_redacting_twice_changes_nothing_more(head: str, name: str, tail: str) -> None:
    """A value may pass through several rooms."""
    once = redact(f"{head} {name}{CANARY}@ {tail}")

    assert redact(once) == once


@pytest.mark.parametrize(
    "piece",
    ["password", "://a:", "-----BEGIN PRIVATE KEY-----", "eyJ", " --", " -u a", "mysql ", '"',
     "token=\"\\", " --aaaaaaaaaaaaaaaaaaaaaaaa", "bearer ", "=", "A1a"],
)  # fmt: skip
def test_a_hostile_text_costs_no_more_than_another(piece: str) -> None:
    """Attackers choose the strings; 1 MB of them must not stall a batch."""
    text = piece * (1_000_000 // len(piece))
    started = time.process_time()

    redact(text)

    assert time.process_time() - started < 0.25


def test_every_mark_has_a_hint() -> None:
    """What is looked for first is part of all that is looked for then."""
    for pattern in redaction._PATTERNS:
        for mark in pattern.marks:
            assert redaction._may_hold_secrets(mark), mark
