"""Clusters: which ones a deployment watches. By name, all there are, or those with a tag."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from infra.tags import tag_problem

ALL = "all"
TAG = "tag:"
MAX_CLUSTERS = 30
"""Each cluster adds up to 650 bytes to the stream function's policy, which may have 20 KB.
Where clusters are found at run time, one permission serves all of them."""

EKS_LOG_GROUP = re.compile(r"/aws/eks/([^/]+)/cluster")
CLUSTER_NAME = re.compile(r"[0-9A-Za-z][A-Za-z0-9_-]{0,99}")
"""Source: the Amazon EKS API reference, CreateCluster, `name`."""


@dataclass(frozen=True, slots=True)
class Names:
    """These clusters: the stack subscribes each of them."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return ",".join(self.names)


@dataclass(frozen=True, slots=True)
class All:
    """Every cluster of the account and Region, those to come included."""

    def __str__(self) -> str:
        return ALL


@dataclass(frozen=True, slots=True)
class Tagged:
    """Every cluster of the account and Region that carries this tag, those to come included."""

    key: str
    value: str

    def __str__(self) -> str:
        return f"{TAG}{self.key}={self.value}"


Clusters = Names | All | Tagged
"""`str` of each is what the operator writes, and what the functions are told."""


def read_clusters(value: Any) -> Clusters:
    """The clusters that `prod,staging`, a list of names, `all` or `tag:key=value` stands for.

    Raises: ValueError, naming everything that is none of these.
    """
    if isinstance(value, Names | All | Tagged):
        return value
    words = _words(value)
    if not words:
        raise ValueError(
            f"names no cluster, for example -c clusters=prod,staging or -c clusters={ALL}"
        )
    if words == [ALL]:
        return All()
    if alone := [word for word in words if word == ALL or word.startswith(TAG)]:
        if len(words) > 1:
            raise ValueError(f"{alone[0]!r} stands for many clusters, give it alone")
        return _tagged(words[0])
    return _names(words)


def _words(value: Any) -> list[str]:
    if isinstance(value, str):
        return [word.strip() for word in value.split(",") if word.strip()]
    if isinstance(value, Sequence) and all(isinstance(word, str) for word in value):
        return list(value)
    raise ValueError(f"{value!r} is neither text nor a list of names, for example prod,staging")


def _tagged(word: str) -> Tagged:
    key, equals, value = word.removeprefix(TAG).partition("=")
    if not equals:
        raise ValueError(f"{word!r} has no value, write {TAG}{key or 'key'}=value")
    if problem := tag_problem(key, value):
        raise ValueError(problem)
    return Tagged(key, value)


def _names(words: list[str]) -> Names:
    problems = [problem for word in words if (problem := _name_problem(word))]
    if len(words) > MAX_CLUSTERS:
        problems.append(
            f"names {len(words)} clusters and one stack takes {MAX_CLUSTERS}:"
            f" deploy the others with another -c stack_name=..., or give -c clusters={ALL}"
        )
    problems.extend(twice(words))
    if problems:
        raise ValueError("; ".join(problems))
    return Names(tuple(words))


def _name_problem(name: str) -> str:
    if CLUSTER_NAME.fullmatch(name):
        return ""
    if group := EKS_LOG_GROUP.fullmatch(name):
        return f"{name!r} is a log group, give the cluster's name: {group[1]}"
    if name.startswith("/"):
        return (
            f"{name!r} is not the log group of an EKS cluster. Only those are subscribed: a group"
            " that ekswatch writes to itself would feed it its own output without end"
        )
    return (
        f"{name!r} is not the name of an EKS cluster: letters, digits, '-' and '_', a letter or"
        " digit first, at most 100 characters"
    )


def twice(words: Sequence[str]) -> Iterable[str]:
    """What to say of words that stand there more than once."""
    if repeated := sorted({word for word in words if words.count(word) > 1}):
        yield f"{', '.join(repeated)} stands there twice"
