"""Checkup: whether what ekswatch depends on is there, one answer per thing. Nothing is changed.

Each check is one question with one answer. A question that AWS does not answer is a cross of its
own, with the right that is missing where that is why, and ends no other one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ekswatch.aws import clients
from ekswatch.aws.answers import code, missing_right
from ekswatch.aws.audit_logs import (
    Slots,
    audit_is_on,
    creating,
    slots,
    subscribing,
    switch_on,
    unsubscribing,
    watched,
)
from ekswatch.aws.clients import client
from ekswatch.aws.clusters import STANDARD, Subscription, described_group, log_group
from ekswatch.aws.rights import AGAIN, LOGS, admits_logs, key_admits, refused, rights
from ekswatch.aws.settings import SettingError, Settings
from ekswatch.aws.stack import Function, NotDeployed, Stack, find, functions, told_both

SKEW_SECONDS = 300
"""How far this clock may be off: AWS refuses what was signed longer ago than five minutes."""
SIGNAL_DAYS = 14
"""The hourly function looks back this far; signals that are deleted before are not judged."""
CLOUDWATCH = "cloudwatch.amazonaws.com"


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, whether it is as it must be, what was seen, and what mends it.

    `fix` is a command of `aws` or `npx cdk`, or a sentence; empty where all is well.
    """

    name: str
    ok: bool
    seen: str
    fix: str = ""


Question = Callable[[], Check]


def checkup(stack: str, clusters: Sequence[str], *, now: Callable[[], datetime]) -> Iterator[Check]:
    """Every check, in the order in which one thing depends on the other.

    Shape: `clusters` are names, those of the deployed stack where none are given.
    Where nobody answers for the credentials, the checks of them are all there are.
    """
    session = list(_of_the_caller(now))
    yield from session
    if not all(check.ok for check in session if check.name != "clock"):
        return
    found = None
    try:
        found = find(stack)
        yield Check("stack", True, f"{stack} is {found.status}")
        stream, hourly = functions(found)
        told = told_both(stream, hourly)
    except NotDeployed as missing:
        yield Check("stack", False, str(missing), "npx cdk deploy -c clusters=... -c email=...")
    except SettingError as wrong:
        yield Check("functions", False, str(wrong), AGAIN)
    except (ClientError, BotoCoreError) as error:
        yield unanswered("functions" if found else "stack", error)
    else:
        yield from _answers(_of_the_stack(found, (stream, hourly), told))
        yield from _of_clusters(clusters, found, stream, told)
        return
    yield from _answers({"Security Hub": security_hub})
    for cluster in clusters:
        yield from _answers(_of_a_log(cluster) | {f"{cluster}: slots": partial(free, cluster)})


def unanswered(name: str, error: Exception) -> Check:
    """The cross of a question that AWS did not answer, with the right that the caller lacks."""
    if right := missing_right(error):
        fix = f"let the credentials that you use do {right}, or ask somebody who may"
        return Check(name, False, f"not known: you may not {right}", fix)
    return Check(name, False, f"not known: {error}", "try again; see what AWS says")


def _answers(questions: Mapping[str, Question]) -> Iterator[Check]:
    for name, ask in questions.items():
        try:
            yield ask()
        except (ClientError, BotoCoreError) as error:
            yield unanswered(name, error)


def _of_the_stack(
    stack: Stack, functions: Sequence[Function], told: Settings
) -> dict[str, Question]:
    """The questions about what was deployed once, by name."""
    questions: dict[str, Question] = {}
    for name, each in zip(("stream", "hourly"), functions, strict=True):
        questions[f"{name} function"] = partial(runs, name, each)
        questions[f"{name} rights"] = partial(may, name, each, stack, told)
    questions["table"] = partial(table, stack.state_table)
    questions["retention"] = partial(retention, stack)
    if told.security_hub:
        questions["Security Hub"] = security_hub
    if told.sns_topic_arn:
        questions["topic"] = partial(topic, told.sns_topic_arn)
        questions["key of the topic"] = partial(key_of_topic, told.sns_topic_arn)
    return questions


def _of_clusters(
    names: Sequence[str], stack: Stack, stream: Function, told: Settings
) -> Iterator[Check]:
    """The checks of the clusters given, or of those that the functions watch."""
    try:
        clusters = tuple(names) or watched(told)
    except (ClientError, BotoCoreError) as error:
        yield unanswered("clusters", error)
        return
    if not clusters:
        fix = "give --cluster, or deploy with -c clusters=..."
        yield Check("clusters", False, "the stack watches no cluster", fix)
    for cluster in clusters:
        subscribed = partial(subscription, cluster, told)
        delivered = partial(delivery, cluster, stack, stream)
        more: dict[str, Question] = {
            f"{cluster}: subscription": subscribed,
            f"{cluster}: delivery": delivered,
        }
        yield from _answers(_of_a_log(cluster) | more)


def _of_a_log(cluster: str) -> dict[str, Question]:
    return {
        f"{cluster}: audit log": partial(audit_log, cluster),
        f"{cluster}: log group": partial(group_of_cluster, cluster),
    }


