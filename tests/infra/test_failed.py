"""What failed every attempt is kept, privately, for replay."""

from tests.infra.template import Resources


def test_the_bucket_is_private_and_encrypted(resources: Resources) -> None:
    """Failed events hold audit records: nothing about them is public."""
    bucket = resources.only("AWS::S3::Bucket")

    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


def test_the_bucket_takes_tls_only(resources: Resources) -> None:
    """Every action over a plain connection is denied to everyone."""
    (statement,) = resources.only("AWS::S3::BucketPolicy")["PolicyDocument"]["Statement"]

    assert (statement["Effect"], statement["Action"], statement["Condition"]) == (
        "Deny",
        "s3:*",
        {"Bool": {"aws:SecureTransport": "false"}},
    )
    assert statement["Resource"] == ["${FailedEvents.Arn}", "${FailedEvents.Arn}/*"]


def test_failed_events_outlive_the_stack_but_not_their_retention(resources: Resources) -> None:
    """Deleting the stack loses no unanalysed event; after the retention they go."""
    (bucket,) = resources.whole("AWS::S3::Bucket").values()

    assert (bucket["DeletionPolicy"], bucket["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert bucket["Properties"]["LifecycleConfiguration"]["Rules"] == [
        {"ExpirationInDays": 30, "Status": "Enabled"}
    ]
