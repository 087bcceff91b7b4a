"""The limits of Security Hub, each tested on both sides."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from ekswatch.findings.asff import RECORD_BYTES, asff, record_bytes
from ekswatch.findings.asff_model import RecordTooLarge, check
from tests.findings.examples import finding


def record(**changes: Any) -> dict[str, Any]:
    return asff(finding()) | changes


def sized(size: int, name: str = "x") -> dict[str, Any]:
    """A record of exactly this many bytes."""
    return {"Id": name, "Title": "x" * (size - len(json.dumps({"Id": name, "Title": ""})))}


@pytest.mark.parametrize(
    ("field", "limit"), [("Id", 512), ("Title", 256), ("Description", 1_024), ("GeneratorId", 512)]
)
def test_texts_have_their_limit(field: str, limit: int) -> None:
    """The longest text is taken, one character more is not; neither is blank text."""
    assert check(record(**{field: "x" * limit}))
    for wrong in ("x" * (limit + 1), "", "  "):
        with pytest.raises(ValidationError):
            check(record(**{field: wrong}))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ({"k": "v"}, {"k": ""}),
        ({"k" * 128: "v"}, {"k" * 129: "v"}),
        ({"k": "v" * 2_048}, {"k": "v" * 2_049}),
        ({f"k{i}": "v" for i in range(50)}, {f"k{i}": "v" for i in range(51)}),
    ],
)
def test_product_fields_have_their_limits(right: dict[str, str], wrong: dict[str, str]) -> None:
    """50 pairs, keys of 128 and values of 2,048 characters."""
    assert check(record(ProductFields=right))
    with pytest.raises(ValidationError):
        check(record(ProductFields=wrong))


@pytest.mark.parametrize(("number", "taken"), [(0, False), (1, True), (32, True), (33, False)])
def test_resources_have_their_number(number: int, taken: bool) -> None:
    """Between 1 and 32 resources."""
    resource = asff(finding())["Resources"][0]
    if taken:
        assert check(record(Resources=[resource] * number))
    else:
        with pytest.raises(ValidationError):
            check(record(Resources=[resource] * number))


@pytest.mark.parametrize(
    "changes",
    [
        {"CreatedAt": "2026-11-20T02:20:11Z"},
        {"UpdatedAt": "2026-11-20 02:20:11.250"},
        {"UpdatedAt": "2026-13-20T02:20:11.250Z"},
        {"AwsAccountId": "12345"},
        {"SourceUrl": "https://a.example/with blank"},
        {"SourceUrl": "https://a.example/" + "x" * 2_048},
        {"Remediation": {"Recommendation": {"Text": "x" * 513}}},
        {"Note": {"Text": "x", "UpdatedBy": "us"}},
        {"Workflow": {"Status": "NEW"}},
        {"UserDefinedFields": {"a": "b"}},
        {"Severity": {"Label": "HIGH"}},
        {"SchemaVersion": "2019-01-01"},
        {"FindingProviderFields": {"Severity": {"Label": "SEVERE", "Original": "x"}, "Types": []}},
        {
            "FindingProviderFields": {
                "Severity": {"Label": "HIGH", "Original": "high"},
                "Types": ["Badness/Of Some Kind"],
            }
        },
    ],
)
def test_what_aws_refuses_is_refused(changes: dict[str, Any]) -> None:
    """Dates, accounts, links, labels, types, and fields that are not ours to write."""
    with pytest.raises(ValidationError):
        check(record(**changes))


@pytest.mark.parametrize("missing", ["Id", "ProductArn", "Resources", "Title", "UpdatedAt"])
def test_required_fields_are_required(missing: str) -> None:
    """A record without a required field is refused."""
    whole = record()
    del whole[missing]

    with pytest.raises(ValidationError):
        check(whole)


def test_the_size_is_that_of_the_request_body() -> None:
    """Bytes are counted as botocore writes them."""
    assert record_bytes(sized(RECORD_BYTES)) == RECORD_BYTES


def test_a_checked_record_may_not_be_too_large() -> None:
    """Every text within its limit can still be too much together."""
    resource = asff(finding())["Resources"][0]
    details = {"Other": {f"k{i}": "é" * 1_000 for i in range(50)}}

    with pytest.raises(RecordTooLarge, match=finding().id):
        check(record(Resources=[resource | {"Details": details}] * 2))
