"""One botocore session and one client per service, made when first asked for.

botocore alone, without boto3, saves a third of a second at the first finding.
"""

from functools import cache
from typing import TYPE_CHECKING, Any, Literal, overload

import botocore.session
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_eks import EKSClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_securityhub import SecurityHubClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_ssm import SSMClient

CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 4},
    connect_timeout=3,
    read_timeout=20,
)
"""Throttled calls are retried by botocore; the timeouts fit a function that runs for a minute."""


Untyped = Literal["cloudformation", "cloudwatch", "iam", "kms", "lambda", "sts"]
"""What only the commands of an operator ask, and no function."""


@cache
def session() -> botocore.session.Session:
    """The session that all clients come from; hooks registered on it reach every client."""
    return botocore.session.get_session()


@overload
def client(service: Literal["dynamodb"]) -> "DynamoDBClient": ...
@overload
def client(service: Literal["eks"]) -> "EKSClient": ...
@overload
def client(service: Literal["logs"]) -> "CloudWatchLogsClient": ...
@overload
def client(service: Literal["securityhub"]) -> "SecurityHubClient": ...
@overload
def client(service: Literal["s3"]) -> "S3Client": ...
@overload
def client(service: Literal["sns"]) -> "SNSClient": ...
@overload
def client(service: Literal["ssm"]) -> "SSMClient": ...
@overload
def client(service: Untyped) -> Any: ...
def client(service: str) -> Any:
    """The client of a service, one per execution environment."""
    return _client(service)


@cache
def _client(service: str) -> Any:
    return session().create_client(service, config=CONFIG)


def use(*, region: str = "", profile: str = "") -> None:
    """Start over with this Region and profile; an empty one is as AWS's own settings have it."""
    forget()
    for name, value in (("region", region), ("profile", profile)):
        if value:
            session().set_config_variable(name, value)


def forget() -> None:
    """Drop session and clients, so that the next call sees the credentials of that moment."""
    _client.cache_clear()
    session.cache_clear()
