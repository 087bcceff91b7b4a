"""Container image names in full: the registry that a short name leaves out."""

DOCKER_HUB = "docker.io"
HUB_ALIASES = frozenset(
    {"index.docker.io", "mirror.gcr.io", "registry-1.docker.io", "registry.hub.docker.com"}
)
"""Hosts that serve Docker Hub's images under the same names; mirror.gcr.io is Google's cache."""


def repository(image: str) -> str:
    """Return the image without tag and digest, registry included.

    `nginx:1.25` is `docker.io/library/nginx`; an empty text stays empty.
    Source: the reference grammar of github.com/distribution/reference.
    """
    name = _without_version(image)
    if not name:
        return ""
    host, path = _split(name)
    if host == DOCKER_HUB and "/" not in path:
        path = f"library/{path}"
    return f"{host}/{path}"


def registry(image: str) -> str:
    """Return the host (and port) of the registry that the image comes from."""
    name = _without_version(image)
    return _split(name)[0] if name else ""


def _without_version(image: str) -> str:
    name = image.strip().partition("@")[0]
    head, slash, last = name.rpartition("/")
    return head + slash + last.partition(":")[0]


def _split(name: str) -> tuple[str, str]:
    host, slash, path = name.partition("/")
    is_host = slash and ("." in host or ":" in host or host == "localhost")
    if not is_host:
        return DOCKER_HUB, name
    return (DOCKER_HUB if host in HUB_ALIASES else host), path
