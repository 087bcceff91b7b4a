"""EKS clusters with log groups and filters, in a mocked account."""

import io
import json
import zipfile
from collections.abc import Sequence
from typing import Any

from botocore.session import Session

from ekswatch.aws.clusters import log_group

ACCOUNT = "123456789012"
AUDITED = ("api", "audit")


def make_cluster(
    session: Session,
    name: str,
    *,
    logged: Sequence[str] = AUDITED,
    tags: dict[str, str] | None = None,
    group: bool = True,
) -> None:
    """A cluster whose control-plane logs of these types are on, with its log group."""
    switches = [{"types": list(logged), "enabled": True}] if logged else []
    others = [kind for kind in ("api", "audit", "scheduler") if kind not in logged]
    session.create_client("eks").create_cluster(
        name=name,
        roleArn=f"arn:aws:iam::{ACCOUNT}:role/eks",
        resourcesVpcConfig={"subnetIds": ["subnet-1", "subnet-2"]},
        logging={"clusterLogging": [*switches, {"types": others, "enabled": False}]},
        tags=tags or {},
    )
    if group:
        session.create_client("logs").create_log_group(logGroupName=log_group(name))


def make_function(session: Session, name: str) -> str:
    """A Lambda function, as CloudWatch Logs takes no filter to one that is not there; its ARN."""
    iam = session.create_client("iam")
    if not iam.list_roles()["Roles"]:
        trust = {"Version": "2012-10-17", "Statement": []}
        iam.create_role(RoleName="any", AssumeRolePolicyDocument=json.dumps(trust))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("nothing.py", "")
    made = session.create_client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=iam.get_role(RoleName="any")["Role"]["Arn"],
        Handler="nothing.nothing",
        Code={"ZipFile": archive.getvalue()},
    )
    return str(made["FunctionArn"])


def make_filter(session: Session, cluster: str, name: str, destination: str = "") -> None:
    """A subscription filter on a cluster's log group, by default to a function of the name."""
    session.create_client("logs").put_subscription_filter(
        logGroupName=log_group(cluster),
        filterName=name,
        filterPattern="",
        destinationArn=destination or make_function(session, name),
    )


def filters_of(session: Session, cluster: str) -> dict[str, tuple[str, str]]:
    """Pattern and destination of the filters on a cluster's log group, by name."""
    client: Any = session.create_client("logs")
    found = client.describe_subscription_filters(logGroupName=log_group(cluster))
    return {
        one["filterName"]: (one["filterPattern"], one["destinationArn"])
        for one in found["subscriptionFilters"]
    }


def give_class(session: Session, cluster: str, log_class: str) -> None:
    """Let a log group have a class; moto knows none. For clients that are made from now on."""

    def answer(parsed: dict[str, Any], **_: Any) -> None:
        for group in parsed["logGroups"]:
            if group["logGroupName"] == log_group(cluster):
                group["logGroupClass"] = log_class

    session.register("after-call.logs.DescribeLogGroups", answer)
