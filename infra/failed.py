"""FailedEvents: where Lambda leaves an invocation that failed every attempt, for replay."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.nag import acknowledge


class FailedEvents(s3.Bucket):
    """A private bucket that outlives the stack: what lies in it was not analysed yet.

    S3 rather than a queue, because a record wraps a payload of up to 1 MB and may not fit one.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        retention_days: int,
        key: kms.IKey | None,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            encryption=s3.BucketEncryption.KMS if key else s3.BucketEncryption.S3_MANAGED,
            encryption_key=key,
            bucket_key_enabled=True if key else None,  # fewer calls to KMS
            enforce_ssl=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            lifecycle_rules=[s3.LifecycleRule(expiration=Duration.days(retention_days))],
            removal_policy=RemovalPolicy.RETAIN,
        )
        acknowledge(
            self,
            {
                "AwsSolutions-S1": "Only Lambda writes here, one object per failed invocation,"
                " and an alarm tells of each; access logs would need a second bucket of this kind"
            },
        )
