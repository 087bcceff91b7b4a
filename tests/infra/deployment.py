"""The synthesised template deployed into moto, its functions run in this process."""

import importlib
import io
import json
import os
import sys
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from moto.awslambda.models import LambdaFunction
from moto.cloudformation.models import Stack

from tests.infra import moto_shims

ACCOUNT = "123456789012"
REGION = "us-east-1"
STACK = "ekswatch"
ASSETS = f"cdk-hnb659fds-assets-{ACCOUNT}-{REGION}"


class LambdaContext:
    """What Lambda passes beside the event, as far as Powertools and the handlers read it."""

    aws_request_id = "00000000-0000-0000-0000-000000000000"
    memory_limit_in_mb = 512
    function_version = "$LATEST"
    log_stream_name = "2026/11/20/[$LATEST]0123456789abcdef0123456789abcdef"

    def __init__(self, function_name: str, arn: str) -> None:
        self.function_name = function_name
        self.invoked_function_arn = arn

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 60_000


def deploy(template: Mapping[str, Any], clusters: Sequence[str], stack: str = STACK) -> None:
    """Create the stack, beside `clusters` with their audit logs as EKS would have made them.

    Raises: UserWarning for a resource type that moto would skip.
    """
    moto_shims.register()
    _upload_code(template)
    for cluster in clusters:
        _create_cluster(cluster)
    as_json = patch.object(Stack, "parse_template", staticmethod(json.loads))  # YAML is slow
    with warnings.catch_warnings(), as_json:
        warnings.filterwarnings("error", message=".*not supported by moto.*")
        client("cloudformation").create_stack(
            StackName=stack, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"]
        )
    _write_key_policies()


def _write_key_policies() -> None:
    """Key policies are text; moto keeps that of a key in a template as it stands there."""
    for key in client("kms").list_keys()["Keys"]:
        name = {"KeyId": key["KeyId"], "PolicyName": "default"}
        policy = client("kms").get_key_policy(**name)["Policy"]
        if isinstance(policy, dict):
            client("kms").put_key_policy(**name, Policy=json.dumps(policy))


def _create_cluster(name: str) -> None:
    client("eks").create_cluster(
        name=name,
        roleArn=f"arn:aws:iam::{ACCOUNT}:role/eks",
        resourcesVpcConfig={},
        logging={"clusterLogging": [{"types": ["audit"], "enabled": True}]},
    )
    client("logs").create_log_group(logGroupName=f"/aws/eks/{name}/cluster")


def client(service: str) -> Any:
    return moto_shims.client(service, REGION)


def physical_ids() -> Mapping[str, str]:
    """Logical to physical IDs of the deployed stack; moto has none for a permission."""
    resources = client("cloudformation").describe_stack_resources(StackName=STACK)
    return {
        resource["LogicalResourceId"]: resource.get("PhysicalResourceId", "")
        for resource in resources["StackResources"]
    }


def put_audit_log(cluster: str, lines: Sequence[str], at_ms: int) -> None:
    """Write lines into a cluster's log group, in chunks; moto delivers each at once."""
    group, stream = f"/aws/eks/{cluster}/cluster", f"kube-apiserver-audit-{at_ms:x}"
    client("logs").create_log_stream(logGroupName=group, logStreamName=stream)
    for start in range(0, len(lines), 50):
        client("logs").put_log_events(
            logGroupName=group,
            logStreamName=stream,
            logEvents=[{"timestamp": at_ms, "message": line} for line in lines[start : start + 50]],
        )


@contextmanager
def functions_run_here(environment: Mapping[str, str]) -> Iterator[None]:
    """Run a deployed function's handler in this process, with the template's own variables.

    `environment` replaces what only holds inside Lambda. moto itself would start Docker, and
    lose the event where there is none.
    """

    def invoke(function: LambdaFunction, body: str, *_: Any) -> str:
        variables = {**function.environment_vars, **environment}
        return json.dumps(run(function.handler, json.loads(body), function, variables))

    with patch.object(LambdaFunction, "invoke", invoke):
        yield


def run(handler: str, event: Any, function: Any, variables: Mapping[str, str]) -> Any:
    """Call `module.function` as a fresh execution environment would."""
    module_name, _, name = handler.rpartition(".")
    region = {"AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}
    lambda_names = {"AWS_LAMBDA_FUNCTION_NAME": function.function_name}
    with patch.dict(os.environ, {**variables, **region, **lambda_names}):
        sys.modules.pop(module_name, None)
        call: Callable[[Any, Any], Any] = getattr(importlib.import_module(module_name), name)
        return call(event, LambdaContext(function.function_name, function.function_arn))


def _upload_code(template: Mapping[str, Any]) -> None:
    """Put an archive where `cdk deploy` would have put the functions' code."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("nothing.py", "")
    client("s3").create_bucket(Bucket=ASSETS)
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Function":
            key = resource["Properties"]["Code"]["S3Key"]
            client("s3").put_object(Bucket=ASSETS, Key=key, Body=archive.getvalue())
