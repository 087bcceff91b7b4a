"""Gunzip that keeps what could be read."""

import gzip
import os

import pytest

from ekswatch.audit.inflate import FEED_BYTES, STEP_BYTES, GzipError, inflate

TEXT = os.urandom(40_000).hex().encode()
DATA = gzip.compress(TEXT)


def read(*chunks: bytes) -> tuple[bytes, str]:
    """What came out, and the error that ended it."""
    out = b""
    try:
        for part in inflate(chunks):
            out += part
    except GzipError as error:
        return out, str(error)
    return out, ""


@pytest.mark.parametrize(
    "chunks",
    [
        [DATA],
        [DATA[:1], DATA[1:9], DATA[9:]],
        [gzip.compress(TEXT[:100]), gzip.compress(TEXT[100:])],
        [gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:])],
        [DATA, b"\0" * 512],
        [DATA + b"\0" * 512],
    ],
    ids=["one", "split", "members", "members in one", "padding", "padding in one"],
)
def test_members_chunks_and_padding_make_no_difference(chunks: list[bytes]) -> None:
    """Concatenated gzip is one stream; zero bytes behind it are nothing."""
    assert read(*chunks) == (TEXT, "")


def test_truncated_data_yields_what_was_there() -> None:
    """The error comes after it."""
    out, error = read(DATA[: len(DATA) // 2])

    assert error == "truncated gzip"
    assert len(out) > len(TEXT) // 3
    assert TEXT.startswith(out)


def test_a_wrong_checksum_costs_only_the_last_feed() -> None:
    """What was decompressed before the error is kept."""
    broken = bytearray(DATA)
    broken[-6] ^= 1

    out, error = read(bytes(broken))

    assert error == "corrupt gzip"
    assert TEXT.startswith(out)
    assert len(out) >= len(TEXT) - 3 * FEED_BYTES


@pytest.mark.parametrize("data", [b"text, not gzip", DATA + b"garbage behind it all"])
def test_what_is_not_gzip_is_corrupt(data: bytes) -> None:
    """Garbage behind a member too."""
    assert read(data)[1] == "corrupt gzip"


def test_output_comes_in_bounded_steps() -> None:
    """A bomb can be stopped before it unfolds."""
    bomb = gzip.compress(b"\0" * (8 * STEP_BYTES))

    assert max(len(part) for part in inflate([bomb])) <= STEP_BYTES
