"""The Runtime API that a Lambda execution environment polls, for one function in one process.

Source: AWS Lambda developer guide, "Using the Lambda runtime API for custom runtimes".
"""

import json
import queue
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any, Self

from tests.loopback import serving

ROOT = "/2018-06-01/runtime"
NEXT = f"{ROOT}/invocation/next"
INIT_ERROR = f"{ROOT}/init/error"
TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the runtime client posted: `kind` is `response`, `error` or `init/error`.

    The body of an error has `errorType` and `errorMessage`.
    """

    kind: str
    body: Any


class Silent(AssertionError):  # noqa: N818  # read as a fact
    """The runtime client ended, or said nothing in time."""


class RuntimeApi:
    """Hands out events to whoever polls, and keeps what is answered.

    `arn` is that of the function that is said to be invoked. `address` is the value of
    AWS_LAMBDA_RUNTIME_API.
    """

    def __init__(self, arn: str) -> None:
        self._arn = arn
        self._events: queue.Queue[bytes | None] = queue.Queue()
        self._answers: queue.Queue[Answer] = queue.Queue()
        self.address = ""

    @classmethod
    @contextmanager
    def serving(cls, arn: str) -> Iterator[Self]:
        api = cls(arn)
        with serving(_handler(api)) as api.address:
            yield api
            api._events.put(None)  # whoever still polls is let go

    def invoke(self, event: Any) -> Answer:
        """Hand out an event and wait for what becomes of it.

        Raises: Silent.
        """
        self._events.put(json.dumps(event).encode())
        return self.answer()

    def answer(self) -> Answer:
        """Raises: Silent."""
        try:
            return self._answers.get(timeout=TIMEOUT_SECONDS)
        except queue.Empty:
            raise Silent(f"no answer within {TIMEOUT_SECONDS:.0f} s") from None

    def next_event(self) -> bytes | None:
        """The next event, waited for; None when there will be none."""
        return self._events.get()

    def headers(self) -> Mapping[str, str]:
        """What goes with an event."""
        return {
            "Lambda-Runtime-Aws-Request-Id": str(uuid.uuid4()),
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + TIMEOUT_SECONDS) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": self._arn,
            "Lambda-Runtime-Trace-Id": f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]}",
        }

    def keep(self, answer: Answer) -> None:
        self._answers.put(answer)


def _handler(api: RuntimeApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            event = api.next_event() if self.path == NEXT else None
            if event is None:
                self._send(404, b"")
            else:
                self._send(200, event, api.headers())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kind = "init/error" if self.path == INIT_ERROR else self.path.rpartition("/")[2]
            self._send(202, b'{"status":"OK"}')
            api.keep(Answer(kind, json.loads(body)))

        def log_message(self, *_: object) -> None:
            """Quiet: the tests' output is what matters."""

        def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
