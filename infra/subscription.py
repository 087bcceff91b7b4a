"""AuditSubscription: one cluster's audit log, delivered to the stream function."""

from aws_cdk import Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.function import AnalyzerFunction
from infra.permissions import audit_logs


class DiscoveredClusters(Construct):
    """Any EKS cluster's audit log may call the function; the hourly one subscribes the groups."""

    def __init__(self, scope: Construct, construct_id: str, *, to: AnalyzerFunction) -> None:
        super().__init__(scope, construct_id)
        _admit_logs(self, to, from_=audit_logs(Stack.of(self)))


class AuditSubscription(Construct):
    """A subscription filter on the cluster's log group, and the permission that it needs.

    The log group is EKS's and the customer's: it is named here, never created or changed.
    Its name is always `/aws/eks/<cluster>/cluster`, so none of our own groups can be named.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cluster: str,
        pattern: str,
        to: AnalyzerFunction,
    ) -> None:
        super().__init__(scope, construct_id)
        stack = Stack.of(self)
        log_group_name = f"/aws/eks/{cluster}/cluster"
        group = logs.LogGroup.from_log_group_name(self, "AuditLog", log_group_name)
        permission = _admit_logs(self, to, from_=group.log_group_arn)
        subscription = logs.CfnSubscriptionFilter(
            self,
            "Filter",
            filter_name=stack.stack_name,
            filter_pattern=pattern,
            log_group_name=log_group_name,
            destination_arn=to.function.function_arn,
        )
        # Events flow at once: the permission must stand, and the place for failed ones too.
        subscription.node.add_dependency(permission, to)


def _admit_logs(scope: Construct, to: AnalyzerFunction, *, from_: str) -> lambda_.CfnPermission:
    """Let CloudWatch Logs call the function for the log groups of an ARN of this account."""
    return lambda_.CfnPermission(
        scope,
        "Permission",
        action="lambda:InvokeFunction",
        function_name=to.function.function_arn,
        principal="logs.amazonaws.com",
        source_account=Stack.of(scope).account,
        source_arn=from_,
    )
