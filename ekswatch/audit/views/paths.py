"""Paths on a node, in one spelling."""

from posixpath import normpath


def clean_path(path: str) -> str:
    """Return the path without trailing slash, double slashes and dot segments.

    `/var//run/../run/` is `/var/run`; an empty text stays empty.
    """
    return "/" + normpath(path).lstrip("/") if path.startswith("/") else path and normpath(path)
