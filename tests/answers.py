"""Answers of AWS that moto does not give: refusals, and operations that it lacks."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import botocore.loaders
import botocore.session
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError

from ekswatch.aws import clients

LOADER = botocore.loaders.create_loader()
"""One for all sessions: to read the descriptions of AWS's services takes a second each time."""

Give = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""From the parameters of a call, as they go over the wire, to the answer."""


@dataclass(slots=True)
class Answers:
    """What is answered instead of moto, by service and operation as boto3 names it."""

    _given: dict[tuple[str, str], Give] = field(default_factory=dict)
    asked: set[tuple[str, str]] = field(default_factory=set)
    """Every service and operation that was called, whoever answered."""

    def give(self, service: str, operation: str, answer: Mapping[str, Any] | Give) -> None:
        """Answer an operation, always the same or by its parameters."""
        self._given[service, operation] = answer if callable(answer) else lambda _: answer

    def refuse(self, service: str, operation: str, code: str, message: str = "") -> None:
        """Let an operation fail."""

        def refused(_: Mapping[str, Any]) -> Mapping[str, Any]:
            raise error(operation, code, message)

        self.give(service, operation, refused)

    def deny(self, service: str, operation: str, action: str) -> None:
        """Let an operation fail as it does for somebody who may not do it."""
        said = f"User: arn:aws:iam::1:user/jane is not authorized to perform: {action}"
        self.refuse(service, operation, "AccessDeniedException", said)

    def heal(self) -> None:
        """Answer nothing any more."""
        self._given.clear()

    def before(self, model: Any, params: Mapping[str, Any], **_: Any) -> Any:
        """Hook for botocore's event before-call."""
        call = (model.service_model.service_name, model.name)
        self.asked.add(call)
        give = self._given.get(call)
        return give and (AWSResponse("", 200, HTTPHeaders(), None), give(params))


def error(operation: str, code: str, message: str = "") -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {}}
    return ClientError(answer, operation)


@contextmanager
def answering() -> Iterator[Answers]:
    """Answers for every session that is made inside the `with` block, ours among them."""
    answers = Answers()
    made = botocore.session.get_session

    def get_session(*arguments: Any, **named: Any) -> botocore.session.Session:
        session = made(*arguments, **named)
        session.register_component("data_loader", LOADER)
        session.register("before-call.*.*", answers.before)
        return session

    with patch.object(botocore.session, "get_session", get_session):
        clients.forget()
        yield answers
    clients.forget()
