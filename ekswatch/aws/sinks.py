"""Sinks: where findings are delivered. Every one is tried; what fails is raised together.

DeliveryFailed                all that went wrong in one invocation
└── NotDelivered              one sink, with every finding it did not take
    └── Rejected              one finding, with the code and the words of the service
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ekswatch.findings.finding import Finding

Sink = Callable[[Sequence["Finding"]], None]
"""Delivers findings, or raises `NotDelivered` naming each one that was not taken."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """One finding that a service did not take: its ID, the service's code and message."""

    finding: str
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.finding} ({self.code}: {self.message})"


class NotDelivered(Exception):  # noqa: N818  # read as a fact
    """A sink did not take some findings; the message lists every one."""

    def __init__(self, sink: str, rejected: Sequence[Rejected]) -> None:
        self.sink = sink
        self.rejected = tuple(rejected)
        super().__init__(
            f"{sink} did not take {len(self.rejected)}: {'; '.join(map(str, rejected))}"
        )


class DeliveryFailed(ExceptionGroup[Exception]):
    """Some steps failed after all were tried; the message holds what each one said."""


def deliver(findings: Sequence["Finding"], sinks: Mapping[str, Sink]) -> None:
    """Give the findings to every sink.

    Raises: DeliveryFailed, with the failures of all sinks.
    """
    attempt({name: partial(sink, findings) for name, sink in sinks.items()})


def attempt(steps: Mapping[str, Callable[[], None]]) -> None:
    """Run every step, in order, whatever the ones before it did.

    Raises: DeliveryFailed, with the failures of all steps; nested ones are flattened.
    """
    said: list[str] = []
    failures: list[Exception] = []
    for name, step in steps.items():
        try:
            step()
        except DeliveryFailed as group:
            said.append(group.message)
            failures += group.exceptions
        except NotDelivered as error:
            said.append(str(error))
            failures.append(error)
        except Exception as error:  # one sink must not keep the findings from the next
            said.append(f"{name}: {type(error).__name__}: {error}")
            failures.append(error)
    if failures:
        raise DeliveryFailed("; ".join(said), failures)
