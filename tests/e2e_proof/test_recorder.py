"""What the recorder reads from the requests that an AWS SDK really sends, and that it passes on."""

import http.client
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

import botocore.session
import pytest
from botocore.awsrequest import AWSPreparedRequest

from tests.e2e.recorder import Call, Recorder, Request, UnknownCall, call, session_key
from tests.loopback import serving

KEY, REGION = "ASIA0123456789ABCDEF", "eu-central-1"
NOWHERE = "http://127.0.0.1:1"
FINDING = {
    **dict.fromkeys(("SchemaVersion", "Id", "GeneratorId", "AwsAccountId", "Title"), "x"),
    **dict.fromkeys(("CreatedAt", "UpdatedAt", "Description"), "x"),
    "ProductArn": "arn:aws:securityhub:eu-central-1:111122223333:product/111122223333/default",
    "Resources": [{"Type": "Other", "Id": "x"}],
}


class Caught(Exception):  # noqa: N818  # it is no error
    """A request on its way out."""

    def __init__(self, request: AWSPreparedRequest) -> None:
        self.request = request
        super().__init__(request.url)


def client(service: str, endpoint: str) -> Any:
    return botocore.session.Session().create_client(
        service,
        region_name=REGION,
        endpoint_url=endpoint,
        aws_access_key_id=KEY,
        aws_secret_access_key="secret",
    )


def sent(service: str, operation: str, parameters: Mapping[str, Any]) -> Request:
    """The request that botocore makes, caught before it is sent."""

    def catch(request: AWSPreparedRequest, **_: Any) -> None:
        raise Caught(request)

    caller = client(service, NOWHERE)
    caller.meta.events.register("before-send", catch)
    with pytest.raises(Caught) as caught:
        getattr(caller, operation)(**parameters)
    request = caught.value.request
    body = request.body.read() if hasattr(request.body, "read") else request.body or b""
    return Request(
        request.method,
        request.url.removeprefix(NOWHERE),
        {name.lower(): _text(value) for name, value in request.headers.items()},
        body.encode() if isinstance(body, str) else bytes(body),
    )


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


LINES = [{"timestamp": 1, "message": "x"}]
OBJECT = {"Bucket": "intel", "Key": "a b/ü+c.txt"}
PART = {"UploadId": "u", "PartNumber": 1}
NOT_KEPT = {"Body", "Payload", "CopySource", *PART}
"""Bodies that are no JSON, and what the query and the headers call otherwise."""


@pytest.mark.parametrize(
    ("service", "method", "parameters"),
    [
        # JSON with a target
        ("logs", "put_log_events", {"logGroupName": "g", "logStreamName": "s", "logEvents": LINES}),
        ("dynamodb", "get_item", {"TableName": "t", "Key": {"pk": {"S": "a"}}}),
        ("dynamodb", "batch_get_item", {"RequestItems": {"t": {"Keys": [{"pk": {"S": "a"}}]}}}),
        ("ssm", "get_parameter", {"Name": "/intel/bad"}),
        # a form
        ("sns", "publish", {"TopicArn": "arn:t", "Message": "a&b=c"}),
        # methods and paths
        ("securityhub", "batch_import_findings", {"Findings": [FINDING]}),
        ("securityhub", "get_findings", {}),
        ("eks", "list_clusters", {}),
        ("eks", "describe_cluster", {"name": "prod"}),
        ("lambda", "invoke", {"FunctionName": "f", "Payload": b"{}"}),
        ("s3", "get_object", OBJECT),
        ("s3", "head_object", OBJECT),
        ("s3", "put_object", {**OBJECT, "Body": b"x"}),
        ("s3", "list_buckets", {}),
        # told apart by the query and by headers
        ("s3", "list_objects_v2", {"Bucket": "intel"}),
        ("s3", "get_object_tagging", OBJECT),
        ("s3", "upload_part", {**OBJECT, **PART, "Body": b"x"}),
        ("s3", "copy_object", {**OBJECT, "CopySource": "intel/other"}),
    ],
)
def test_what_the_sdk_asks_is_read(service: str, method: str, parameters: dict[str, Any]) -> None:
    """Caller, Region, operation and parameters, in each of the protocols."""
    asked = call(sent(service, method, parameters))

    assert (asked.access_key, asked.region, asked.service) == (KEY, REGION, service)
    assert asked.operation == client(service, NOWHERE).meta.method_to_api_mapping[method]
    for name in parameters.keys() - NOT_KEPT:
        assert asked.parameters[name] == parameters[name]


