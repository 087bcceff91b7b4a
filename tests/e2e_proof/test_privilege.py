"""A removed grant and a surplus grant are each seen, and named."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.e2e.privilege import (
    NOT_SEEN,
    NotSeen,
    Unresolved,
    action_of,
    check,
    like,
    resources_of,
)
from tests.e2e.recorder import Call, session_key

ACCOUNT, REGION = "111122223333", "eu-central-1"
STREAM = session_key(
    function=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:stack-stream",
    role=f"arn:aws:iam::{ACCOUNT}:role/stack-stream-role",
)
HOURLY = session_key(
    function=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:stack-hourly",
    role=f"arn:aws:iam::{ACCOUNT}:role/stack-hourly-role",
)
IDS = {
    "StreamFunction0E605769": "stack-stream",
    "StreamRole16D76F13": "stack-stream-role",
    "HourlyFunction58FC0A61": "stack-hourly",
    "HourlyRole3E9C6D5B": "stack-hourly-role",
    "State4A1B2C3D": "stack-state",
    "Signals9F8E7D6C": "/ekswatch/stack/signals",
    "Topic5B6C7D8E": f"arn:aws:sns:{REGION}:{ACCOUNT}:stack-findings",
}
TOPIC = IDS["Topic5B6C7D8E"]
PRODUCT = f"arn:aws:securityhub:{REGION}:{ACCOUNT}:product/{ACCOUNT}/default"
WRITES = "logs:PutLogEvents"


def statement(sid: str, actions: str | list[str], resource: Any, **more: Any) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource, **more}


STATE = statement(
    "KeepState",
    ["dynamodb:GetItem", "dynamodb:UpdateItem"],
    {"Fn::GetAtt": ["State4A1B2C3D", "Arn"]},
)
TELL = statement("PublishFindings", "sns:Publish", {"Ref": "Topic5B6C7D8E"})
IMPORT = statement(
    "ImportFindings",
    "securityhub:BatchImportFindings",
    {
        "Fn::Join": [
            "",
            [
                *("arn:", {"Ref": "AWS::Partition"}, ":securityhub:", {"Ref": "AWS::Region"}, ":"),
                *({"Ref": "AWS::AccountId"}, ":product/", {"Ref": "AWS::AccountId"}, "/default"),
            ],
        ]
    },
)
WRITE = statement("WriteSignals", WRITES, {"Fn::GetAtt": ["Signals9F8E7D6C", "Arn"]})
QUERY = statement(
    "QuerySignals",
    "logs:StartQuery",
    {"Fn::Sub": "arn:${AWS::Partition}:logs:${AWS::Region}:*:log-group:${Signals9F8E7D6C}:*"},
)
FINISH = statement("FinishQueries", ["logs:GetQueryResults", "logs:StopQuery"], "*")
EXCUSED = (
    NotSeen(("HourlyRole",), "FinishQueries", "logs:StopQuery", "only when it takes too long"),
)


def template(
    stream: Sequence[Mapping[str, Any]] = (STATE, TELL, IMPORT, WRITE),
    hourly: Sequence[Mapping[str, Any]] = (STATE, QUERY, FINISH),
) -> dict[str, Any]:
    """A stack of two functions, whose roles have these statements."""
    resources: dict[str, Any] = {
        "State4A1B2C3D": {"Type": "AWS::DynamoDB::Table", "Properties": {}},
        "Signals9F8E7D6C": {"Type": "AWS::Logs::LogGroup", "Properties": {}},
        "Topic5B6C7D8E": {"Type": "AWS::SNS::Topic", "Properties": {}},
    }
    for function, role, statements in (
        ("StreamFunction0E605769", "StreamRole16D76F13", stream),
        ("HourlyFunction58FC0A61", "HourlyRole3E9C6D5B", hourly),
    ):
        resources[function] = {
            "Type": "AWS::Lambda::Function",
            "Properties": {"Role": {"Fn::GetAtt": [role, "Arn"]}},
        }
        policy = {"PolicyName": "p", "PolicyDocument": {"Statement": list(statements)}}
        resources[role] = {"Type": "AWS::IAM::Role", "Properties": {"Policies": [policy]}}
    return {"Resources": copy.deepcopy(resources)}


def asked(key: str, service: str, operation: str, **parameters: Any) -> Call:
    return Call(key, REGION, service, operation, parameters, 200)


def on_table(key: str, operation: str, table: str = "stack-state") -> Call:
    return asked(key, "dynamodb", operation, TableName=table)


CALLS = (
    on_table(STREAM, "GetItem"),
    on_table(STREAM, "UpdateItem"),
    asked(STREAM, "sns", "Publish", TopicArn=TOPIC, Message="x"),
    asked(STREAM, "securityhub", "BatchImportFindings", Findings=[{"ProductArn": PRODUCT}] * 2),
    asked(
        STREAM, "logs", "PutLogEvents", logGroupName="/ekswatch/stack/signals", logStreamName="s"
    ),
    on_table(HOURLY, "GetItem"),
    on_table(HOURLY, "UpdateItem"),
    asked(HOURLY, "logs", "StartQuery", logGroupNames=["/ekswatch/stack/signals"]),
    asked(HOURLY, "logs", "GetQueryResults", queryId="q"),
)
TABLE = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/stack-state"
SIGNALS = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/ekswatch/stack/signals"


def problems(
    of: Mapping[str, Any] | None = None,
    calls: Sequence[Call] = CALLS,
    excused: Sequence[NotSeen] = EXCUSED,
) -> list[str]:
    return check(of or template(), IDS, calls, account=ACCOUNT, region=REGION, not_seen=excused)


def test_what_is_used_is_granted_and_nothing_else() -> None:
    """Every call of the run has its grant, and every grant its call or its excuse."""
    assert problems() == []


@pytest.mark.parametrize(
    ("removed", "said"),
    [
        (TELL, f"StreamRole: sns:Publish on {TOPIC} was used and is not granted"),
        (
            IMPORT,
            f"StreamRole: securityhub:BatchImportFindings on {PRODUCT} was used and is not granted",
        ),
        (
            WRITE,
            f"StreamRole: logs:PutLogEvents on {SIGNALS}:log-stream:s was used and is not granted",
        ),
    ],
)
def test_a_removed_grant_is_named(removed: Mapping[str, Any], said: str) -> None:
    """With the role, the action and the resource of the call."""
    left = [one for one in (STATE, TELL, IMPORT, WRITE) if one is not removed]

    assert problems(template(stream=left)) == [said]


def test_one_action_less_is_named() -> None:
    """Within a statement that stays."""
    less = {**STATE, "Action": "dynamodb:GetItem"}

    assert problems(template(stream=[less, TELL, IMPORT, WRITE])) == [
        f"StreamRole: dynamodb:UpdateItem on {TABLE} was used and is not granted"
    ]


def test_the_same_action_on_something_else_is_named_with_what_is_granted() -> None:
    """A grant for one table is none for another."""
    found = problems(calls=[*CALLS, on_table(STREAM, "GetItem", "other")])

    assert found == [
        f"StreamRole: dynamodb:GetItem on arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/other"
        f" was used and is not granted; it is granted by KeepState on {TABLE}"
    ]


def test_a_grant_of_the_other_function_does_not_count() -> None:
    """Each role is judged by what its own function asked."""
    found = problems(calls=[*CALLS, asked(HOURLY, "sns", "Publish", TopicArn=TOPIC)])

    assert found == [f"HourlyRole: sns:Publish on {TOPIC} was used and is not granted"]


def test_a_denied_action_is_not_granted() -> None:
    """A Deny without condition wins over the grant, and is no grant that must be used."""
    deny = statement("CodeMayNot", "sns:*", "*") | {"Effect": "Deny"}

    (found,) = problems(template(stream=[STATE, TELL, IMPORT, WRITE, deny]))

    assert found.startswith(f"StreamRole: sns:Publish on {TOPIC} was used and is not granted")


def test_a_condition_is_left_to_the_emulator() -> None:
    """A grant with a condition counts, and a Deny with one does not."""
    only = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    deny = statement("CodeMayNot", "sns:*", "*", Condition=only) | {"Effect": "Deny"}
    grants = [STATE, {**TELL, "Condition": only}, IMPORT, WRITE, deny]

    assert problems(template(stream=grants)) == []


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (
            statement("KeepLists", "s3:GetObject", "arn:aws:s3:::intel/tor.txt"),
            "statement KeepLists of StreamRole: s3:GetObject on arn:aws:s3:::intel/tor.txt"
            " is granted and was not used",
        ),
        (
            statement("ScanState", ["dynamodb:GetItem", "dynamodb:Scan"], STATE["Resource"]),
            f"statement ScanState of StreamRole: dynamodb:Scan on {TABLE}"
            " is granted and was not used",
        ),
        (
            statement("Publish", "sns:Publish", [{"Ref": "Topic5B6C7D8E"}, f"{TOPIC}-2"]),
            f"statement Publish of StreamRole: sns:Publish on {TOPIC}-2"
            " is granted and was not used",
        ),
    ],
)
def test_a_surplus_grant_is_named(extra: Mapping[str, Any], said: str) -> None:
    """A statement, an action, or a resource that no call needed."""
    assert problems(template(stream=[STATE, TELL, IMPORT, WRITE, extra])) == [said]


def test_what_no_run_uses_must_be_granted() -> None:
    """An excuse outlives its grant only until the next run."""
    stale = NotSeen(("StreamRole",), "KeepOldEvents", "s3:PutObject", "when every attempt failed")

    assert problems(excused=[*EXCUSED, stale]) == [
        "StreamRole has no s3:PutObject in a statement KeepOldEvents: take it off the list of what"
        " no run uses (when every attempt failed)"
    ]


def test_what_no_run_uses_must_not_be_used() -> None:
    """What a run did use needs no excuse."""
    stopped = asked(HOURLY, "logs", "StopQuery", queryId="q")

    assert problems(calls=[*CALLS, stopped]) == [
        "statement FinishQueries of HourlyRole: logs:StopQuery on * was used, take it off the"
        " list of what no run uses (only when it takes too long)"
    ]


def test_a_caller_that_is_no_function_is_named() -> None:
    """Without the emulator's IAM all functions would share the root user's key."""
    assert problems(calls=[*CALLS, on_table(ACCOUNT, "GetItem")]) == [
        f"dynamodb GetItem came from {ACCOUNT}, which is no function's role"
    ]


@pytest.mark.parametrize(
    ("call", "action", "resources"),
    [
        (
            asked("", "s3", "GetObject", Bucket="b", Key="k/1"),
            "s3:GetObject",
            ("arn:aws:s3:::b/k/1",),
        ),
        (asked("", "s3", "HeadObject", Bucket="b", Key="k"), "s3:GetObject", ("arn:aws:s3:::b/k",)),
        (asked("", "s3", "ListObjectsV2", Bucket="b"), "s3:ListBucket", ("arn:aws:s3:::b",)),
        (
            asked("", "lambda", "Invoke", FunctionName="f"),
            "lambda:InvokeFunction",
            (f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f",),
        ),
        (
            asked("", "ssm", "GetParameter", Name="/intel/bad"),
            "ssm:GetParameter",
            (f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/intel/bad",),
        ),
        (
            asked("", "dynamodb", "BatchGetItem", RequestItems={"a": {}, "b": {}}),
            "dynamodb:BatchGetItem",
            tuple(f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}" for table in "ab"),
        ),
        (
            asked("", "logs", "CreateLogStream", logGroupName="/g", logStreamName="s"),
            "logs:CreateLogStream",
            (f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/g:log-stream:s",),
        ),
        (
            asked(
                "", "logs", "StartQuery", logGroupIdentifiers=["arn:aws:logs:r:1:log-group:/g:*"]
            ),
            "logs:StartQuery",
            ("arn:aws:logs:r:1:log-group:/g:log-stream:",),
        ),
        (
            asked("", "logs", "DescribeLogGroups"),
            "logs:DescribeLogGroups",
            (f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group::log-stream:",),
        ),
        (asked("", "eks", "ListClusters"), "eks:ListClusters", ("*",)),
        (
            asked("", "eks", "DescribeCluster", name="prod"),
            "eks:DescribeCluster",
            (f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/prod",),
        ),
    ],
)
def test_permission_and_resource_of_a_call(
    call: Call, action: str, resources: tuple[str, ...]
) -> None:
    """Where IAM's name differs from the API's, and what IAM compares with the policy."""
    assert (action_of(call), resources_of(call, ACCOUNT)) == (action, resources)


def test_a_call_that_names_nothing_known_is_an_error() -> None:
    """A new service must be told of, not waved through."""
    with pytest.raises(Unresolved, match=r"kms:Decrypt: say in .*RESOURCES what resource"):
        resources_of(asked("", "kms", "Decrypt"), ACCOUNT)
    with pytest.raises(Unresolved, match="dynamodb:ListTables: it names no 'TableName'"):
        resources_of(asked("", "dynamodb", "ListTables"), ACCOUNT)


@pytest.mark.parametrize(
    ("resource", "said"),
    [
        ({"Fn::ImportValue": "x"}, "Fn::ImportValue"),
        ({"Ref": "Gone"}, "Gone has no physical ID"),
        ({"Fn::GetAtt": ["Topic5B6C7D8E", "Arn"]}, "what the ARN of Topic5B6C7D8E"),
    ],
)
def test_what_cannot_be_resolved_is_an_error(resource: Any, said: str) -> None:
    """A resource that is not understood would fit nothing, and be told as surplus."""
    with pytest.raises(Unresolved, match=said):
        problems(template(stream=[statement("Odd", "sns:Publish", resource)]))


def test_policies_that_are_not_read_are_an_error() -> None:
    """A managed policy or one beside the role would be grants that nobody sees."""
    managed, beside, reverse = template(), template(), template()
    managed["Resources"]["StreamRole16D76F13"]["Properties"]["ManagedPolicyArns"] = ["arn:x"]
    beside["Resources"]["Extra"] = {"Type": "AWS::IAM::Policy", "Properties": {}}
    role = reverse["Resources"]["StreamRole16D76F13"]["Properties"]
    role["Policies"][0]["PolicyDocument"]["Statement"][0]["NotAction"] = "iam:*"

    for each, said in ((managed, "managed policies"), (beside, "Extra"), (reverse, "NotAction")):
        with pytest.raises(Unresolved, match=said):
            problems(each)


@pytest.mark.parametrize(
    ("text", "pattern", "fits"),
    [
        ("sns:Publish", "SNS:publish", True),
        ("sns:Publish", "sns:*", True),
        ("sns:PublishBatch", "sns:Publish", False),
        ("arn:aws:s3:::b/k", "arn:aws:s3:::B/k", False),
        ("arn:aws:s3:::b/k/l", "arn:aws:s3:::b/*", True),
        ("arn:aws:s3:::b/k", "arn:aws:s3:::b/?", True),
        ("arn:aws:s3:::b/", "arn:aws:s3:::b/?", False),
        ("arn:aws:s3:::b+", "arn:aws:s3:::b+", True),
        ("*", "*", True),
        ("*", "arn:aws:s3:::b", False),
    ],
)
def test_patterns_are_iams(text: str, pattern: str, fits: bool) -> None:
    """`*` and `?` alone; actions in any case, ARNs as they are written."""
    assert like(text, pattern) is fits


def test_each_excuse_has_a_reason_and_stands_once() -> None:
    """The list is read by whoever reviews the roles."""
    named = [(role, one.sid, one.action) for one in NOT_SEEN for role in one.roles]

    assert all(len(one.why.split()) > 5 for one in NOT_SEEN)
    assert len(set(named)) == len(named) > 0