# --- the caller


def _of_the_caller(now: Callable[[], datetime]) -> Iterator[Check]:
    """Region, credentials and clock: whatever is asked of AWS depends on these."""
    if not (region := clients.session().get_config_variable("region")):
        yield Check("region", False, "none is set", "aws configure set region eu-central-1")
        return
    try:
        answer: Any = client("sts").get_caller_identity()
    except (ClientError, BotoCoreError) as error:
        yield Check("credentials", False, str(error), "aws sts get-caller-identity")
        yield from _clock(getattr(error, "response", {}), now())
        return
    yield Check("region", True, region)
    yield Check("credentials", True, answer["Arn"])
    yield from _clock(answer, now())


def _clock(answer: Mapping[str, Any], at: datetime) -> Iterator[Check]:
    date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    if date:
        yield clock(at, parsedate_to_datetime(date).astimezone(UTC))


def clock(here: datetime, there: datetime) -> Check:
    """Whether this machine's clock agrees with that of AWS."""
    off = round((here - there).total_seconds())
    words = f"{abs(off)} s {'ahead of' if off > 0 else 'behind'} AWS, {SKEW_SECONDS} s are allowed"
    ok = abs(off) <= SKEW_SECONDS
    return Check("clock", ok, words, "" if ok else "sudo timedatectl set-ntp true")


# --- what the stack made


def runs(name: str, deployed: Function) -> Check:
    """Whether Lambda can run a function."""
    if deployed.state in ("Active", "Inactive"):  # an idle one is made ready at the next event
        return Check(f"{name} function", True, f"{deployed.name} is {deployed.state}")
    seen = f"{deployed.name} is {deployed.state}: {deployed.reason or 'Lambda says no more'}"
    return Check(f"{name} function", False, seen, AGAIN)


def may(name: str, deployed: Function, stack: Stack, told: Settings) -> Check:
    """Whether a function's role may do what the function does, as IAM's simulator judges it.

    It knows the role's own policies, its permissions boundary and policies of the organization.
    """
    needed = rights(name, stack, told)
    lacking = refused(deployed.role_arn, needed)
    if not lacking:
        return Check(f"{name} rights", True, f"all {len(needed)} actions are allowed")
    first = lacking[0]
    seen = f"may not {', '.join(each.action for each in lacking)} ({first.why})"
    return Check(f"{name} rights", False, seen, first.fix)


def table(name: str) -> Check:
    """Whether the table of findings is there."""
    restore = f"aws dynamodb restore-table-from-backup --target-table-name {name} --backup-arn ..."
    backups = f"aws dynamodb list-backups --backup-type SYSTEM --table-name {name}"
    fix = f"find the backup that DynamoDB kept: {backups}; then: {restore}"
    try:
        found: Any = client("dynamodb").describe_table(TableName=name)["Table"]
    except ClientError as error:
        if code(error) != "ResourceNotFoundException":
            raise
        return Check("table", False, f"there is no table {name}", fix)
    ok = found["TableStatus"] in ("ACTIVE", "UPDATING")
    return Check("table", ok, f"{name} is {found['TableStatus']}", "" if ok else fix)


def retention(stack: Stack) -> Check:
    """Whether our log groups are there and end, the signals not before they were judged."""
    for name in ("stream", "hourly", "signals"):
        group = stack.log_group(name)
        found = described_group(group, client("logs"))
        if found is None:
            return Check("retention", False, f"there is no log group {group}", AGAIN)
        days = found.get("retentionInDays")
        set_it = f"aws logs put-retention-policy --log-group-name {group} --retention-in-days 30"
        if days is None:
            return Check("retention", False, f"{group} is kept, and paid, for ever", set_it)
        if name == "signals" and days < SIGNAL_DAYS:
            seen = f"{group} is kept {days} days, {SIGNAL_DAYS} are needed"
            return Check("retention", False, seen, set_it)
    return Check("retention", True, f"our log groups are kept {days} days")


def security_hub() -> Check:
    """Whether Security Hub CSPM is on, which takes findings for its default product."""
    try:
        client("securityhub").describe_hub()
    except ClientError as error:
        if code(error) not in ("InvalidAccessException", "ResourceNotFoundException"):
            raise
        fix = "aws securityhub enable-security-hub --no-enable-default-standards"
        return Check("Security Hub", False, "Security Hub CSPM is off here", fix)
    return Check("Security Hub", True, "CSPM is on")


def topic(arn: str) -> Check:
    """Whether the topic is there and somebody listens."""
    subscribe = f"aws sns subscribe --topic-arn {arn} --protocol email --notification-endpoint ..."
    try:
        pages = client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=arn)
        arns = [one["SubscriptionArn"] for page in pages for one in page["Subscriptions"]]
    except ClientError as error:
        if code(error) != "NotFound":
            raise
        return Check("topic", False, f"there is no topic {arn}", AGAIN)
    confirmed = sum(one.startswith("arn:") for one in arns)
    seen = f"confirmed subscriptions: {confirmed} of {len(arns)}"
    if confirmed:
        return Check("topic", True, seen)
    confirm = "open the link in the mail that SNS sent, or subscribe again: " if arns else ""
    return Check("topic", False, seen, f"{confirm}{subscribe}")


