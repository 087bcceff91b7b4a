"""Least privilege: what the functions asked of AWS against what their roles allow, both ways.

Grants come from the template that was deployed, resolved with what CloudFormation made of it;
calls are those that the recorder kept. A condition is not judged here: a statement that has one
counts as if it held, and MiniStack, which checks conditions, refuses the call where it does not.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.e2e.recorder import Call, session_key

PARTITION = "aws"


@dataclass(frozen=True, slots=True)
class NotSeen:
    """A grant of some roles that the run cannot use, with the reason why."""

    roles: tuple[str, ...]
    sid: str
    action: str
    why: str


STREAM, HOURLY = "StreamRole", "HourlyRole"
BOTH = (STREAM, HOURLY)
BY_LAMBDA = "Lambda does this in the role's name; the emulator does it without asking"
BY_SNS = "SNS encrypts in the name of whoever publishes; the emulator does it without asking"
NOT_SEEN = (
    NotSeen(BOTH, "WriteOwnLog", "logs:CreateLogStream", BY_LAMBDA),
    NotSeen(BOTH, "WriteOwnLog", "logs:PutLogEvents", BY_LAMBDA),
    NotSeen(BOTH, "KeepFailedEvents", "s3:PutObject", f"when every attempt failed, {BY_LAMBDA}"),
    NotSeen((STREAM,), "ListFailedEvents", "s3:ListBucket", BY_LAMBDA),
    NotSeen(BOTH, "EncryptFindings", "kms:Decrypt", BY_SNS),
    NotSeen(BOTH, "EncryptFindings", "kms:GenerateDataKey", BY_SNS),
    NotSeen((HOURLY,), "FinishQueries", "logs:StopQuery", "only when a query takes too long"),
)
"""Every grant that no run of the emulators uses. One that a run did use does not belong here."""

IAM_ACTIONS: Mapping[tuple[str, str], str] = {
    ("lambda", "Invoke"): "lambda:InvokeFunction",
    ("s3", "HeadBucket"): "s3:ListBucket",
    ("s3", "HeadObject"): "s3:GetObject",
    ("s3", "ListObjects"): "s3:ListBucket",
    ("s3", "ListObjectsV2"): "s3:ListBucket",
    ("sns", "PublishBatch"): "sns:Publish",
}
"""Operations whose permission has another name.

Source: Service Authorization Reference, and Amazon S3 API Reference, "Permissions" of each.
"""


class Unresolved(Exception):  # noqa: N818  # read as a fact
    """The template or a call has something that this check does not know."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a role's policies, every value resolved."""

    role: str
    sid: str
    allows: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditional: bool

    def __str__(self) -> str:
        return f"statement {self.sid} of {self.role}"

    def covers(self, action: str, resource: str) -> bool:
        return any(like(action, one) for one in self.actions) and any(
            like(resource, one) for one in self.resources
        )


def check(
    template: Mapping[str, Any],
    physical_ids: Mapping[str, str],
    calls: Sequence[Call],
    *,
    account: str,
    region: str,
    not_seen: Sequence[NotSeen] = NOT_SEEN,
) -> list[str]:
    """What is wrong between the calls of a run and the roles of its template; empty when nothing.

    `physical_ids` are those of the stack's resources by logical ID. Each problem names the role,
    the action, the resource, and the statement where there is one.
    Raises: Unresolved.
    """
    stack = Stack(template, physical_ids, account, region)
    statements = list(stack.statements())
    used = {role: set[tuple[str, str]]() for role in stack.roles()}
    problems: list[str] = []
    for call in calls:
        role = stack.callers().get(call.access_key)
        if role is None:
            problems.append(f"{call} came from {call.access_key}, which is no function's role")
        else:
            used[role] |= {(action_of(call), arn) for arn in resources_of(call, account)}
    for role, asked in used.items():
        mine = [statement for statement in statements if statement.role == role]
        problems += [
            not_granted(role, *one, mine) for one in sorted(asked) if not allowed(mine, *one)
        ]
        problems += surplus(mine, asked, not_seen)
    return [*problems, *unfounded(statements, not_seen)]


def allowed(statements: Iterable[Statement], action: str, resource: str) -> bool:
    """Whether some statement allows it and none denies it whatever the conditions."""
    covering = [one for one in statements if one.covers(action, resource)]
    denied = any(not one.allows and not one.conditional for one in covering)
    return any(one.allows for one in covering) and not denied


def not_granted(role: str, action: str, resource: str, statements: Sequence[Statement]) -> str:
    """The words for a call that no statement allows, with the statements that come near."""
    problem = f"{role}: {action} on {resource} was used and is not granted"
    near = [
        f"{one.sid} on {', '.join(one.resources)}"
        for one in statements
        if one.allows and any(like(action, granted) for granted in one.actions)
    ]
    return f"{problem}; it is granted by {'; '.join(near)}" if near else problem


