"""EkswatchStack: everything that `cdk deploy` makes, read as a table of contents."""

from aws_cdk import CfnOutput, DefaultStackSynthesizer, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.alarms import AnalysisAlarms, FunctionAlarms, StaleAlarm
from infra.config import Config
from infra.dashboard import Dashboard
from infra.failed import FailedEvents
from infra.function import AnalyzerFunction
from infra.logs import LogGroup
from infra.permissions import (
    QUERY_RESULTS_HAVE_NO_ARN,
    import_findings,
    keep_state,
    publish,
    read_baselines,
    read_live_lists,
    read_signals,
    write_to,
)
from infra.schedule import HourlySchedule
from infra.state import StateTable
from infra.subscription import AuditSubscription
from infra.topic import FindingsTopic

RULESET = "/var/task/ruleset.json"
"""Where the archive's compiled detections lie once Lambda has unpacked it."""


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
            analytics_reporting=False,
            # The CLI checks the bootstrap version itself; the rule would only burden the template.
            synthesizer=DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
        )
        days = config.retention_days

        signals = LogGroup(self, "Signals", name="signals", retention_days=days, indexed=["reach"])
        table = StateTable(self, "State")
        failed = FailedEvents(self, "FailedEvents", retention_days=days)
        findings = FindingsTopic(self, "Findings", email=config.email) if config.sns else None

        deliver: list[iam.PolicyStatement] = [
            keep_state(table),
            *read_live_lists(self, config.live_lists),
        ]
        if config.security_hub:
            deliver.append(import_findings(self))
        if findings:
            deliver.extend(publish(findings))

        environment = {
            "EKSWATCH_CLUSTERS": ",".join(config.clusters),
            "EKSWATCH_LIVE_LISTS": ",".join(config.live_lists),
            "EKSWATCH_LIVE_LIST_HOURS": str(config.live_list_hours),
            "EKSWATCH_RULESET": RULESET,
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
            timeout=Duration.seconds(60),
            environment=environment,
            statements=[*deliver, read_baselines(table), write_to("WriteSignals", signals)],
            failed=failed,
            retention_days=days,
        )
        hourly = AnalyzerFunction(
            self,
            "Hourly",
            name="hourly",
            code=code,
            timeout=Duration.minutes(10),
            environment=environment,
            statements=[*deliver, *read_signals(signals), write_to("WriteSignals", signals)],
            accepted=QUERY_RESULTS_HAVE_NO_ARN,
            failed=failed,
            retention_days=days,
        )

        topic = findings.topic if findings else None
        for cluster in config.clusters:
            AuditSubscription(self, f"AuditLog-{cluster}", cluster=cluster, to=stream)
            AnalysisAlarms(self, f"Analysis-{cluster}", cluster=cluster, topic=topic)
        HourlySchedule(self, "EveryHour", function=hourly.function)

        FunctionAlarms(self, "StreamAlarms", name="stream", function=stream.function, topic=topic)
        FunctionAlarms(self, "HourlyAlarms", name="hourly", function=hourly.function, topic=topic)
        StaleAlarm(self, "StaleWindow", topic=topic)
        Dashboard(self, "Dashboard", clusters=config.clusters, signals=signals)

        CfnOutput(self, "FailedEventsBucket", value=failed.bucket_name)
        CfnOutput(self, "SignalsLogGroup", value=signals.log_group_name)
        CfnOutput(self, "StateTable", value=table.table_name)
        CfnOutput(self, "StreamFunction", value=stream.function.function_name)
        CfnOutput(self, "HourlyFunction", value=hourly.function.function_name)
        if findings:
            CfnOutput(self, "FindingsTopicArn", value=findings.topic.topic_arn)
