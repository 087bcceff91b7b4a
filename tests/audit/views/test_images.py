"""Image names in full."""

import pytest

from ekswatch.audit.views.images import registry, repository


@pytest.mark.parametrize(
    ("image", "full", "host"),
    [
        ("nginx", "docker.io/library/nginx", "docker.io"),
        ("nginx:1.25", "docker.io/library/nginx", "docker.io"),
        ("bitnami/nginx", "docker.io/bitnami/nginx", "docker.io"),
        ("docker.io/nginx", "docker.io/library/nginx", "docker.io"),
        ("index.docker.io/a/b:1", "docker.io/a/b", "docker.io"),
        ("quay.io/a/b@sha256:0123", "quay.io/a/b", "quay.io"),
        ("quay.io/a/b:v1@sha256:0123", "quay.io/a/b", "quay.io"),
        ("localhost/a", "localhost/a", "localhost"),
        ("registry:5000/a:2", "registry:5000/a", "registry:5000"),
        ("1.dkr.ecr.eu-west-1.amazonaws.com/x:y", "1.dkr.ecr.eu-west-1.amazonaws.com/x",
         "1.dkr.ecr.eu-west-1.amazonaws.com"),
        ("", "", ""),
    ],
)  # fmt: skip
def test_a_short_name_is_written_out(image: str, full: str, host: str) -> None:
    """Rules compare prefixes, so every image needs its registry."""
    assert repository(image) == full
    assert registry(image) == host