def surplus(
    statements: Iterable[Statement], used: Iterable[tuple[str, str]], not_seen: Sequence[NotSeen]
) -> Iterator[str]:
    """The words for each action and resource that is granted and was not used, and the reverse."""
    excused = {(role, one.sid, one.action): one for one in not_seen for role in one.roles}
    for statement in statements:
        for action in statement.actions if statement.allows else ():
            for pattern in statement.resources:
                seen = any(like(a, action) and like(on, pattern) for a, on in used)
                excuse = excused.get((statement.role, statement.sid, action))
                if seen and excuse:
                    yield (
                        f"{statement}: {action} on {pattern} was used, take it off the list of"
                        f" what no run uses ({excuse.why})"
                    )
                if not seen and not excuse:
                    yield f"{statement}: {action} on {pattern} is granted and was not used"


def unfounded(statements: Iterable[Statement], not_seen: Iterable[NotSeen]) -> Iterator[str]:
    """The words for what is excused and not granted at all."""
    granted = {(one.role, one.sid, action) for one in statements for action in one.actions}
    for one in not_seen:
        for role in one.roles:
            if (role, one.sid, one.action) not in granted:
                yield (
                    f"{role} has no {one.action} in a statement {one.sid}: take it off the list of"
                    f" what no run uses ({one.why})"
                )


def like(text: str, pattern: str) -> bool:
    """Whether a text fits a pattern with IAM's `*` and `?`; actions are compared without case."""
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    ignore = re.IGNORECASE if not pattern.startswith("arn:") else re.NOFLAG
    return re.fullmatch("".join(parts), text, re.DOTALL | ignore) is not None


# --- calls


def action_of(call: Call) -> str:
    """The permission that a call needs: mostly the operation under the name it is signed for."""
    return IAM_ACTIONS.get((call.service, call.operation), f"{call.service}:{call.operation}")


def resources_of(call: Call, account: str) -> tuple[str, ...]:
    """The ARNs that a call is about; `*` for an operation that knows none.

    Source: Service Authorization Reference, resource types of each service.
    Raises: Unresolved for an operation that this module was not told of.
    """
    key = f"{call.service}:{call.operation}"
    if key in WITHOUT_RESOURCE:
        return ("*",)
    named = RESOURCES.get(key) or RESOURCES.get(call.service)
    if named is None:
        raise Unresolved(f"{key}: say in {__name__}.RESOURCES what resource it names")
    try:
        rests = named(call.parameters)
    except KeyError as error:
        raise Unresolved(f"{key}: it names no {error}, but {sorted(call.parameters)}") from None
    return tuple(_arn(call.service, call.region, account, rest) for rest in rests)


def _arn(service: str, region: str, account: str, rest: str) -> str:
    """The ARN of what is called `rest` in a service; a whole ARN stays."""
    if rest.startswith("arn:"):
        return rest
    return ":".join(
        ("arn", PARTITION, service, *(("", "") if service == "s3" else (region, account)), rest)
    )


Parameters = Mapping[str, Any]

WITHOUT_RESOURCE = {"eks:ListClusters", "logs:GetQueryResults", "logs:StopQuery"}
"""Operations whose permission can name no resource; they are granted on `*`."""


def _log_group(p: Parameters) -> list[str]:
    """IAM sees a log group as all its streams, `...:log-stream:`, unless one is named."""
    named = [*p.get("logGroupNames", ()), *([p["logGroupName"]] if "logGroupName" in p else ())]
    arns = [identifier.removesuffix(":*") for identifier in p.get("logGroupIdentifiers", ())]
    groups = [one if one.startswith("arn:") else f"log-group:{one}" for one in [*named, *arns]]
    return [f"{one}:log-stream:{p.get('logStreamName', '')}" for one in groups or ["log-group:"]]


RESOURCES: Mapping[str, Callable[[Parameters], list[str]]] = {
    "dynamodb": lambda p: [f"table/{p['TableName']}"],
    "dynamodb:BatchGetItem": lambda p: [f"table/{name}" for name in p["RequestItems"]],
    "dynamodb:BatchWriteItem": lambda p: [f"table/{name}" for name in p["RequestItems"]],
    "eks": lambda p: [f"cluster/{p['name']}"],
    "lambda": lambda p: [f"function:{p['FunctionName']}"],
    "logs": _log_group,
    "s3": lambda p: [f"{p['Bucket']}/{p['Key']}" if "Key" in p else p["Bucket"]],
    "securityhub:BatchImportFindings": lambda p: [one["ProductArn"] for one in p["Findings"]],
    "sns": lambda p: [p["TopicArn"]],
    "ssm": lambda p: [f"parameter/{p['Name'].removeprefix('/')}"],
}
"""By service, or by operation where one differs: the end of the ARNs of what it is about."""


# --- the deployed template


