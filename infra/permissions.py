"""What the functions may do, statement by statement. Nothing else is attached to their roles."""

from collections.abc import Iterable, Mapping
from typing import cast

from aws_cdk import ArnFormat, CfnElement, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3

from infra.topic import FindingsTopic, GivenTopic


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


USE_A_KEY = ["kms:Decrypt", "kms:GenerateDataKey"]


def publish(findings: FindingsTopic | GivenTopic) -> list[iam.PolicyStatement]:
    """Publish to the findings topic, and encrypt for it."""
    statements = [_allow("PublishFindings", ["sns:Publish"], [findings.topic.topic_arn])]
    if findings.key:
        statements.append(_allow("EncryptFindings", USE_A_KEY, [findings.key.key_arn]))
    return statements


def use_key(stack: Stack, key: kms.IKey) -> iam.PolicyStatement:
    """Use the operator's key, but only through the table, the bucket and the log groups.

    Source: Amazon DynamoDB developer guide, "DynamoDB encryption at rest: How it works": it
    decrypts the table's key in the name of whoever reads; Amazon S3 and CloudWatch Logs alike.
    In some partitions the names of services end in more than amazonaws.com.
    """
    return iam.PolicyStatement(
        sid="UseKey",
        actions=USE_A_KEY,
        resources=[key.key_arn],
        conditions={
            "StringLike": {
                "kms:ViaService": [
                    f"{service}.{stack.region}.amazonaws.com*"
                    for service in ("dynamodb", "logs", "s3")
                ]
            }
        },
    )


NETWORK = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
]
NETWORK_INTERFACES_ARE_LAMBDAS = {
    "AwsSolutions-IAM5[Resource::*]": "Lambda makes the network interfaces of a function in a VPC"
    " with the function's role, and needs these actions on all; the function itself is denied them"
}


def join_network() -> list[iam.PolicyStatement]:
    """Let Lambda make network interfaces with this role, and the function's code make none.

    Source: AWS Lambda developer guide, "Giving Lambda functions access to resources in an Amazon
    VPC": the actions, those of the managed policy AWSLambdaVPCAccessExecutionRole, and that
    `lambda:SourceFunctionArn` is set only where the code of a function calls.
    """
    return [
        _allow("JoinNetwork", NETWORK, ["*"]),
        iam.PolicyStatement(
            sid="CodeMayNot",
            effect=iam.Effect.DENY,
            actions=NETWORK,
            resources=["*"],
            conditions={"Null": {"lambda:SourceFunctionArn": "false"}},
        ),
    ]


def find_clusters(stack: Stack) -> list[iam.PolicyStatement]:
    """List the account's clusters, and how each is logged and subscribed; change nothing.

    Source: service authorization reference of Amazon EKS (ListClusters has no resource, and
    DescribeCluster a cluster) and of Amazon CloudWatch Logs (all three take a log group). AWS
    checks DescribeLogGroups against no group in particular, `log-group::log-stream:`, whatever
    prefix is asked for: https://github.com/hashicorp/terraform-provider-aws/issues/8804
    """
    return [
        _allow("ListClusters", ["eks:ListClusters"], ["*"]),
        _allow("DescribeClusters", ["eks:DescribeCluster"], [_clusters(stack)]),
        _allow("ListLogGroups", ["logs:DescribeLogGroups"], [_log_groups(stack, "*")]),
        _allow("DescribeFilters", ["logs:DescribeSubscriptionFilters"], [audit_logs(stack)]),
    ]


def subscribe_clusters(stack: Stack) -> iam.PolicyStatement:
    """Put a subscription filter on the log group of any cluster, and on no other group.

    The reference names iam:PassRole beside it, for other destinations than Lambda.
    """
    return _allow("SubscribeClusters", ["logs:PutSubscriptionFilter"], [audit_logs(stack)])


LOGS = "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:logs:<AWS::Region>:<AWS::AccountId>"
ACCEPTED_TO_FIND = {
    "AwsSolutions-IAM5[Resource::*]": "eks:ListClusters knows no resource",
    "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:eks:<AWS::Region>:<AWS::AccountId>"
    ":cluster/*]": "Clusters that come later are to be found, too",
    f"{LOGS}:log-group:*]": "AWS checks logs:DescribeLogGroups against no group in particular",
    f"{LOGS}:log-group:/aws/eks/*/cluster:*]": "Clusters that come later are to be subscribed, too",
}


def _clusters(stack: Stack) -> str:
    return stack.format_arn(service="eks", resource="cluster", resource_name="*")


def audit_logs(stack: Stack) -> str:
    """The log groups of any clusters, with their streams, as an ARN."""
    return _log_groups(stack, "/aws/eks/*/cluster:*")


def _log_groups(stack: Stack, names: str) -> str:
    return stack.format_arn(
        service="logs",
        resource="log-group",
        resource_name=names,
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )


def reasons(*accepted: Mapping[str, str]) -> dict[str, str]:
    """Why statements have a `*`, for cdk-nag, with all reasons where it is the same one."""
    joined: dict[str, str] = {}
    for each in accepted:
        for rule, reason in each.items():
            joined[rule] = f"{joined[rule]}; {reason}" if rule in joined else reason
    return joined


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
