"""AnalyzerFunction: one of the two Lambda functions, with its role, log group and retries."""

import json
from collections.abc import Mapping, Sequence
from typing import cast

from aws_cdk import Duration, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.config import Config, ConfigError
from infra.failed import FailedEvents
from infra.logs import LogGroup
from infra.nag import acknowledge
from infra.permissions import (
    NETWORK_INTERFACES_ARE_LAMBDAS,
    accepted_wildcard,
    join_network,
    keep_failed_events,
    list_failed_events,
    reasons,
    write_to,
)

RETRIES = 2
MAX_EVENT_AGE_SECONDS = 6 * 60 * 60
"""The most that Lambda keeps an asynchronous event."""
MAX_ENVIRONMENT_BYTES = 4096
"""Of all variables. Source: AWS Lambda developer guide, "Lambda quotas"; Lambda measures them as
JSON, which its error message quotes."""
REFERENCE_BYTES = 150
"""The most that a name or an ARN of this stack has, known at deployment: the topic's ARN, with a
stack name of 64 characters."""


class AnalyzerFunction(Construct):
    """`lambdas.<name>.handler`, invoked asynchronously.

    A failed invocation is tried twice more, then its payload is kept in `failed`.
    The role may do what `statements` say, write its own log and keep failed events;
    `accepted` are the reasons for what cdk-nag finds in the statements. `config` says what runs
    it, how much memory it has, in which network it is, and how long its log is kept.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        code: lambda_.Code,
        config: Config,
        timeout: Duration,
        environment: Mapping[str, str],
        statements: Sequence[iam.PolicyStatement],
        failed: FailedEvents,
        key: kms.IKey | None,
        accepted: Mapping[str, str] | None = None,
        reserved_concurrency: int | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        log = LogGroup(self, "Log", name=name, retention_days=config.retention_days, key=key)
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
                        *(join_network() if config.subnet_ids else ()),
                        *statements,
                    ]
                )
            },
        )
        self.function = lambda_.Function(
            self,
            "Function",
            description=f"ekswatch: {name}",
            runtime=config.target.runtime,
            architecture=config.target.architecture,
            handler=f"lambdas.{name}.handler",
            code=code,
            memory_size=config.memory_mb,
            timeout=timeout,
            reserved_concurrent_executions=reserved_concurrency,
            role=role.without_policy_updates(),
            log_group=log,
            environment=fitting({**environment, "POWERTOOLS_SERVICE_NAME": name}),
        )
        if config.subnet_ids:
            self._join(config)
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
        network = NETWORK_INTERFACES_ARE_LAMBDAS if config.subnet_ids else {}
        acknowledge(role, reasons(accepted_wildcard(failed), network, accepted or {}))

    def _join(self, config: Config) -> None:
        """Run in the operator's subnets. CDK's own way would ask AWS for the VPC at synthesis."""
        function = cast(lambda_.CfnFunction, self.function.node.default_child)
        function.vpc_config = lambda_.CfnFunction.VpcConfigProperty(
            subnet_ids=list(config.subnet_ids), security_group_ids=list(config.security_group_ids)
        )


def fitting(environment: Mapping[str, str]) -> Mapping[str, str]:
    """The variables, when Lambda takes them all.

    Raises: ConfigError, naming the settings that make them long.
    """
    known = {
        name: "x" * REFERENCE_BYTES if Token.is_unresolved(value) else value
        for name, value in environment.items()
    }
    size = len(json.dumps(known, ensure_ascii=False, separators=(",", ":")).encode())
    if size > MAX_ENVIRONMENT_BYTES:
        raise ConfigError(
            "the settings cannot be deployed:\n"
            f"  clusters, live_lists, filter: have {size} bytes as the functions' environment, and"
            f" Lambda takes {MAX_ENVIRONMENT_BYTES}: name fewer clusters or lists in one stack, or"
            " give -c clusters=all"
        )
    return environment
