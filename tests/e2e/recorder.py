"""Recorder: stands between the functions and AWS, passes every call on, and notes who asked what.

Only the functions are told of it, so what the deployer does is not among the calls.
"""

import http.client
import json
import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import sha256
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import botocore.exceptions
import botocore.session
from botocore.model import OperationModel

from tests.e2e.local_aws import Endpoints
from tests.loopback import serving

TIMEOUT_SECONDS = 60
PER_CONNECTION = {"connection", "content-length", "keep-alive", "transfer-encoding"}
"""Headers that are between two parties and not passed on."""
METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
CREDENTIAL = re.compile(r"Credential=([^/]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")
LABEL = re.compile(r"\{(\w+)(\+?)\}")


class UnknownCall(Exception):  # noqa: N818  # read as a fact
    """A request that is no signed call of an AWS operation that botocore knows."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call. `service` is the name that it was signed for; `status` that of the answer.

    `parameters` are those of the API: of the body, the path and the query, as they were sent.
    """

    access_key: str
    region: str
    service: str
    operation: str
    parameters: Mapping[str, Any]
    status: int = 0

    def __str__(self) -> str:
        return f"{self.service} {self.operation}"


@dataclass
class Recorder:
    """Keeps the calls of all who were told of it; `strange` are requests that are no calls."""

    calls: list[Call] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)

    @contextmanager
    def between(self, endpoints: Endpoints) -> Iterator[Endpoints]:
        """Stand before both endpoints; what is passed on goes over TLS where they have it."""
        trusted = str(endpoints.certificate)
        with ExitStack() as opened:
            aws = opened.enter_context(self.before(endpoints.aws, trusted=trusted))
            hub = opened.enter_context(self.before(endpoints.security_hub))
            yield replace(endpoints, aws=aws, security_hub=hub)

    @contextmanager
    def before(self, upstream: str, *, trusted: str | None = None) -> Iterator[str]:
        """Stand before one endpoint, and say where. `trusted` is the file of its certificate."""
        with serving(_handler(self, upstream, trusted)) as address:
            yield f"http://{address}"

    def note(self, request: "Request", status: int) -> None:
        """Keep what a request asked for and how it was answered."""
        try:
            self.calls.append(replace(call(request), status=status))
        except UnknownCall as error:
            self.strange.append(str(error))


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request as it came in."""

    method: str
    target: str
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes

    def __str__(self) -> str:
        return f"{self.method} {self.target}"


def session_key(*, function: str, role: str) -> str:
    """The access key ID that MiniStack gives a function, made from its ARN and its role's.

    Source: MiniStack 1.5.33 with AUTH, `ministack.core.lambda_runtime.execution_credentials`.
    """
    return f"ASIA{sha256(f'{function}:{role}'.encode()).hexdigest()[:16].upper()}"


def call(request: Request) -> Call:
    """What a signed request asks for.

    Raises: UnknownCall.
    """
    signed = CREDENTIAL.search(request.headers.get("authorization", ""))
    if signed is None:
        raise UnknownCall(f"{request} is not signed")
    access_key, region, service = signed.groups()
    operation, parameters = _asked(request, service)
    return Call(access_key, region, service, operation, parameters)


def _asked(request: Request, service: str) -> tuple[str, Mapping[str, Any]]:
    """Operation and parameters, by the protocol that shows in the request.

    Source: Smithy, "AWS protocols".
    """
    if target := request.headers.get("x-amz-target"):
        return target.rpartition(".")[2], json.loads(request.body or b"{}")
    if rpc := re.fullmatch(r"/service/\w+/operation/(\w+)", urlsplit(request.target).path):
        return rpc[1], {}
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        form = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        return form.pop("Action"), form
    return _of_rest(request, service)


def _of_rest(request: Request, service: str) -> tuple[str, Mapping[str, Any]]:
    """The operation whose method, path and fixed query fit, the most exact one."""
    target = urlsplit(request.target)
    asked = dict(parse_qsl(target.query, keep_blank_values=True))
    given = asked.items() | {(name, None) for name in (*asked, *request.headers)}
    fitting = [
        (len(route.needs), len(route.literal), route, found)
        for route in _routes(service)
        if route.method == request.method
        and route.needs <= given
        and (found := route.path.fullmatch(target.path))
    ]
    if not fitting:
        raise UnknownCall(f"{request} is no operation of {service}")
    *_, route, found = max(fitting, key=lambda one: one[:2])
    labels = {name: unquote(value) for name, value in found.groupdict().items()}
    content = request.headers.get("content-type", "")
    body = json.loads(request.body) if request.body and "json" in content else {}
    return route.operation, asked | body | labels


@dataclass(frozen=True, slots=True)
class _Route:
    """How the requests of an operation look.

    `needs` are names in the query or of headers, with the value where it is fixed.
    """

    operation: str
    method: str
    path: re.Pattern[str]
    literal: str
    needs: frozenset[tuple[str, str | None]]

    @classmethod
    def of(cls, model: OperationModel) -> "_Route":
        path, _, query = model.http["requestUri"].partition("?")
        between = LABEL.split(path.rstrip("/") or "/")  # text, name, "+" or "", text, ...
        pattern = re.escape(between[0])
        for name, greedy, text in zip(between[1::3], between[2::3], between[3::3], strict=True):
            pattern += f"(?P<{name}>{'.+' if greedy else '[^/]+'}){re.escape(text)}"
        return cls(
            model.name,
            model.http["method"],
            re.compile(f"{pattern}/?"),
            "".join(between[::3]),
            frozenset([*parse_qsl(query, keep_blank_values=True), *_required(model)]),
        )


def _required(model: OperationModel) -> Iterator[tuple[str, None]]:
    """What an operation cannot be called without, in its query and headers."""
    if model.input_shape is None:
        return
    for name in model.input_shape.required_members:
        where = model.input_shape.members[name].serialization
        match where.get("location"):
            case "header":
                yield where["name"].lower(), None
            case "querystring":
                yield where["name"], None


@lru_cache
def _routes(service: str) -> tuple[_Route, ...]:
    """The routes of a REST service. S3 is called with the bucket in the path, on a bare address."""
    try:
        model = botocore.session.get_session().get_service_model(service)
    except botocore.exceptions.UnknownServiceError:
        raise UnknownCall(f"{service} is no service of botocore") from None
    return tuple(_Route.of(model.operation_model(name)) for name in model.operation_names)


def _handler(
    recorder: Recorder, upstream: str, trusted: str | None
) -> type[BaseHTTPRequestHandler]:
    """A request handler that passes requests on to `upstream`."""
    target = urlsplit(upstream)

    def connection() -> http.client.HTTPConnection:
        if target.scheme == "https":
            context = ssl.create_default_context(cafile=trusted)
            return http.client.HTTPSConnection(
                target.netloc, timeout=TIMEOUT_SECONDS, context=context
            )
        return http.client.HTTPConnection(target.netloc, timeout=TIMEOUT_SECONDS)

    class Handler(BaseHTTPRequestHandler):
        """One connection of a function, and the one that its requests are passed on by."""

        protocol_version = "HTTP/1.1"
        upstream: http.client.HTTPConnection

        def setup(self) -> None:
            super().setup()
            self.upstream = connection()

        def finish(self) -> None:
            self.upstream.close()
            super().finish()

        def handle_call(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            # The signature covers the host that the function called: it stays.
            self.upstream.putrequest(
                self.command, self.path, skip_host=True, skip_accept_encoding=True
            )
            for name, value in self.headers.items():
                if name.lower() not in PER_CONNECTION:
                    self.upstream.putheader(name, value)
            self.upstream.putheader("Content-Length", str(len(body)))
            self.upstream.endheaders(body)
            answer = self.upstream.getresponse()
            content = answer.read()
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, self.path, headers, body)
            recorder.note(request, answer.status)
            self._answer(answer, content)

        def _answer(self, answer: http.client.HTTPResponse, content: bytes) -> None:
            self.send_response_only(answer.status, answer.reason)
            for name, value in answer.getheaders():
                if name.lower() not in PER_CONNECTION:
                    self.send_header(name, value)
            length = answer.getheader("Content-Length") if self.command == "HEAD" else None
            self.send_header("Content-Length", length or str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Quiet: the calls are kept."""

    for method in METHODS:
        setattr(Handler, f"do_{method}", Handler.handle_call)
    return Handler
