"""What `make e2e` runs and says: the documentation's commands, and what is wrong by its name."""

import json
from typing import Any

import pytest

from tests.e2e.commands import shown
from tests.e2e.grants import respell
from tests.e2e.report import Report, StepFailed
from tests.e2e.steps import require_names

DEPLOY = ["npx", "cdk", "deploy", "-c", "clusters=prod,staging", "-c", "email=soc@example.com"]


def test_the_readme_and_the_page_on_deploying_deploy_alike() -> None:
    """The same commands, but that the README bootstraps the account on the way."""
    readme, page = shown("README.md", "Deploy it"), shown("docs/deploying.md", "Deploy")

    bootstrap = ["npx", "cdk", "bootstrap", "-c", "clusters=prod,staging"]
    assert readme == [["make", "setup"], ["npm", "ci"], bootstrap, DEPLOY]
    assert [one for one in readme if one != bootstrap] == page[:3]
    assert page[3:] == [["ekswatch", "doctor"], ["ekswatch", "selftest"]]


@pytest.mark.parametrize(
    ("page", "section", "first", "last"),
    [
        ("docs/commands.md", "replay", "ekswatch replay --failed --dry-run", "--delete"),
        ("docs/deploying.md", "Removing it", "npx cdk destroy -c clusters=prod,staging", "prod"),
    ],
)
def test_commands_are_read_from_the_pages(page: str, section: str, first: str, last: str) -> None:
    """In order, without comments."""
    commands = [" ".join(words) for words in shown(page, section)]

    assert commands[0] == first
    assert last in commands[-1]
    assert not [command for command in commands if "#" in command]


def test_a_section_without_commands_is_an_error() -> None:
    """Else a page that is rewritten would leave the run without steps."""
    with pytest.raises(ValueError, match=r"README\.md has no command under 'Licence'"):
        shown("README.md", "Licence")


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"EKSWATCH_TABLE", "EKSWATCH_CLUSTERS"}, "EKSWATCH_TABLE is told, and not read"),
        ({"EKSWATCH_CLUSTERS"}, "EKSWATCH_TABLE_NAME is read, and not told"),
    ],
)
def test_a_variable_of_another_name_is_named(told: set[str], said: str) -> None:
    """Whichever side spells it otherwise."""
    with pytest.raises(StepFailed, match=said):
        require_names(told, {"EKSWATCH_TABLE_NAME", "EKSWATCH_CLUSTERS"})


def test_variables_by_the_same_names_are_well() -> None:
    require_names({"EKSWATCH_TABLE_NAME"}, {"EKSWATCH_TABLE_NAME"})


def test_a_failure_says_in_which_step_and_what_was_logged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What is expected, what was seen, and the lines of those who took part."""
    report = Report()
    failure = StepFailed("the stream function to succeed", "sns:Publish is not allowed")

    with pytest.raises(StepFailed), report.step("events in"):
        raise failure
    report.failed(failure, ["stream: AccessDenied"])

    assert capsys.readouterr().out.splitlines() == [
        "",
        "FAILED in step 1: events in",
        "expected: the stream function to succeed",
        "seen: sns:Publish is not allowed",
        "",
        "logged meanwhile:",
        "stream: AccessDenied",
    ]


class Iam:
    """An IAM client with one role that has one policy."""

    def __init__(self, *statements: dict[str, Any]) -> None:
        self.statements = list(statements)

    def get_paginator(self, _: str) -> "Iam":
        return self

    def paginate(self) -> "Iam":
        return self

    def build_full_result(self) -> Any:
        return {"Roles": [{"RoleName": "role"}]}

    def list_role_policies(self, **_: str) -> Any:
        return {"PolicyNames": ["policy"]}

    def get_role_policy(self, **_: str) -> Any:
        return {"PolicyDocument": {"Statement": self.statements}}

    def put_role_policy(self, *, PolicyDocument: str, **_: str) -> None:  # noqa: N803  # the API's
        self.statements = json.loads(PolicyDocument)["Statement"]


def test_no_grant_is_made_by_spelling() -> None:
    """Actions stay as they are, and only those that MiniStack checks on `*` get that."""
    group = "arn:aws:logs:eu-central-1:111122223333:log-group:signals"
    iam = Iam(
        {"Action": ["logs:PutLogEvents"], "Resource": f"{group}:*"},
        {"Action": "logs:StartQuery", "Resource": f"{group}:*"},
        {"Action": ["logs:StartQuery", "logs:PutLogEvents"], "Resource": f"{group}:*"},
        {"Action": "sns:Publish", "Resource": "arn:aws:sns:eu-central-1:111122223333:topic"},
    )

    respell(iam)

    assert iam.statements == [
        {"Action": ["logs:PutLogEvents"], "Resource": [f"{group}:*", group]},
        {"Action": "logs:StartQuery", "Resource": "*"},
        {"Action": ["logs:StartQuery", "logs:PutLogEvents"], "Resource": [f"{group}:*", group]},
        {"Action": "sns:Publish", "Resource": "arn:aws:sns:eu-central-1:111122223333:topic"},
    ]
