"""Gunzip in steps of bounded size, keeping what could be read when the data is damaged."""

from collections.abc import Iterable, Iterator

from isal import isal_zlib

GZIP_MAGIC = b"\x1f\x8b"

FEED_BYTES = 8 * 1024

STEP_BYTES = 1024 * 1024
GZIP = 31
"""The window size that tells zlib to expect a gzip header and trailer."""


class GzipError(ValueError):
    """The data is not gzip, or is cut or corrupt. Raised after all that could be read."""


def inflated_at_once(packed: bytes, limit_bytes: int) -> bytes | None:
    """Return the data of one sound gzip member; None for anything else, or beyond the limit."""
    stream = isal_zlib.decompressobj(GZIP)
    try:
        data = stream.decompress(packed, limit_bytes)
    except isal_zlib.error:  # type: ignore[misc]  # the stub calls it an instance
        return None
    return data if stream.eof and not stream.unused_data else None


def inflate(chunks: Iterable[bytes], *, feed_bytes: int = FEED_BYTES) -> Iterator[bytes]:
    """Yield the decompressed data of one or more gzip members, at most 1 MiB at a time.

    Zero bytes after a member are padding. An error costs the output of the `feed_bytes` of
    input that it was met in. Raises: GzipError.
    """
    stream = isal_zlib.decompressobj(GZIP)
    for feed in _feeds(chunks, feed_bytes):
        data = feed
        while data:
            if stream.eof:
                data = data.lstrip(b"\0")
                stream = isal_zlib.decompressobj(GZIP) if data else stream
            yield from _outputs(stream, data)
            data = stream.unused_data if data else b""
    if not stream.eof:
        raise GzipError("truncated gzip")


def _feeds(chunks: Iterable[bytes], feed_bytes: int) -> Iterator[bytes]:
    for chunk in chunks:
        for start in range(0, len(chunk), feed_bytes):
            yield chunk[start : start + feed_bytes]


def _outputs(stream: "isal_zlib.Decompress", data: bytes) -> Iterator[bytes]:
    while data and not stream.eof:
        try:
            out = stream.decompress(data, STEP_BYTES)
        except isal_zlib.error as error:  # type: ignore[misc]  # the stub calls it an instance
            raise GzipError("corrupt gzip") from error
        if out:
            yield out
        data = stream.unconsumed_tail
