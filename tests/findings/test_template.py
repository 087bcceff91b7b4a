"""Templates: values in messages and in shell commands."""

import shlex
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ekswatch.findings.escape import terminal
from ekswatch.findings.template import command, message, shown
from tests.findings.examples import NASTY, texts


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{actor.name} read {object.ref}", "jane read secrets a/b"),
        ("{missing} and {empty} and {none}", "- and - and -"),
        ("{names}", "a, b, c, d, e and 2 more"),
        ("{yes} {number}", "true 7"),
        ("{.status.phase} { x } {}", "{.status.phase} { x } {}"),
        ("{labels.app.kubernetes.io/name}", "web"),
    ],
)
def test_fields_are_replaced(template: str, said: str) -> None:
    """Each known field is replaced, absent ones read `-`, other braces stay."""
    values = {
        "actor.name": "jane",
        "object.ref": "secrets a/b",
        "empty": "",
        "none": (),
        "names": tuple("abcdefg"),
        "yes": True,
        "number": 7,
        "labels.app.kubernetes.io/name": "web",
    }

    assert message(template, values, terminal) == said


def test_values_are_not_templates() -> None:
    """A value that looks like a field is text."""
    assert message("{a}", {"a": "{b}", "b": "secret"}, terminal) == "{b}"


@pytest.mark.parametrize(("length", "cut"), [(300, False), (301, True)])
def test_long_values_are_cut(length: int, cut: bool) -> None:
    """A value takes at most 300 characters of a message."""
    assert shown("x" * length).endswith("…") is cut
    assert len(shown("x" * length)) <= 300


@given(texts)
def test_messages_are_one_printable_line(value: str) -> None:
    """Whatever a value holds, the message shows no control character."""
    assert message("by {a}.", {"a": value}, terminal).isprintable()


@given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=40))
def test_a_command_keeps_a_value_as_one_word(value: str) -> None:
    """A shell reads back exactly the value, and nothing around it."""
    assume(not value.startswith("-"))
    line = command("kubectl get pod {a} -o yaml", {"a": value})

    assert line is not None
    assert shlex.split(line) == ["kubectl", "get", "pod", value, "-o", "yaml"]


def test_several_values_are_several_words() -> None:
    """A list becomes arguments, ten at most."""
    assert command("get {a}", {"a": ("x", "y z")}) == "get x 'y z'"
    assert command("get {a}", {"a": tuple(map(str, range(11)))}) == "get 0 1 2 3 4 5 6 7 8 9"


@pytest.mark.parametrize(
    "value", [None, (), "", NASTY, "--kubeconfig=/tmp/x", ("ok", "-x"), "x" * 1_025]
)
def test_unusable_values_leave_the_command_out(value: Any) -> None:
    """A missing value, an option in disguise or a control character makes no command."""
    assert command("kubectl get pod {a}", {"a": value}) is None


@pytest.mark.parametrize(
    ("template", "value", "line"),
    [
        ("logs --query '{a}'", "abc-1", "logs --query 'abc-1'"),
        ("logs --query '{a}'", "$(reboot)", None),
        ('logs --query "{a}"', "$(reboot)", None),
        ("logs 'x' {a}", "$(reboot)", "logs 'x' '$(reboot)'"),
        ("logs it\\'s {a}", "$(reboot)", "logs it\\'s '$(reboot)'"),
    ],
)
def test_quotes_of_the_template_are_respected(template: str, value: str, line: str | None) -> None:
    """A value that needs quotes is never put inside quotes."""
    assert command(template, {"a": value}) == line
