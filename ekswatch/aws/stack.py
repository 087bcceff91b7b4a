"""Stack: where the resources of a deployed ekswatch are, asked of CloudFormation and Lambda."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from ekswatch.aws.answers import code
from ekswatch.aws.clients import client
from ekswatch.aws.settings import Settings
from ekswatch.findings.finding import Scope

OUTPUTS = (
    *("FailedEventsBucket", "SignalsLogGroup", "StateTable"),
    *("StreamFunction", "HourlyFunction"),
)
"""Of the stack, by which its resources are found; `infra` writes the same names."""


class NotDeployed(Exception):  # noqa: N818  # read as a fact
    """There is no such stack in this account and Region, or it is not one of ours."""


@dataclass(frozen=True, slots=True)
class Stack:
    """One installation: its stack's name and state, and the names of its resources."""

    name: str
    status: str
    partition: str
    account: str
    region: str
    failed_events_bucket: str
    signals_log_group: str
    state_table: str
    stream_function: str
    hourly_function: str

    def scope(self, cluster: str) -> Scope:
        """Where a cluster's findings are said to be."""
        return Scope(self.partition, self.account, self.region, cluster)

    def log_group(self, name: str) -> str:
        """One of our own log groups: stream, hourly or signals."""
        return f"/ekswatch/{self.name}/{name}"

    def arn(self, service: str, resource: str) -> str:
        """Of a resource in the account and Region of the stack."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"


@dataclass(frozen=True, slots=True)
class Function:
    """A deployed function: what it was told, whose role it has, and whether it can run."""

    name: str
    arn: str
    role_arn: str
    state: str
    reason: str
    environment: Mapping[str, str]

    @property
    def told(self) -> Settings:
        """Raises: SettingError, naming the variable that is missing or wrong."""
        return Settings.from_env(self.environment)


def find(name: str) -> Stack:
    """The stack of this name.

    Raises: NotDeployed, ClientError, BotoCoreError.
    """
    try:
        described: Any = client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if code(error) == "ValidationError":  # what "does not exist" is
            raise NotDeployed(f"there is no stack {name} here") from None
        raise
    outputs = {each["OutputKey"]: each["OutputValue"] for each in described.get("Outputs", ())}
    if missing := [output for output in OUTPUTS if output not in outputs]:
        raise NotDeployed(
            f"the stack {name} is {described['StackStatus']} and has no output {missing[0]}"
        )
    _, partition, _, region, account, *_ = described["StackId"].split(":")
    return Stack(
        name,
        described["StackStatus"],
        partition,
        account,
        region,
        *(str(outputs[output]) for output in OUTPUTS),
    )


def functions(stack: Stack) -> tuple[Function, Function]:
    """The stream function and the hourly one. Raises: ClientError, BotoCoreError."""
    return function(stack.stream_function), function(stack.hourly_function)


def told_both(stream: Function, hourly: Function) -> Settings:
    """What the hourly function was told: all that the stream function was, and more.

    Raises: SettingError, when either was told something wrong.
    """
    _ = stream.told
    return hourly.told


def function(name: str) -> Function:
    """Raises: ClientError, BotoCoreError."""
    found: Any = client("lambda").get_function_configuration(FunctionName=name)
    failed = found.get("LastUpdateStatus") == "Failed"
    return Function(
        name=name,
        arn=found["FunctionArn"],
        role_arn=found["Role"],
        state="Failed" if failed else found.get("State", "Active"),
        reason=found.get("LastUpdateStatusReason" if failed else "StateReason", ""),
        environment=found.get("Environment", {}).get("Variables", {}),
    )
