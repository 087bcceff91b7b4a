"""Rights: what the functions must be allowed, and whether IAM, a key or a function allows it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import groupby
from typing import Any

from ekswatch.aws.clients import client
from ekswatch.aws.settings import Settings
from ekswatch.aws.stack import Stack

AGAIN = "npx cdk deploy --revert-drift"
"""Puts back what somebody changed or deleted; without the option, CloudFormation does not look."""
LOGS = "logs.amazonaws.com"
KEY_ACTIONS = ("kms:Decrypt", "kms:GenerateDataKey")


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One action on one resource."""

    resource: str
    action: str


@dataclass(frozen=True, slots=True)
class Refused:
    """An action that IAM does not allow, why, and what mends it."""

    action: str
    why: str
    fix: str


def rights(function: str, stack: Stack, told: Settings) -> list[Right]:
    """What a function, stream or hourly, must be allowed.

    What `infra.permissions` grants, but for keys and networks: which of those there are, the stack
    does not say.
    """
    table = stack.arn("dynamodb", f"table/{stack.state_table}")
    signals = f"{stack.arn('logs', f'log-group:{stack.signals_log_group}')}:*"
    own = f"{stack.arn('logs', f'log-group:{stack.log_group(function)}')}:*"
    bucket = f"arn:{stack.partition}:s3:::{stack.failed_events_bucket}"
    needed = {
        table: ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"],
        signals: ["logs:CreateLogStream", "logs:PutLogEvents"],
        own: ["logs:CreateLogStream", "logs:PutLogEvents"],
        f"{bucket}/aws/lambda/async/*": ["s3:PutObject"],
        bucket: ["s3:ListBucket"],
    }
    if function == "stream":
        needed[table].append("dynamodb:BatchGetItem")
    else:
        needed[signals].append("logs:StartQuery")
        needed["*"] = ["eks:ListClusters", "logs:GetQueryResults", "logs:StopQuery"]
        needed[stack.arn("eks", "cluster/*")] = ["eks:DescribeCluster"]
        audit_logs = stack.arn("logs", "log-group:/aws/eks/*/cluster:*")
        needed[audit_logs] = ["logs:DescribeLogGroups", "logs:DescribeSubscriptionFilters"]
        if told.discovery:
            needed[audit_logs].append("logs:PutSubscriptionFilter")
    if told.security_hub:
        product = stack.arn("securityhub", f"product/{stack.account}/default")
        needed[product] = ["securityhub:BatchImportFindings"]
    if told.sns_topic_arn:
        needed[told.sns_topic_arn] = ["sns:Publish"]
    for _, source in told.live_lists:
        needed |= _live_list(source, stack)
    return sorted(Right(on, action) for on, actions in needed.items() for action in actions)


def _live_list(source: str, stack: Stack) -> dict[str, list[str]]:
    if source.startswith("s3://"):
        return {f"arn:{stack.partition}:s3:::{source.removeprefix('s3://')}": ["s3:GetObject"]}
    name = source.removeprefix("ssm:").removeprefix("/")
    return {stack.arn("ssm", f"parameter/{name}"): ["ssm:GetParameter"]}


def refused(role_arn: str, needed: Sequence[Right]) -> list[Refused]:
    """What of it IAM's simulator does not allow a role.

    Raises: ClientError, BotoCoreError.
    """
    return [
        _why(result)
        for resource, group in groupby(sorted(needed), key=lambda right: right.resource)
        for result in _simulated(role_arn, resource, [right.action for right in group])
        if result["EvalDecision"] != "allowed"
    ]


def key_admits(policy: str, service: str) -> bool:
    """Whether the policy of a key lets a service encrypt messages with it."""
    granted = [
        action
        for statement in _statements(policy)
        if _allows(statement, service)
        for action in _listed(statement["Action"])
    ]
    return all(any(fnmatchcase(need, has) for has in granted) for need in KEY_ACTIONS)


def admits_logs(policy: str, log_group_arn: str) -> bool:
    """Whether the policy of a function lets CloudWatch Logs invoke it for a log group."""
    return any(
        _allows(statement, LOGS)
        and any(fnmatchcase(log_group_arn, one) for one in _from(statement))
        for statement in _statements(policy)
    )


def _simulated(role_arn: str, resource: str, actions: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    pages = (
        client("iam")
        .get_paginator("simulate_principal_policy")
        .paginate(PolicySourceArn=role_arn, ActionNames=list(actions), ResourceArns=[resource])
    )
    for page in pages:
        yield from page["EvaluationResults"]


def _why(result: Mapping[str, Any]) -> Refused:
    action = result["EvalActionName"]
    boundary = result.get("PermissionsBoundaryDecisionDetail", {})
    organization = result.get("OrganizationsDecisionDetail", {})
    if boundary.get("AllowedByPermissionsBoundary") is False:
        return Refused(action, "by its permissions boundary", f"allow {action} in the boundary")
    if organization.get("AllowedByOrganizations") is False:
        fix = f"allow {action} in the service control policies of this account"
        return Refused(action, "by a policy of the organization", fix)
    return Refused(action, "by its own policy", AGAIN)


def _allows(statement: Mapping[str, Any], service: str) -> bool:
    principal = statement.get("Principal", {})
    services = _listed(principal.get("Service", ())) if isinstance(principal, dict) else ()
    return statement["Effect"] == "Allow" and service in services


def _from(statement: Mapping[str, Any]) -> Sequence[str]:
    """The patterns of ARNs that a statement is for; every one, where it says nothing."""
    conditions = statement.get("Condition", {})
    arns = [
        _listed(value)
        for test in ("ArnLike", "ArnEquals", "StringEquals", "StringLike")
        for key, value in conditions.get(test, {}).items()
        if key.lower() == "aws:sourcearn"
    ]
    return arns[0] if arns else ("*",)


def _statements(policy: str) -> Sequence[Mapping[str, Any]]:
    statements: Sequence[Mapping[str, Any]] = json.loads(policy)["Statement"]
    return statements


def _listed(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value
