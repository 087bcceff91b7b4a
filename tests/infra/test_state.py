"""The table of what was sent already."""

from ekswatch.aws import state
from infra.state import EXPIRY_ATTRIBUTE
from tests.infra.template import Resources


def test_items_are_found_by_pk_and_expire(resources: Resources) -> None:
    """The names are those that the functions write."""
    table = resources.only("AWS::DynamoDB::Table")

    assert table["KeySchema"] == [{"AttributeName": state.KEY, "KeyType": "HASH"}]
    assert table["AttributeDefinitions"] == [{"AttributeName": "pk", "AttributeType": "S"}]
    assert table["TimeToLiveSpecification"] == {
        "AttributeName": EXPIRY_ATTRIBUTE,
        "Enabled": True,
    }
    assert state.EXPIRES == EXPIRY_ATTRIBUTE


def test_the_table_is_encrypted_restorable_and_outlives_the_stack(resources: Resources) -> None:
    """A deleted stack does not make every finding new again."""
    (table,) = resources.whole("AWS::DynamoDB::Table").values()
    properties = table["Properties"]

    assert properties["SSESpecification"] == {"SSEEnabled": True}
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("Retain", "Retain")
