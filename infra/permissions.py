"""What the functions may do, statement by statement. Nothing else is attached to their roles."""

from collections.abc import Iterable
from typing import cast

from aws_cdk import CfnElement, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3

from infra.topic import FindingsTopic


def _allow(sid: str, actions: list[str], resources: list[str]) -> iam.PolicyStatement:
    return iam.PolicyStatement(sid=sid, actions=actions, resources=resources)


def write_to(sid: str, group: logs.ILogGroup) -> iam.PolicyStatement:
    """Write lines to one log group. Its ARN ends in `:*`, which covers the streams."""
    return _allow(sid, ["logs:CreateLogStream", "logs:PutLogEvents"], [group.log_group_arn])


def keep_failed_events(bucket: s3.IBucket) -> iam.PolicyStatement:
    """Store invocation records: Lambda does so with the function's role.

    Source: AWS Lambda developer guide, "Capturing records of Lambda asynchronous invocations";
    the keys start with aws/lambda/async/<function name>/.
    """
    return _allow("KeepFailedEvents", ["s3:PutObject"], [f"{bucket.bucket_arn}/aws/lambda/async/*"])


def accepted_wildcard(bucket: s3.Bucket) -> dict[str, str]:
    """Why the statement above has a `*`, for cdk-nag."""
    bucket_id = Stack.of(bucket).get_logical_id(cast(CfnElement, bucket.node.default_child))
    rule = f"AwsSolutions-IAM5[Resource::<{bucket_id}.Arn>/aws/lambda/async/*]"
    return {rule: "Lambda names each record itself; the bucket holds nothing else"}


def list_failed_events(bucket: s3.IBucket) -> iam.PolicyStatement:
    """The same guide asks for this beside s3:PutObject."""
    return _allow("ListFailedEvents", ["s3:ListBucket"], [bucket.bucket_arn])


QUERY_RESULTS_HAVE_NO_ARN = {
    "AwsSolutions-IAM5[Resource::*]": "logs:GetQueryResults and logs:StopQuery support no"
    " resource; they need the ID of a query, and only the signals can be queried"
}


def read_signals(group: logs.ILogGroup) -> list[iam.PolicyStatement]:
    """Query the signals, and nothing but the signals; a query is read and stopped by its ID."""
    return [
        _allow("QuerySignals", ["logs:StartQuery"], [group.log_group_arn]),
        _allow("FinishQueries", ["logs:GetQueryResults", "logs:StopQuery"], ["*"]),
    ]


def keep_state(table: dynamodb.ITable) -> iam.PolicyStatement:
    """Read and write single items by key; no scan, no delete."""
    return _allow(
        "KeepState",
        ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"],
        [table.table_arn],
    )


def read_baselines(table: dynamodb.ITable) -> iam.PolicyStatement:
    """Read many items by key at once: what is normal in a cluster."""
    return _allow("ReadBaselines", ["dynamodb:BatchGetItem"], [table.table_arn])


def import_findings(stack: Stack) -> iam.PolicyStatement:
    """Write findings to Security Hub under the account's own default product, no other."""
    product = stack.format_arn(
        service="securityhub",
        resource="product",
        resource_name=f"{stack.account}/default",
    )
    return _allow("ImportFindings", ["securityhub:BatchImportFindings"], [product])


def publish(findings: FindingsTopic) -> list[iam.PolicyStatement]:
    """Publish to the findings topic, and encrypt for it."""
    return [
        _allow("PublishFindings", ["sns:Publish"], [findings.topic.topic_arn]),
        _allow("EncryptFindings", ["kms:Decrypt", "kms:GenerateDataKey"], [findings.key.key_arn]),
    ]


def read_live_lists(stack: Stack, sources: Iterable[str]) -> list[iam.PolicyStatement]:
    """Read exactly the objects and parameters that hold live lists; `sources` name=address."""
    addresses = sorted({source.partition("=")[2] for source in sources})
    objects = [
        stack.format_arn(
            service="s3", region="", account="", resource=address.removeprefix("s3://")
        )
        for address in addresses
        if address.startswith("s3://")
    ]
    parameters = [
        stack.format_arn(
            service="ssm",
            resource="parameter",
            resource_name=address.removeprefix("ssm:").removeprefix("/"),
        )
        for address in addresses
        if address.startswith("ssm:")
    ]
    statements = []
    if objects:
        statements.append(_allow("ReadLiveLists", ["s3:GetObject"], objects))
    if parameters:
        statements.append(_allow("ReadLiveParameters", ["ssm:GetParameter"], parameters))
    return statements
