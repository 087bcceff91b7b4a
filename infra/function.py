"""AnalyzerFunction: one of the two Lambda functions, with its role, log group and retries."""

from collections.abc import Mapping, Sequence

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.failed import FailedEvents
from infra.logs import LogGroup
from infra.nag import acknowledge
from infra.permissions import accepted_wildcard, keep_failed_events, list_failed_events, write_to

RETRIES = 2
MAX_EVENT_AGE_SECONDS = 6 * 60 * 60
"""The most that Lambda keeps an asynchronous event."""


class AnalyzerFunction(Construct):
    """`lambdas.<name>.handler` on arm64, invoked asynchronously.

    A failed invocation is tried twice more, then its payload is kept in `failed`.
    The role may do what `statements` say, write its own log and keep failed events;
    `accepted` are the reasons for what cdk-nag finds in the statements.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        code: lambda_.Code,
        timeout: Duration,
        environment: Mapping[str, str],
        statements: Sequence[iam.PolicyStatement],
        failed: FailedEvents,
        retention_days: int,
        accepted: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        log = LogGroup(self, "Log", name=name, retention_days=retention_days)
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=f"What ekswatch's {name} function may do",
            inline_policies={
                "ekswatch": iam.PolicyDocument(
                    statements=[
                        write_to("WriteOwnLog", log),
                        keep_failed_events(failed),
                        list_failed_events(failed),
                        *statements,
                    ]
                )
            },
        )
        self.function = lambda_.Function(
            self,
            "Function",
            description=f"ekswatch: {name}",
            runtime=lambda_.Runtime.PYTHON_3_14,
            architecture=lambda_.Architecture.ARM_64,
            handler=f"lambdas.{name}.handler",
            code=code,
            memory_size=512,
            timeout=timeout,
            role=role.without_policy_updates(),
            log_group=log,
            environment={**environment, "POWERTOOLS_SERVICE_NAME": name},
        )
        lambda_.CfnEventInvokeConfig(
            self,
            "Retries",
            function_name=self.function.function_name,
            qualifier="$LATEST",
            maximum_retry_attempts=RETRIES,
            maximum_event_age_in_seconds=MAX_EVENT_AGE_SECONDS,
            destination_config=lambda_.CfnEventInvokeConfig.DestinationConfigProperty(
                on_failure=lambda_.CfnEventInvokeConfig.OnFailureProperty(
                    destination=failed.bucket_arn
                )
            ),
        )
        acknowledge(role, {**accepted_wildcard(failed), **(accepted or {})})
