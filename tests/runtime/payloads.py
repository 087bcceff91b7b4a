"""The events that AWS hands to the two functions."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from ekswatch.local import subscription
from tests.runtime.account import CLUSTER
from tests.runtime.environment import ACCOUNT, REGION
from tests.scenarios import audit_lines


def stream(scenario: str, *, until: datetime) -> Iterator[dict[str, Any]]:
    """Subscription payloads of a recorded scenario that ends at a time."""
    at = int(until.timestamp() * 1000)
    return subscription.payloads(
        [{"timestamp": at, "message": line} for line in audit_lines(scenario, until=until)],
        group=subscription.log_group(CLUSTER),
        stream="kube-apiserver-audit-0123456789abcdef",
        account=ACCOUNT,
    )


def scheduled(at: datetime) -> dict[str, Any]:
    """What an EventBridge rule sends at a time.

    Source: Amazon EventBridge user guide, "Events from schedules".
    """
    return {
        "version": "0",
        "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [f"arn:aws:events:{REGION}:{ACCOUNT}:rule/ekswatch-EveryHour"],
        "detail": {},
    }
