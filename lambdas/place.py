"""Where a function runs, read from what Lambda tells it about itself."""

from typing import Protocol

from ekswatch.findings.finding import Scope

UNNAMED = "unknown"
"""The cluster of findings whose payload lost the name of its log group."""


class Context(Protocol):
    """What the functions use of Lambda's context object."""

    @property
    def invoked_function_arn(self) -> str: ...
    @property
    def log_stream_name(self) -> str: ...


def scope(context: Context, cluster: str) -> Scope:
    """The scope of a cluster's findings: partition, Region and account are the function's.

    A damaged payload may not name its cluster; Security Hub takes no finding without a name.
    """
    _, partition, _, region, account, *_ = context.invoked_function_arn.split(":")
    return Scope(partition=partition, account=account, region=region, cluster=cluster or UNNAMED)


def environment(context: Context) -> str:
    """A name for this execution environment that a log stream can have.

    Lambda gives each one a log stream of its own, `2026/11/20/[$LATEST]<32 digits>`.
    """
    return context.log_stream_name.rpartition("]")[2].replace(":", "-").replace("*", "-")
