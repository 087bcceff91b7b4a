"""The resource types of our template that moto's CloudFormation does not create.

Each shim calls the service's own API with the properties that moto has resolved. `register`
makes them known to moto; a type that nobody knows then is an error in `deployment.deploy`.
"""

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import boto3
from moto.cloudformation import parsing
from moto.core.common_models import CloudFormationModel

Make = Callable[[Mapping[str, Any], str, str], None]
"""Properties, physical name and Region in; the resource made."""


@cache
def client(service: str, region: str) -> Any:
    """A client, made once: moto answers it in whichever of its accounts a test is."""
    return boto3.client(service, region)


def _subscription_filter(properties: Mapping[str, Any], _: str, region: str) -> None:
    client("logs", region).put_subscription_filter(
        logGroupName=properties["LogGroupName"],
        filterName=properties["FilterName"],
        filterPattern=properties["FilterPattern"],
        destinationArn=properties["DestinationArn"],
    )


def _event_invoke_config(properties: Mapping[str, Any], _: str, region: str) -> None:
    client("lambda", region).put_function_event_invoke_config(
        FunctionName=properties["FunctionName"],
        MaximumRetryAttempts=int(properties["MaximumRetryAttempts"]),
        MaximumEventAgeInSeconds=int(properties["MaximumEventAgeInSeconds"]),
        DestinationConfig=properties["DestinationConfig"],
    )


def _topic_policy(properties: Mapping[str, Any], _: str, region: str) -> None:
    for topic in properties["Topics"]:
        client("sns", region).set_topic_attributes(
            TopicArn=topic,
            AttributeName="Policy",
            AttributeValue=json.dumps(properties["PolicyDocument"]),
        )


def _subscription(properties: Mapping[str, Any], _: str, region: str) -> None:
    client("sns", region).subscribe(
        TopicArn=properties["TopicArn"],
        Protocol=properties["Protocol"],
        Endpoint=properties["Endpoint"],
    )


def _alarm(properties: Mapping[str, Any], name: str, region: str) -> None:
    client("cloudwatch", region).put_metric_alarm(AlarmName=name, **properties)


def _bucket_policy(properties: Mapping[str, Any], _: str, region: str) -> None:
    client("s3", region).put_bucket_policy(
        Bucket=properties["Bucket"], Policy=json.dumps(properties["PolicyDocument"])
    )


MAKE: Mapping[str, Make] = {
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::Lambda::EventInvokeConfig": _event_invoke_config,
    "AWS::Logs::SubscriptionFilter": _subscription_filter,
    "AWS::S3::BucketPolicy": _bucket_policy,
    "AWS::SNS::Subscription": _subscription,
    "AWS::SNS::TopicPolicy": _topic_policy,
}


def _model(resource_type: str, make: Make) -> type[CloudFormationModel]:
    """A model class of its own, since moto looks at the direct subclasses of its base."""

    class Shim(CloudFormationModel):
        def __init__(self, name: str) -> None:
            self.physical_resource_id = name

        @staticmethod
        def cloudformation_name_type() -> str:
            return ""

        @staticmethod
        def cloudformation_type() -> str:
            return resource_type

        @classmethod
        def create_from_cloudformation_json(
            cls, resource_name: str, cloudformation_json: Any, _account: str, region: str, **_: Any
        ) -> "Shim":
            make(cloudformation_json["Properties"], resource_name, region)
            return cls(resource_name)

    return Shim


SHIMS = tuple(_model(resource_type, make) for resource_type, make in MAKE.items())
"""Held here, because moto finds them through its base class, which does not hold them."""


def register() -> None:
    """Make moto look for models again, now that the shims exist."""
    parsing.get_model_list.cache_clear()
    parsing.get_model_map.cache_clear()
    parsing.get_name_type_map.cache_clear()
