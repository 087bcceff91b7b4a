"""Lambda's asynchronous invocation, which moto does not have: retries, and records of failure.

Source: AWS Lambda developer guide, "Capturing records of Lambda asynchronous invocations".
"""

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch
from uuid import uuid4

from moto.awslambda.models import LambdaFunction

from tests.infra.deployment import client, run

VERSION = "$LATEST"


@contextmanager
def functions_run_as_lambda(environment: Mapping[str, str]) -> Iterator[None]:
    """Run a deployed function's handler in this process, as Lambda would run it.

    `environment` replaces what the template says. What the Invoke API calls is tried once and
    its failure reported; what CloudWatch Logs delivers is tried as often as the function's
    configuration says, and then kept where it says.
    """

    def invoke(function: Any, body: str, headers: Any, answer: Any) -> str:
        event, variables = json.loads(body), {**function.environment_vars, **environment}
        attempts = 1 if headers else 1 + _config(function)["MaximumRetryAttempts"]
        for _ in range(attempts):
            try:
                with redirect_stdout(io.StringIO()):
                    return json.dumps(run(function.handler, event, function, variables))
            except Exception as error:  # whatever a function raises, Lambda reports
                failure = {"errorMessage": str(error), "errorType": type(error).__name__}
        if headers:
            answer["x-amz-function-error"] = "Unhandled"
        else:
            keep(function.function_name, event, failure)
        return json.dumps(failure)

    with patch.object(LambdaFunction, "invoke", invoke):
        yield


def keep(function: str, event: Mapping[str, Any], failure: Mapping[str, str]) -> str:
    """Put the record of a failed event where the function's configuration says; its key."""
    found = client("lambda").get_function_configuration(FunctionName=function)
    now = datetime.now(UTC)
    record = {
        "version": "1.0",
        "timestamp": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "requestContext": {
            "requestId": str(uuid4()),
            "functionArn": f"{found['FunctionArn']}:{VERSION}",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "requestPayload": event,
        "responseContext": {
            "statusCode": 200,
            "executedVersion": VERSION,
            "functionError": "Unhandled",
        },
        "responsePayload": failure,
    }
    key = f"aws/lambda/async/{function}/{now:%Y/%m/%d/%Y-%m-%dT%H.%M.%S}-{uuid4()}"
    client("s3").put_object(Bucket=_bucket(function), Key=key, Body=json.dumps(record).encode())
    return key


def _config(function: Any) -> Any:
    return client("lambda").get_function_event_invoke_config(FunctionName=function.function_name)


def _bucket(function: str) -> str:
    config = client("lambda").get_function_event_invoke_config(FunctionName=function)
    return str(
        config["DestinationConfig"]["OnFailure"]["Destination"].removeprefix("arn:aws:s3:::")
    )
