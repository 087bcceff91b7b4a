"""Quiet: an event handed in again by a person, whose findings are delivered without messages.

The mark is a key of the event itself. CloudWatch Logs and EventBridge never send it, and who
writes log lines fills `awslogs.data` only: nobody can set it who may not invoke the function.
"""

from collections.abc import Mapping
from typing import Any

KEY = "ekswatch"
NOTIFY = "notify"


def quietly(event: Mapping[str, Any]) -> dict[str, Any]:
    """The event, to be judged as ever, but for messages."""
    return {**aloud(event), KEY: {NOTIFY: False}}


def aloud(event: Mapping[str, Any]) -> dict[str, Any]:
    """The event as AWS sent it, whatever mark it carries."""
    return {key: value for key, value in event.items() if key != KEY}


def is_quiet(event: Mapping[str, Any]) -> bool:
    """Whether the event carries exactly the mark; anything else is not quiet."""
    mark = event.get(KEY)
    return isinstance(mark, Mapping) and mark.get(NOTIFY) is False