def key_of_topic(arn: str) -> Check:
    """Whether the topic's key works, and CloudWatch may use it for alarms."""
    attributes = client("sns").get_topic_attributes(TopicArn=arn)["Attributes"]
    name = "key of the topic"
    if not (key := attributes.get("KmsMasterKeyId")):
        return Check(name, True, "the topic is not encrypted with a key")
    kms = client("kms")
    found: Any = kms.describe_key(KeyId=key)["KeyMetadata"]
    if found["KeyState"] != "Enabled":
        mend = "cancel-key-deletion" if found["KeyState"] == "PendingDeletion" else "enable-key"
        seen = f"{key} is {found['KeyState']}"
        return Check(name, False, seen, f"aws kms {mend} --key-id {found['KeyId']}")
    policy = kms.get_key_policy(KeyId=found["KeyId"], PolicyName="default")["Policy"]
    if not key_admits(policy, CLOUDWATCH):
        seen = "CloudWatch may not use it, so alarms stay silent"
        fix = f"allow {CLOUDWATCH} kms:Decrypt and kms:GenerateDataKey* in the policy of {key}"
        return Check(name, False, seen, fix)
    return Check(name, True, "enabled, and CloudWatch may use it")


# --- each cluster


def audit_log(cluster: str) -> Check:
    """Whether EKS writes the audit log of a cluster."""
    name = f"{cluster}: audit log"
    try:
        on = audit_is_on(cluster)
    except ClientError as error:
        if code(error) != "ResourceNotFoundException":
            raise
        return Check(name, False, "there is no such cluster here", "aws eks list-clusters")
    return Check(name, on, "on" if on else "off", "" if on else switch_on(cluster))


def group_of_cluster(cluster: str) -> Check:
    """Whether the log group of a cluster is there and can be subscribed."""
    name, group = f"{cluster}: log group", log_group(cluster)
    found = described_group(group, client("logs"))
    if found is None:
        return Check(name, False, f"there is no {group}", creating(cluster))
    kind = found.get("logGroupClass", STANDARD)
    if kind != STANDARD:
        seen = f"{group} has class {kind}, which cannot be subscribed nor changed"
        fix = f"aws logs delete-log-group --log-group-name {group} && {creating(cluster)}"
        return Check(name, False, seen, f"save what you have to keep of it, then: {fix}")
    days = found.get("retentionInDays")
    return Check(name, True, f"{group}, kept {f'{days} days' if days else 'for ever'}")


def subscription(cluster: str, told: Settings) -> Check:
    """Whether a filter on the log group delivers to our function; `told` is the hourly one."""
    ours = Subscription.of(told)
    name, found = f"{cluster}: subscription", slots(cluster, ours)
    if found.ours:
        return Check(name, True, f"{found.ours[0].name} delivers to us; {found.said}")
    put = subscribing(cluster, ours)
    if ours.name in (one.name for one in found.others):
        return Check(name, False, f"our filter does not deliver to us; {found.said}", put)
    if found.full:
        return _full(name, cluster, found, then=f" && {put}")
    later = "the next hourly run does it, or at once: " if told.discovery else ""
    return Check(name, False, f"no filter delivers to us; {found.said}", f"{later}{put}")


def free(cluster: str) -> Check:
    """Whether a filter of ours would find room on the log group."""
    name, found = f"{cluster}: slots", slots(cluster)
    return _full(name, cluster, found) if found.full else Check(name, True, found.said)


def _full(name: str, cluster: str, found: Slots, *, then: str = "") -> Check:
    newest = max(found.others, key=lambda one: one.created_ms)
    seen = f"no free slot, unless your quota is higher; {found.said}"
    remove = unsubscribing(cluster, newest.name)
    return Check(name, False, seen, f"if nobody needs {newest.name}: {remove}{then}")


def delivery(cluster: str, stack: Stack, stream: Function) -> Check:
    """Whether CloudWatch Logs may invoke the function for this log group."""
    name, arn = f"{cluster}: delivery", stack.arn("logs", f"log-group:{log_group(cluster)}:*")
    try:
        policy = client("lambda").get_policy(FunctionName=stream.name)["Policy"]
    except ClientError as error:
        if code(error) != "ResourceNotFoundException":
            raise
        policy = '{"Statement": []}'
    if admits_logs(policy, arn):
        return Check(name, True, "CloudWatch Logs may invoke the stream function")
    admit = (
        f"aws lambda add-permission --function-name {stream.name}"
        f" --statement-id ekswatch-{cluster} --action lambda:InvokeFunction"
        f" --principal {LOGS} --source-arn '{arn}' --source-account {stack.account}"
    )
    return Check(name, False, "CloudWatch Logs may not invoke the stream function", admit)
