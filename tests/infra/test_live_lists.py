"""Live lists: the functions may read exactly what the configuration names."""

import aws_cdk as cdk
from aws_cdk import assertions
from aws_cdk import aws_lambda as lambda_

from infra.clusters import Names
from infra.config import Config
from infra.stack import EkswatchStack

LISTS = ("tor_exits=s3://intel/tor.txt", "bad=ssm:/intel/bad")


def statements(*lists: str) -> dict[str, list[object]]:
    """Statements about live lists, by their ID, with the resources."""
    app = cdk.App()
    config = Config(clusters=Names(("prod",)), live_lists=lists)
    code = lambda_.Code.from_inline("def handler(event, context): ...")
    stack = EkswatchStack(app, "Test", config=config, code=code)
    roles = assertions.Template.from_stack(stack).find_resources("AWS::IAM::Role")
    found: dict[str, list[object]] = {}
    for role in roles.values():
        for policy in role["Properties"].get("Policies", ()):
            for statement in policy["PolicyDocument"]["Statement"]:
                if statement.get("Sid", "").startswith("ReadLive"):
                    found.setdefault(statement["Sid"], []).append(statement)
    return found


def test_both_functions_may_read_what_is_named() -> None:
    """One object and one parameter, no more."""
    found = statements(*LISTS)

    assert {sid: len(each) for sid, each in found.items()} == {
        "ReadLiveLists": 2,
        "ReadLiveParameters": 2,
    }
    text = str(found)
    assert ":s3:::intel/tor.txt" in text
    assert ":parameter/intel/bad" in text
    assert "*" not in text


def test_without_live_lists_nothing_is_granted() -> None:
    """As most deployments have it."""
    assert statements() == {}