@pytest.mark.parametrize(
    ("method", "target", "headers", "said"),
    [
        ("GET", "/latest/meta-data", {}, "GET /latest/meta-data is not signed"),
        ("GET", "/no/such/path", "eks", "GET /no/such/path is no operation of eks"),
        ("GET", "/", "nosuchservice", "nosuchservice is no service of botocore"),
    ],
)
def test_what_is_no_call_is_said(method: str, target: str, headers: Any, said: str) -> None:
    """Nothing is guessed, and nothing is left out in silence."""
    if isinstance(headers, str):
        scope = f"{KEY}/20261120/{REGION}/{headers}/aws4_request"
        headers = {"authorization": f"AWS4-HMAC-SHA256 Credential={scope}, Signature=0"}

    with pytest.raises(UnknownCall, match=said):
        call(Request(method, target, headers, b""))


Answer = Callable[[str, bytes], tuple[int, bytes]]


@contextmanager
def upstream(answer: Answer) -> Iterator[tuple[str, list[tuple[str, dict[str, str], bytes]]]]:
    """A server with its address and what it was asked."""
    asked: list[tuple[str, dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked.append((self.path, dict(self.headers.items()), body))
            status, content = answer(self.path, body)
            self.send_response(status)
            self.send_header("x-amzn-RequestId", "r-1")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None: ...

    with serving(Handler) as address:
        yield f"http://{address}", asked


def test_a_call_passes_through_unchanged() -> None:
    """Headers, host and body go on as they were signed, and the answer comes back."""
    recorder = Recorder()
    with (
        upstream(lambda *_: (200, b'{"Item": {"pk": {"S": "a"}}}')) as (address, asked),
        recorder.before(address) as endpoint,
    ):
        answer = client("dynamodb", endpoint).get_item(TableName="t", Key={"pk": {"S": "a"}})

    ((path, headers, body),) = asked
    assert answer["Item"] == {"pk": {"S": "a"}}
    assert answer["ResponseMetadata"]["RequestId"] == "r-1"
    assert (path, headers["Host"]) == ("/", urlsplit(endpoint).netloc)
    assert json.loads(body)["TableName"] == "t"
    assert [(str(one), one.status) for one in recorder.calls] == [("dynamodb GetItem", 200)]


def test_a_refused_call_is_kept_with_its_status() -> None:
    """What AWS denied was asked for all the same."""
    recorder = Recorder()
    denied = json.dumps({"__type": "AccessDeniedException", "Message": "no"}).encode()
    with (
        upstream(lambda *_: (400, denied)) as (address, _),
        recorder.before(address) as endpoint,
        pytest.raises(Exception, match="AccessDenied"),
    ):
        client("logs", endpoint).start_query(startTime=0, endTime=1, queryString="x")

    assert recorder.calls == [
        Call(KEY, REGION, "logs", "StartQuery", recorder.calls[0].parameters, 400)
    ]


def test_what_is_no_call_passes_and_is_told() -> None:
    """A request that nobody signed reaches its goal and is on the list of strange ones."""
    recorder = Recorder()
    with upstream(lambda *_: (204, b"")) as (address, _), recorder.before(address) as endpoint:
        connection = http.client.HTTPConnection(urlsplit(endpoint).netloc)
        connection.request("POST", "/hello", b"x")
        status = connection.getresponse().status
        connection.close()

    assert (status, recorder.calls) == (204, [])
    assert recorder.strange == ["POST /hello is not signed"]


def test_the_key_of_a_function_is_that_of_its_role() -> None:
    """As MiniStack 1.5.33 itself makes it for these two."""
    key = session_key(
        function="arn:aws:lambda:us-east-1:000000000000:function:f",
        role="arn:aws:iam::000000000000:role/r",
    )

    assert key == "ASIA824F04C3A2D09E80"