@dataclass(frozen=True, slots=True)
class Stack:
    """A template and what CloudFormation made of it."""

    template: Mapping[str, Any]
    physical_ids: Mapping[str, str]
    account: str
    region: str

    def roles(self) -> set[str]:
        """The logical IDs of the functions' roles, without the hash at the end."""
        return {_readable(role) for role, _ in self._functions()}

    def callers(self) -> Mapping[str, str]:
        """The access key of each function, with its role."""
        return {
            session_key(function=self._arn_of(function), role=self._arn_of(role)): _readable(role)
            for role, function in self._functions()
        }

    def statements(self) -> Iterator[Statement]:
        """What the policies of the functions' roles say.

        Raises: Unresolved for a policy that is attached in a way this check does not read.
        """
        used = {role for role, _ in self._functions()}
        for name, resource in self.template["Resources"].items():
            if resource["Type"] in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
                raise Unresolved(f"{name} is a policy beside the roles, which is not read here")
            if name not in used:
                continue
            properties = resource["Properties"]
            if "ManagedPolicyArns" in properties:
                raise Unresolved(f"{name} has managed policies, whose statements are not known")
            for policy in properties.get("Policies", ()):
                for statement in policy["PolicyDocument"]["Statement"]:
                    yield self._statement(_readable(name), statement)

    def _statement(self, role: str, statement: Mapping[str, Any]) -> Statement:
        if unknown := {"NotAction", "NotResource"} & statement.keys():
            raise Unresolved(f"a statement of {role} has {', '.join(unknown)}")
        return Statement(
            role,
            statement.get("Sid", "without Sid"),
            statement["Effect"] == "Allow",
            tuple(_listed(statement["Action"])),
            tuple(self.text(one) for one in _listed(statement["Resource"])),
            "Condition" in statement,
        )

    def _functions(self) -> Iterator[tuple[str, str]]:
        """Logical IDs of each function's role and of the function."""
        for name, resource in self.template["Resources"].items():
            if resource["Type"] == "AWS::Lambda::Function":
                match resource["Properties"]["Role"]:
                    case {"Fn::GetAtt": [str(role), "Arn"]}:
                        yield role, name
                    case other:
                        raise Unresolved(f"the role of {name} is {other}")

    def text(self, value: Any) -> str:
        """A value of the template as CloudFormation made it.

        Raises: Unresolved.
        """
        match value:
            case str():
                return value
            case {"Ref": str(name)}:
                return self._reference(name)
            case {"Fn::GetAtt": [str(name), "Arn"]}:
                return self._arn_of(name)
            case {"Fn::Join": [str(between), list(parts)]}:
                return between.join(self.text(part) for part in parts)
            case {"Fn::Sub": str(pattern)}:
                return re.sub(r"\$\{([\w:.]+)\}", self._substituted, pattern)
        raise Unresolved(f"{value} in the template")

    def _substituted(self, found: re.Match[str]) -> str:
        name, _, attribute = found[1].partition(".")
        return self.text({"Fn::GetAtt": [name, attribute]} if attribute else {"Ref": name})

    def _reference(self, name: str) -> str:
        pseudo = {
            "AWS::AccountId": self.account,
            "AWS::Partition": PARTITION,
            "AWS::Region": self.region,
        }
        if name in pseudo:
            return pseudo[name]
        if name not in self.physical_ids:
            raise Unresolved(f"{name} has no physical ID: was it deployed?")
        return self.physical_ids[name]

    def _arn_of(self, name: str) -> str:
        """What GetAtt gives for `Arn`, which is made of the physical ID.

        Source: AWS CloudFormation template reference, return values of each type.
        """
        kind = self.template["Resources"][name]["Type"]
        if kind not in ARNS:
            raise Unresolved(f"say in {__name__}.ARNS what the ARN of {name}, a {kind}, is like")
        place = {"region": self.region, "account": self.account}
        return ARNS[kind].format(id=self._reference(name), partition=PARTITION, **place)


ARNS: Mapping[str, str] = {
    "AWS::DynamoDB::Table": "arn:{partition}:dynamodb:{region}:{account}:table/{id}",
    "AWS::IAM::Role": "arn:{partition}:iam::{account}:role/{id}",
    "AWS::KMS::Key": "arn:{partition}:kms:{region}:{account}:key/{id}",
    "AWS::Lambda::Function": "arn:{partition}:lambda:{region}:{account}:function:{id}",
    "AWS::Logs::LogGroup": "arn:{partition}:logs:{region}:{account}:log-group:{id}:*",
    "AWS::S3::Bucket": "arn:{partition}:s3:::{id}",
}


def _listed(value: str | Sequence[Any]) -> Sequence[Any]:
    return [value] if isinstance(value, str | Mapping) else value


def _readable(logical_id: str) -> str:
    """`StreamRole` for `StreamRole0E605769`."""
    return re.sub(r"[0-9A-F]{8}$", "", logical_id)
