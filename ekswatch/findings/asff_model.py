"""What AWS takes as an ASFF record: documented limits, enforced.

botocore checks presence and types only, local imitations of Security Hub nothing at all, so
tests and the local Security Hub hold every record against this model.
Source: AWS Security Hub API Reference, AwsSecurityFinding and BatchImportFindings.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from ekswatch.findings.asff import RECORD_BYTES, record_bytes

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
TAXONOMY = {
    "Software and Configuration Checks",
    "TTPs",
    "Effects",
    "Unusual Behaviors",
    "Sensitive Data Identifications",
}


class RecordTooLarge(ValueError):  # noqa: N818  # read as a fact
    """One record alone is over the limit of Security Hub; `finding_id` says which."""

    def __init__(self, finding_id: str, size_bytes: int) -> None:
        self.finding_id = finding_id
        super().__init__(f"finding {finding_id} takes {size_bytes} bytes, {RECORD_BYTES} are taken")


def _time(text: str) -> str:
    if not TIME.fullmatch(text):
        raise ValueError("not RFC 3339 in UTC with milliseconds")
    datetime.fromisoformat(text)
    return text


def _type(text: str) -> str:
    namespace, *path = text.split("/")
    if namespace not in TAXONOMY or len(path) > 2 or not all(path):
        raise ValueError("not namespace/category/classifier of the taxonomy")
    return text


def _text(chars: int, pattern: str = r"^.*\S.*$") -> Any:
    return StringConstraints(min_length=1, max_length=chars, pattern=pattern, strict=True)


Time = Annotated[str, AfterValidator(_time)]
Text64 = Annotated[str, _text(64)]
Text128 = Annotated[str, _text(128)]
Text256 = Annotated[str, _text(256)]
Text512 = Annotated[str, _text(512)]
Text1024 = Annotated[str, _text(1_024)]
Text2048 = Annotated[str, _text(2_048)]
Link = Annotated[str, _text(2_048, r"^https://[!-~]+$")]
Region = Annotated[str, _text(16, r"^[a-z0-9-]+$")]
Account = Annotated[str, _text(12, r"^\d{12}$")]
Type = Annotated[str, AfterValidator(_type)]
Label = Literal["INFORMATIONAL", "LOW", "MEDIUM", "HIGH", "CRITICAL"]
ProductFields = Annotated[dict[Text128, Text2048], Field(max_length=50)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Severity(_Strict):
    """FindingProviderFields.Severity."""

    Label: Label
    Original: Text64


class FindingProviderFields(_Strict):
    """What a provider may set and update; severity and types nowhere else."""

    Severity: Severity
    Types: Annotated[list[Type], Field(min_length=1, max_length=50)]


class Resource(_Strict):
    """What a finding is about; `Details` are AWS's own shapes, checked for texts only."""

    Type: Text256
    Id: Text512
    Region: Region
    Partition: Literal["aws", "aws-cn", "aws-us-gov"] | None = None
    Details: dict[Text128, dict[Text128, Text1024]]


class Recommendation(_Strict):
    """What to do."""

    Text: Text512 | None = None
    Url: Link | None = None


class Advice(_Strict):
    """Remediation."""

    Recommendation: Recommendation


class Record(_Strict):
    """The part of AwsSecurityFinding that ekswatch writes; everything else is refused."""

    SchemaVersion: Literal["2018-10-08"]
    Id: Text512
    ProductArn: Annotated[str, _text(2_048, r"^arn:[a-z-]+:securityhub:[a-z0-9-]+:\d{12}:product/")]
    ProductName: Text128
    CompanyName: Text128
    GeneratorId: Text512
    AwsAccountId: Account
    CreatedAt: Time
    UpdatedAt: Time
    FirstObservedAt: Time
    LastObservedAt: Time
    Title: Text256
    Description: Text1024
    FindingProviderFields: FindingProviderFields
    Resources: Annotated[list[Resource], Field(min_length=1, max_length=32)]
    ProductFields: ProductFields
    RecordState: Literal["ACTIVE"]
    Remediation: Advice | None = None
    SourceUrl: Link | None = None


def check(record: Mapping[str, Any]) -> Record:
    """The record as a model. Raises: pydantic.ValidationError; RecordTooLarge."""
    model = Record.model_validate(dict(record))
    size = record_bytes(record)
    if size > RECORD_BYTES:
        raise RecordTooLarge(model.Id, size)
    return model
