"""Live lists: read from S3 and SSM, again after a while, and never lost."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from moto import mock_aws

from ekswatch.aws import clients, live_lists
from ekswatch.aws.live_lists import AGAIN_SECONDS, MAX_VALUES, LiveList, LiveLists, values_of

S3 = ("tor_exits", "s3://intel/tor.txt")
SSM = ("threat_addresses", "ssm:/intel/bad")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"):
        monkeypatch.setenv(f"AWS_{name}", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with mock_aws():
        clients.forget()
        place = {"LocationConstraint": "eu-central-1"}
        clients.client("s3").create_bucket(Bucket="intel", CreateBucketConfiguration=place)
        yield
    clients.forget()


def put(text: str) -> None:
    clients.client("s3").put_object(Bucket="intel", Key="tor.txt", Body=text.encode())


@pytest.mark.usefixtures("aws")
def test_both_kinds_of_source_are_read() -> None:
    """With the age that AWS knows."""
    put("# exits\n192.0.2.1  # one\n198.51.100.0/24, 192.0.2.1\n")
    clients.client("ssm").put_parameter(Name="/intel/bad", Value="203.0.113.9", Type="SecureString")

    tor, bad = LiveLists([S3, SSM]).current()

    assert (tor.values, tor.problem) == (("192.0.2.1", "198.51.100.0/24"), "")
    assert bad.values == ("203.0.113.9",)
    assert tor.age_hours(datetime.now(UTC)) == bad.age_hours(datetime.now(UTC)) == 0
    assert tor.age_hours(datetime.now(UTC) + timedelta(hours=30)) == 30


@pytest.mark.usefixtures("aws")
def test_a_source_is_asked_again_after_a_while() -> None:
    """Not before."""
    put("192.0.2.1")
    clock = Clock()
    lists = LiveLists([S3], clock=clock)
    lists.current()
    put("192.0.2.2")

    seen = []
    for clock.now in (AGAIN_SECONDS - 1, AGAIN_SECONDS):
        seen.append(lists.current()[0].values)

    assert seen == [("192.0.2.1",), ("192.0.2.2",)]


@pytest.mark.usefixtures("aws")
def test_what_cannot_be_read_keeps_what_was_read() -> None:
    """And says why; an empty list would match nothing, so it is no list."""
    put("192.0.2.1")
    clock = Clock()
    lists = LiveLists([S3, SSM], clock=clock)
    lists.current()
    put("# nothing today")
    clock.now = AGAIN_SECONDS

    tor, bad = lists.current()

    assert tor.values == ("192.0.2.1",)
    assert "no values" in tor.problem
    assert (bad.values, bad.age_hours(datetime.now(UTC))) == ((), None)
    assert "ParameterNotFound" in bad.problem


@pytest.mark.usefixtures("aws")
def test_an_object_that_is_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """One byte more than the limit."""
    put("192.0.2.1")
    monkeypatch.setattr(live_lists, "MAX_BYTES", 9)
    assert LiveLists([S3]).current()[0].problem == ""
    monkeypatch.setattr(live_lists, "MAX_BYTES", 8)

    assert "larger than 8 bytes" in LiveLists([S3]).current()[0].problem


def test_the_number_of_values_is_bounded() -> None:
    """Each value is one look-up in memory."""
    assert len(values_of("\n".join(map(str, range(MAX_VALUES))))) == MAX_VALUES
    with pytest.raises(ValueError, match="more than"):
        values_of("\n".join(map(str, range(MAX_VALUES + 1))))


def test_no_sources_ask_nobody() -> None:
    """Without live lists no client is made."""
    assert LiveLists([]).current() == ()
    assert LiveList("x", "s3://a/b").values == ()
