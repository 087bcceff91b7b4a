"""Security Hub: findings in, as ASFF, within the limits of BatchImportFindings.

An accepted call can still refuse single findings (`FailedFindings`); those alone are sent
again, and what is refused to the end is raised.
Source: Security Hub partner guide, "Guidelines for using the BatchImportFindings API".
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from ekswatch.aws.sinks import NotDelivered, Rejected
from ekswatch.findings.asff import RECORD_BYTES, asff, record_bytes
from ekswatch.findings.finding import Finding

if TYPE_CHECKING:
    from mypy_boto3_securityhub import SecurityHubClient

FINDINGS_PER_CALL = 100
CALL_BYTES = 6_000_000
CALL_FRAME_BYTES = len('{"Findings": []}')
TRIES = 4
FIRST_PAUSE_SECONDS = 0.25

Asff = Mapping[str, Any]


def deliver(
    findings: Sequence[Finding],
    *,
    client: "SecurityHubClient",
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Import all findings.

    Raises: NotDelivered, with the code and message of every finding that was not taken.
    """
    rendered, rejected = _rendered(findings)
    fitting, too_large = _fitting(rendered)
    rejected += too_large
    for batch in batches(fitting):
        rejected += _import(batch, client=client, sleep=sleep)
    if rejected:
        raise NotDelivered("Security Hub", rejected)


def batches(records: Iterable[Asff]) -> Iterator[list[Asff]]:
    """Split ASFF records into calls that Security Hub accepts.

    Shape: any number in; lists of 1 to 100 out, order kept. No record is over its own limit.
    Units: sizes are bytes of JSON as botocore sends it, at most 6 MB per call, KB being 1000.
    """
    batch: list[Asff] = []
    size = CALL_FRAME_BYTES
    for record in records:
        more = record_bytes(record) + len(", ")
        if batch and (len(batch) == FINDINGS_PER_CALL or size + more > CALL_BYTES):
            yield batch
            batch, size = [], CALL_FRAME_BYTES
        batch.append(record)
        size += more
    if batch:
        yield batch


def _rendered(findings: Sequence[Finding]) -> tuple[list[Asff], list[Rejected]]:
    rendered: list[Asff] = []
    failed: list[Rejected] = []
    for finding in findings:
        try:
            rendered.append(asff(finding))
        except Exception as error:  # a finding that cannot be written keeps no other one back
            failed.append(Rejected(finding.id, type(error).__name__, str(error)))
    return rendered, failed


def _fitting(records: Sequence[Asff]) -> tuple[list[Asff], list[Rejected]]:
    fitting: list[Asff] = []
    too_large: list[Rejected] = []
    for record in records:
        size = record_bytes(record)
        if size > RECORD_BYTES:
            words = f"{size} bytes, the limit is {RECORD_BYTES}"
            too_large.append(Rejected(record["Id"], "TooLarge", words))
        else:
            fitting.append(record)
    return fitting, too_large


def _import(
    batch: Sequence[Asff], *, client: "SecurityHubClient", sleep: Callable[[float], None]
) -> list[Rejected]:
    """Import one batch, again those that failed, and return those that failed to the end.

    A call that is refused as a whole is not repeated here: botocore did that.
    """
    left = list(batch)
    for attempt in range(TRIES):
        try:
            rejected = _import_once(left, client)
        except ClientError as error:
            said = error.response["Error"]
            return [Rejected(record["Id"], said["Code"], said["Message"]) for record in left]
        except BotoCoreError as error:
            return [Rejected(record["Id"], type(error).__name__, str(error)) for record in left]
        failed = {item.finding for item in rejected}
        left = [record for record in left if record["Id"] in failed]
        if left and attempt < TRIES - 1:
            sleep(FIRST_PAUSE_SECONDS * 2**attempt)
        else:
            break
    return rejected


def _import_once(batch: Sequence[Asff], client: "SecurityHubClient") -> list[Rejected]:
    response = client.batch_import_findings(Findings=batch)  # type: ignore[arg-type]  # plain dicts
    failed = response.get("FailedFindings", [])
    if response["FailedCount"] > len(failed):
        unnamed = "the call failed for findings that it did not name"
        return [Rejected(record["Id"], "Unnamed", unnamed) for record in batch]
    return [Rejected(item["Id"], item["ErrorCode"], item["ErrorMessage"]) for item in failed]
