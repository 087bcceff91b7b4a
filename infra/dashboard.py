"""Dashboard: who touches sensitive objects, and how the analysis fares, on one page.

The tables are queries over the signals log group, so they cover what is written there: the
ledger of sensitive objects, and for each request of a named user its most severe finding from
low on. `ekswatch report` has the same over audit logs, whole.
"""

import re
from collections.abc import Mapping, Sequence

from aws_cdk import Aws, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_logs as logs
from constructs import Construct

LEDGER = "sensitive-object-access-object"
ROLES = "sensitive-object-access-role"
FOUND = "risk-threshold-exceeded-of-user"
"""Documents whose signals are shown."""

TEXTS: Mapping[str, str] = {
    "user": "actor.name",
    "address": "source.address",
    "client": "userAgent",
    "object": "object.ref",
    "action": "verb",
    "reason": "authorization.reason",
    "outcome": "outcome",
    "found": "finding.detection",
}
"""Columns and the facts of a signal that they show; `groups` and `requests` are read apart."""

ROWS = 100
WIDE, HIGH = 24, 8
HOUR = Duration.hours(1)

GRAPHS: Mapping[str, Sequence[str]] = {
    "Audit records": ("EventsReceived", "EventsPartial", "EventsUnreadable"),
    "What came of them": ("Matches", "Suppressed", "Signals", "Findings", "Notifications"),
    "What went wrong": ("RuleFailures", "StateErrors", "Failures"),
}
"""Metrics of the stream function, per cluster; `lambdas.telemetry` writes the same names."""


def _query(
    document: str,
    columns: Sequence[str],
    *,
    detections: Sequence[str] = (),
    order: str = "desc",
) -> list[str]:
    """A query that counts a document's requests by columns; its lines are joined by pipes."""
    found = ", ".join(f'"{slug}"' for slug in detections)
    return [
        f'filter document = "{document}"',
        *(f"parse @message /{_pattern(column)}/" for column in ("requests", *columns)),
        *([f"filter found in [{found}]"] if detections else []),
        f"stats sum(requests) as total by {', '.join(columns)}",
        f"sort total {order}",
        f"limit {ROWS}",
    ]


def _pattern(column: str) -> str:
    """How a column stands in a signal's line. Names of facts have dots and so are no paths."""
    match column:
        case "requests":
            return r'"count":(?<requests>\d+)'
        case "groups":
            return r'"actor\.groups":\[(?<groups>.*?)\]'
        case _:
            return rf'"{re.escape(TEXTS[column])}":"(?<{column}>.*?)"[,}}]'


TABLES: Mapping[str, Sequence[str]] = {
    "Interactions with secrets and config maps, per group and source address": _query(
        LEDGER, ("groups", "address")
    ),
    "User agents and users that touch secrets and config maps": _query(
        LEDGER, ("client", "user", "outcome")
    ),
    "Service accounts that act unusually": _query(
        FOUND,
        ("found", "user", "object"),
        detections=("service-account-unusual-activity", "service-account-denied"),
    ),
    "Calls that lead from one part of the cluster to another": _query(
        FOUND,
        ("found", "user", "address", "object"),
        detections=(
            *("pod-exec", "port-forward", "service-or-pod-proxy-used"),
            *("exec-attack-tool", "node-proxy-used"),
        ),
    ),
    "Resources created, changed or read unusually": _query(
        FOUND,
        ("found", "user", "client", "object"),
        detections=("unusual-workload-change", "secret-access-new-client"),
    ),
    "Accounts that touched secrets and config maps, and why they were allowed to": _query(
        LEDGER, ("user", "groups", "object", "action", "reason")
    ),
    "Accounts that read cluster roles and their bindings": _query(
        ROLES, ("user", "groups", "object", "action", "reason")
    ),
    "Rarest reasons for access to secrets and config maps, per account": _query(
        LEDGER, ("reason", "user"), order="asc"
    ),
}
"""The measures of the use case, the list behind them, and its searches."""


class Dashboard(Construct):
    """One page in CloudWatch for all clusters. Each look at it queries the signals it shows.

    Without names, `clusters` are those that have metrics when somebody looks.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        clusters: Sequence[str],
        signals: logs.ILogGroup,
    ) -> None:
        super().__init__(scope, construct_id)
        graphs = [_graph(title, names, clusters) for title, names in GRAPHS.items()]
        cloudwatch.Dashboard(
            self,
            "Page",
            # names of dashboards are those of an account, in all Regions
            dashboard_name=f"{Stack.of(self).stack_name}-{Aws.REGION}",
            default_interval=Duration.days(1),
            widgets=[graphs, *([_table(*item, signals)] for item in TABLES.items())],
        )


def _graph(title: str, names: Sequence[str], clusters: Sequence[str]) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(
        title=title,
        width=WIDE // len(GRAPHS),
        height=HIGH,
        left=[
            *(_metric(name, cluster) for cluster in clusters for name in names),
            *(_search(name) for name in names if not clusters),
        ],
    )


def _metric(name: str, cluster: str) -> cloudwatch.IMetric:
    return cloudwatch.Metric(
        namespace="ekswatch",
        metric_name=name,
        dimensions_map={"cluster": cluster, "service": "stream"},
        statistic="Sum",
        period=HOUR,
        label=f"{cluster} {name}",
    )


def _search(name: str) -> cloudwatch.IMetric:
    """The metric of every cluster that has it, for clusters that are found at run time."""
    pattern = f'{{ekswatch,cluster,service}} MetricName="{name}" service="stream"'
    return cloudwatch.MathExpression(
        expression=f"SEARCH('{pattern}', 'Sum', {HOUR.to_seconds()})",
        using_metrics={},
        period=HOUR,
        label="",
    )


def _table(title: str, lines: Sequence[str], signals: logs.ILogGroup) -> cloudwatch.LogQueryWidget:
    return cloudwatch.LogQueryWidget(
        title=title,
        width=WIDE,
        height=HIGH,
        log_group_names=[signals.log_group_name],
        query_lines=list(lines),
        view=cloudwatch.LogQueryVisualizationType.TABLE,
    )
