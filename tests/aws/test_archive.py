"""The rules of a deployed function come out of its archive, or the reason why they do not."""

from collections.abc import Iterator
from unittest.mock import patch

import pytest

from ekswatch.aws import archive as archives
from ekswatch.aws.archive import NotReadable, fetched, rules_of
from ekswatch.aws.stack import Function
from ekswatch.rules.ruleset import BadRuleset, dump
from tests.answers import Answers, answering
from tests.aws.archives import archive, serving
from tests.local.examples import RULESET

ADDRESS = "https://example.com/code.zip?X-Amz-Signature=secret"
FUNCTION = Function(
    name="stream",
    arn="arn:aws:lambda:eu-central-1:111122223333:function:stream",
    role_arn="arn:aws:iam::111122223333:role/stream",
    state="Active",
    reason="",
    environment={
        "EKSWATCH_RULESET": "ruleset.json",
        "EKSWATCH_SIGNALS_LOG_GROUP": "signals",
        "EKSWATCH_TABLE_NAME": "state",
    },
)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Answers]:
    """Lambda, which says where the archive lies."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with answering() as given:
        given.give("lambda", "GetFunction", {"Code": {"Location": ADDRESS}})
        yield given


@pytest.mark.usefixtures("answers")
def test_the_rules_of_an_archive() -> None:
    """Those that were compiled into it, fetched where Lambda says."""
    asked = []

    def fetch(url: str) -> bytes:
        asked.append(url)
        return archive(ruleset_json=dump(RULESET), stream_py=b"")

    assert rules_of(FUNCTION, fetch=fetch).hash == RULESET.hash
    assert asked == [ADDRESS]


@pytest.mark.usefixtures("answers")
@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"<html>", "there are no rules in the archive: File is not a zip file"),
        (archive(stream_py=b""), "there are no rules in the archive: .*ruleset.json"),
    ],
)
def test_an_archive_without_rules(body: bytes, why: str) -> None:
    """Its reader says what is there instead."""
    with pytest.raises(NotReadable, match=why):
        rules_of(FUNCTION, fetch=lambda _: body)


@pytest.mark.usefixtures("answers")
def test_rules_of_another_version() -> None:
    """They are named as what they are."""
    with pytest.raises(BadRuleset):
        rules_of(FUNCTION, fetch=lambda _: archive(ruleset_json=b'{"version": 0}'))


@pytest.mark.usefixtures("answers")
@pytest.mark.parametrize("room", [0, -1])
def test_rules_that_are_too_long(room: int) -> None:
    """One byte more than the limit is not unpacked."""
    rules = dump(RULESET)
    with patch.object(archives, "MAX_BYTES", len(rules) + room):
        if room < 0:
            with pytest.raises(NotReadable, match=f"the rules have {len(rules):,} bytes"):
                rules_of(FUNCTION, fetch=lambda _: archive(ruleset_json=rules))
        else:
            assert rules_of(FUNCTION, fetch=lambda _: archive(ruleset_json=rules))


def test_what_lies_at_an_address() -> None:
    """As bytes."""
    with serving(b"zip") as address:
        assert fetched(address) == b"zip"


def test_an_address_that_is_no_more() -> None:
    """Its status is told; a signature never is."""
    with serving(b"", status=403) as address, pytest.raises(NotReadable, match="HTTP status 403"):
        fetched(address)


def test_nobody_at_an_address() -> None:
    """What failed is told and where, but not what gives access."""
    with serving(b"") as address:
        pass
    with pytest.raises(NotReadable) as raised:
        fetched(f"{address}?X-Amz-Signature=secret")
    assert str(raised.value) == f"EndpointConnectionError at {address}"


def test_an_address_that_is_none_of_the_web() -> None:
    """Nothing but HTTP is asked."""
    with pytest.raises(NotReadable, match=r"lies at s3://bucket/key$"):
        fetched("s3://bucket/key?X-Amz-Signature=secret")
