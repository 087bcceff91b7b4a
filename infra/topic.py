"""FindingsTopic: findings and alarms for people and machines, encrypted; ours, or a given one."""

from collections.abc import Sequence

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

CLOUDWATCH = "cloudwatch.amazonaws.com"


class FindingsTopic(Construct):
    """A topic that takes messages over TLS only, from our functions and CloudWatch alarms.

    A `key` is the operator's, with a policy of theirs; without one the topic gets its own.
    """

    key: kms.IKey | None
    topic: sns.ITopic

    def __init__(
        self, scope: Construct, construct_id: str, *, email: Sequence[str], key: kms.IKey | None
    ) -> None:
        super().__init__(scope, construct_id)
        self.key = key or self._own_key()
        self.topic = sns.Topic(
            self, "Topic", display_name="ekswatch", master_key=self.key, enforce_ssl=True
        )
        self._admit_alarms()
        for address in email:
            self.topic.add_subscription(subscriptions.EmailSubscription(address))

    def _own_key(self) -> kms.Key:
        """CDK's SnsAction does not let CloudWatch use it, and alarms would stay silent."""
        key = kms.Key(
            self,
            "Key",
            description="ekswatch: findings on their way through SNS",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.DESTROY,  # SNS keeps nothing that needs it afterwards
        )
        key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsMayEncrypt",
                principals=[iam.ServicePrincipal(CLOUDWATCH)],
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=["*"],  # in a key policy: this key
            )
        )
        return key

    def _admit_alarms(self) -> None:
        """CDK's SnsAction does not do this either."""
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsMayPublish",
                principals=[iam.ServicePrincipal(CLOUDWATCH)],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            )
        )


class GivenTopic(Construct):
    """A topic of the operator's, and the key it is encrypted with, if any. Both stay as they are:
    whom they admit is for their own policies to say."""

    key: kms.IKey | None
    topic: sns.ITopic

    def __init__(
        self, scope: Construct, construct_id: str, *, topic_arn: str, key_arn: str | None
    ) -> None:
        super().__init__(scope, construct_id)
        self.key = kms.Key.from_key_arn(self, "Key", key_arn) if key_arn else None
        self.topic = sns.Topic.from_topic_arn(self, "Topic", topic_arn)
