"""LogGroup: a log group that ekswatch owns."""

from collections.abc import Sequence

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

RETENTION = {
    14: logs.RetentionDays.TWO_WEEKS,
    30: logs.RetentionDays.ONE_MONTH,
    60: logs.RetentionDays.TWO_MONTHS,
    90: logs.RetentionDays.THREE_MONTHS,
    120: logs.RetentionDays.FOUR_MONTHS,
    150: logs.RetentionDays.FIVE_MONTHS,
    180: logs.RetentionDays.SIX_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
    400: logs.RetentionDays.THIRTEEN_MONTHS,
    545: logs.RetentionDays.EIGHTEEN_MONTHS,
    731: logs.RetentionDays.TWO_YEARS,
    1096: logs.RetentionDays.THREE_YEARS,
    1827: logs.RetentionDays.FIVE_YEARS,
    2192: logs.RetentionDays.SIX_YEARS,
    2557: logs.RetentionDays.SEVEN_YEARS,
}


class LogGroup(logs.LogGroup):
    """A group named `/ekswatch/<stack>/<name>`, kept as long as asked, deleted with the stack.

    A query that filters by an `indexed` field scans, and pays for, matching lines only.
    A `key` is the operator's: its policy must let CloudWatch Logs use it for this group.

    Nothing is lost with it: the audit events stay in the cluster's own log group, and signals
    can be computed from them again.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        retention_days: int,
        key: kms.IKey | None,
        indexed: Sequence[str] = (),
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            log_group_name=f"/ekswatch/{Stack.of(scope).stack_name}/{name}",
            retention=RETENTION[retention_days],
            encryption_key=key,
            removal_policy=RemovalPolicy.DESTROY,
            field_index_policies=(
                [logs.FieldIndexPolicy(fields=list(indexed))] if indexed else None
            ),
        )
