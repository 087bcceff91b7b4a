"""Escaping: no character that a sink interprets gets through, and none is lost silently."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekswatch.findings.escape import mail, terminal
from tests.findings.examples import NASTY

HIDDEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
anything = st.text(st.characters(categories=None), max_size=60)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, with ünïcödé 字", "plain, with ünïcödé 字"),
        ("a\tb\r\nc", "a\\tb\\r\\nc"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("\U000e0041tag", "\\U000e0041tag"),
        ("\ud800", "\\ud800"),
    ],
)
def test_hidden_characters_are_spelled_out(text: str, shown: str) -> None:
    """Control, bidi, format and half characters are visible; all others stay."""
    assert terminal(text) == shown


@given(anything)
def test_nothing_that_a_terminal_interprets_remains(text: str) -> None:
    """The result is one printable line that can be encoded, and escaping it again is harmless."""
    shown = terminal(text)

    assert not {unicodedata.category(c) for c in shown} & HIDDEN
    assert shown.isprintable()
    assert shown.encode().decode() == shown
    assert terminal(shown) == shown


@given(st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=40))
def test_printable_text_is_left_alone(text: str) -> None:
    """Names in any script read as they were written."""
    assert terminal(text) == text


@given(anything | st.just(NASTY))
def test_a_mail_has_no_links_from_strangers(text: str) -> None:
    """What a mail client would turn into a link is broken up, and there is no line break."""
    shown = mail(text)

    assert "://" not in shown
    assert "www." not in shown.lower()
    assert len(shown.splitlines()) <= 1


def test_broken_links_stay_readable() -> None:
    """A person still sees which address it was."""
    assert mail("see https://evil.example") == "see https[:]//evil.example"
    assert mail("WWW.evil.example") == "WWW[.]evil.example"
