"""FindingsTopic: findings and alarms for people and machines, encrypted with a key of its own."""

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

CLOUDWATCH = "cloudwatch.amazonaws.com"


class FindingsTopic(Construct):
    """A topic that takes messages over TLS only, from our functions and CloudWatch alarms."""

    def __init__(self, scope: Construct, construct_id: str, *, email: str | None) -> None:
        super().__init__(scope, construct_id)
        self.key = kms.Key(
            self,
            "Key",
            description="ekswatch: findings on their way through SNS",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.DESTROY,  # SNS keeps nothing that needs it afterwards
        )
        self.topic = sns.Topic(
            self, "Topic", display_name="ekswatch", master_key=self.key, enforce_ssl=True
        )
        self._admit_alarms()
        if email:
            self.topic.add_subscription(subscriptions.EmailSubscription(email))

    def _admit_alarms(self) -> None:
        """CDK's SnsAction grants neither of these, and alarms would stay silent."""
        cloudwatch = iam.ServicePrincipal(CLOUDWATCH)
        self.key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsMayEncrypt",
                principals=[cloudwatch],
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=["*"],  # in a key policy: this key
            )
        )
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsMayPublish",
                principals=[cloudwatch],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            )
        )
