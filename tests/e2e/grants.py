"""Grants, spelled as MiniStack reads them: three things it knows otherwise than AWS.

Each role keeps the actions and the resources that it was given, so that what it lacks is refused.

- A log group's streams are part of its ARN on AWS, `log-group:NAME:*`; MiniStack checks
  `log-group:NAME`.
- `logs:StartQuery` and `logs:DescribeLogGroups` are checked on log groups by AWS, by MiniStack
  on `*`.
- The condition key `aws:ResourceAccount`, which the CDK's own publishing role has, is unknown.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

STREAMS = ":*"
ON_ANY = {"logs:DescribeLogGroups", "logs:StartQuery"}


def respell(iam: Any) -> None:
    """Rewrite the inline policies of every role of the account that MiniStack would misread."""
    for role in iam.get_paginator("list_roles").paginate().build_full_result()["Roles"]:
        name = role["RoleName"]
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            found = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            statements = [_respelled(statement) for statement in found["Statement"]]
            if statements != found["Statement"]:
                document = json.dumps({**found, "Statement": statements})
                iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=document)


def _respelled(statement: Mapping[str, Any]) -> dict[str, Any]:
    spelled = {**statement}
    if conditions := _without_account(statement.get("Condition", {})):
        spelled["Condition"] = conditions
    else:
        spelled.pop("Condition", None)
    if _actions(statement) <= ON_ANY:
        spelled["Resource"] = "*"
    elif any(action.startswith("logs:") for action in _actions(statement)):
        named = _strings(statement["Resource"])
        groups = [each.removesuffix(STREAMS) for each in named if each.endswith(STREAMS)]
        spelled["Resource"] = [*named, *(each for each in groups if each not in named)]
    return spelled


def _without_account(conditions: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    kept = {
        test: {key: value for key, value in keys.items() if key != "aws:ResourceAccount"}
        for test, keys in conditions.items()
    }
    return {test: keys for test, keys in kept.items() if keys}


def _actions(statement: Mapping[str, Any]) -> set[str]:
    return set(_strings(statement["Action"]))


def _strings(value: str | Iterable[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
