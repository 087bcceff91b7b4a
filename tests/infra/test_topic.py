"""Findings travel encrypted, to whom they are meant for."""

import json

from tests.infra.conftest import Synthesise
from tests.infra.template import Resources


def test_the_topic_is_encrypted_with_a_key_that_rotates(resources: Resources) -> None:
    """SNS encrypts with our own key, and AWS renews it every year."""
    assert resources.only("AWS::SNS::Topic")["KmsMasterKeyId"] == "${FindingsKey.Arn}"
    assert resources.only("AWS::KMS::Key")["EnableKeyRotation"] is True


def test_alarms_may_use_the_key_and_the_topic(resources: Resources) -> None:
    """Without both statements CloudWatch fails silently; the topic admits this account only."""
    key = resources.only("AWS::KMS::Key")["KeyPolicy"]["Statement"]
    topic = resources.only("AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    cloudwatch = {"Service": "cloudwatch.amazonaws.com"}

    assert [statement["Action"] for statement in key if statement["Principal"] == cloudwatch] == [
        ["kms:Decrypt", "kms:GenerateDataKey"]
    ]
    assert [statement for statement in topic if statement["Principal"] == cloudwatch] == [
        {
            "Sid": "AlarmsMayPublish",
            "Effect": "Allow",
            "Principal": cloudwatch,
            "Action": "sns:Publish",
            "Resource": "${FindingsTopic}",
            "Condition": {"StringEquals": {"aws:SourceAccount": "${AWS::AccountId}"}},
        }
    ]


def test_nobody_publishes_without_tls(resources: Resources) -> None:
    """The topic's policy denies publishing over a plain connection, to everyone."""
    statements = resources.only("AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]

    assert [
        (statement["Action"], statement["Principal"], statement["Condition"])
        for statement in statements
        if statement["Effect"] == "Deny"
    ] == [("sns:Publish", "*", {"Bool": {"aws:SecureTransport": "false"}})]


def test_mail_goes_to_the_given_address(resources: Resources) -> None:
    """The address of the context is subscribed to the topic."""
    subscription = resources.only("AWS::SNS::Subscription")

    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "oncall@example.com")


def test_without_address_nobody_is_subscribed(synthesise: Synthesise) -> None:
    """Email is optional; the topic is still there to subscribe to."""
    types = Resources.read(synthesise(clusters="prod")).types()

    assert "AWS::SNS::Topic" in types
    assert "AWS::SNS::Subscription" not in types


def test_sns_can_be_off(synthesise: Synthesise) -> None:
    """Without SNS there is no topic, no key, no permission for them, and alarms stay visible."""
    resources = Resources.read(synthesise(clusters="prod", sns="false"))

    assert {"AWS::SNS::Topic", "AWS::SNS::TopicPolicy", "AWS::KMS::Key"}.isdisjoint(
        resources.types()
    )
    assert {"PublishFindings", "EncryptFindings"}.isdisjoint(resources.statements("StreamRole"))
    assert "AlarmActions" not in json.dumps(resources.of("AWS::CloudWatch::Alarm"))
