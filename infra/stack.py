"""EkswatchStack: everything that `cdk deploy` makes, read as a table of contents."""

from aws_cdk import CfnOutput, DefaultStackSynthesizer, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.alarms import AnalysisAlarms, DeliveryAlarms, FunctionAlarms, HourlyAlarms
from infra.clusters import Names
from infra.config import Config
from infra.dashboard import Dashboard
from infra.failed import FailedEvents
from infra.function import AnalyzerFunction
from infra.logs import LogGroup
from infra.pattern import filter_pattern
from infra.permissions import (
    ACCEPTED_TO_FIND,
    QUERY_RESULTS_HAVE_NO_ARN,
    find_clusters,
    import_findings,
    keep_state,
    publish,
    read_baselines,
    read_live_lists,
    read_signals,
    reasons,
    subscribe_clusters,
    use_key,
    write_to,
)
from infra.schedule import HourlySchedule
from infra.state import StateTable
from infra.subscription import AuditSubscription, DiscoveredClusters
from infra.topic import FindingsTopic, GivenTopic

RULESET = "ruleset.json"
"""The archive's compiled detections, from its root."""


class EkswatchStack(Stack):
    """Audit logs of `config.clusters` in, findings out, in one account and Region.

    `code` is the archive of both functions, so that tests need not build one.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, config: Config, code: lambda_.Code
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=config.stack_name,
            description="ekswatch: detections over Amazon EKS audit logs",
            tags=config.tags,
            analytics_reporting=False,
            # The CLI checks the bootstrap version itself; the rule would only burden the template.
            synthesizer=DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
        )
        if config.permissions_boundary:
            _bound(self, config.permissions_boundary)
        days = config.retention_days
        key = kms.Key.from_key_arn(self, "Key", config.kms_key) if config.kms_key else None
        listed = config.clusters.names if isinstance(config.clusters, Names) else ()
        pattern = filter_pattern(config.filter, tuning=config.tuning, clusters=str(config.clusters))

        signals = LogGroup(
            self, "Signals", name="signals", retention_days=days, key=key, indexed=["reach"]
        )
        table = StateTable(self, "State", key=key)
        failed = FailedEvents(self, "FailedEvents", retention_days=days, key=key)
        findings = _findings(self, config, key)

        deliver: list[iam.PolicyStatement] = [
            keep_state(table),
            *read_live_lists(self, config.live_lists),
        ]
        if key:
            deliver.append(use_key(self, key))
        if config.security_hub:
            deliver.append(import_findings(self))
        if findings:
            deliver.extend(publish(findings))

        environment = {
            "EKSWATCH_CLUSTERS": str(config.clusters),
            "EKSWATCH_LIVE_LISTS": ",".join(config.live_lists),
            "EKSWATCH_LIVE_LIST_HOURS": str(config.live_list_hours),
            "EKSWATCH_RULESET": RULESET,
            "EKSWATCH_SCHEDULE_MINUTE": str(config.schedule_minute),
            "EKSWATCH_SECURITY_HUB": "on" if config.security_hub else "off",
            "EKSWATCH_SIGNALS_LOG_GROUP": signals.log_group_name,
            "EKSWATCH_SNS_TOPIC_ARN": findings.topic.topic_arn if findings else "",
            "EKSWATCH_TABLE_NAME": table.table_name,
            "POWERTOOLS_METRICS_NAMESPACE": "ekswatch",
        }

        stream = AnalyzerFunction(
            self,
            "Stream",
            name="stream",
            code=code,
            config=config,
            timeout=Duration.seconds(60),
            environment=environment,
            statements=[*deliver, read_baselines(table), write_to("WriteSignals", signals)],
            failed=failed,
            key=key,
            reserved_concurrency=config.reserved_concurrency,
        )
        subscribing = [] if listed else [subscribe_clusters(self)]
        hourly = AnalyzerFunction(
            self,
            "Hourly",
            name="hourly",
            code=code,
            config=config,
            timeout=Duration.minutes(10),
            environment={
                **environment,
                "EKSWATCH_FAILED_EVENTS_BUCKET": failed.bucket_name,
                "EKSWATCH_FILTER_NAME": self.stack_name,
                "EKSWATCH_FILTER_PATTERN": pattern,
                "EKSWATCH_STREAM_FUNCTION_ARN": stream.function.function_arn,
            },
            statements=[
                *deliver,
                *read_signals(signals),
                write_to("WriteSignals", signals),
                *find_clusters(self),
                *subscribing,
            ],
            accepted=reasons(QUERY_RESULTS_HAVE_NO_ARN, ACCEPTED_TO_FIND),
            failed=failed,
            key=key,
        )

        topic = findings.topic if findings else None
        for cluster in listed:
            AuditSubscription(
                self, f"AuditLog-{cluster}", cluster=cluster, pattern=pattern, to=stream
            )
            AnalysisAlarms(self, f"Analysis-{cluster}", cluster=cluster, topic=topic)
        if not listed:
            DiscoveredClusters(self, "AuditLogs", to=stream)
            AnalysisAlarms(self, "Analysis", cluster=None, topic=topic)
        HourlySchedule(self, "EveryHour", function=hourly.function, minute=config.schedule_minute)

        FunctionAlarms(self, "StreamAlarms", name="stream", function=stream.function, topic=topic)
        FunctionAlarms(self, "HourlyAlarms", name="hourly", function=hourly.function, topic=topic)
        DeliveryAlarms(self, "Delivery", filter_name=self.stack_name, topic=topic)
        HourlyAlarms(self, "EveryHourAlarms", topic=topic)
        Dashboard(self, "Dashboard", clusters=listed, signals=signals)

        CfnOutput(self, "FailedEventsBucket", value=failed.bucket_name)
        CfnOutput(self, "SignalsLogGroup", value=signals.log_group_name)
        CfnOutput(self, "StateTable", value=table.table_name)
        CfnOutput(self, "StreamFunction", value=stream.function.function_name)
        CfnOutput(self, "HourlyFunction", value=hourly.function.function_name)
        if findings:
            CfnOutput(self, "FindingsTopicArn", value=findings.topic.topic_arn)


def _findings(
    scope: Construct, config: Config, key: kms.IKey | None
) -> FindingsTopic | GivenTopic | None:
    """Where findings are published: the operator's topic, one of ours, or nowhere."""
    if config.sns_topic:
        return GivenTopic(
            scope, "Findings", topic_arn=config.sns_topic, key_arn=config.sns_topic_kms_key
        )
    return FindingsTopic(scope, "Findings", email=config.email, key=key) if config.sns else None


def _bound(scope: Construct, boundary: str) -> None:
    """Bound every role with an IAM policy, given by ARN or by name."""
    policy = (
        iam.ManagedPolicy.from_managed_policy_arn(scope, "Boundary", boundary)
        if boundary.startswith("arn:")
        else iam.ManagedPolicy.from_managed_policy_name(scope, "Boundary", boundary)
    )
    iam.PermissionsBoundary.of(scope).apply(policy)
