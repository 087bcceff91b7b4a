"""Security Hub: within its limits, again what failed, and what fails to the end is named."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from ekswatch.aws import security_hub
from ekswatch.aws.security_hub import CALL_BYTES, batches, deliver
from ekswatch.aws.sinks import NotDelivered
from ekswatch.findings.asff import RECORD_BYTES, record_bytes
from tests.aws.examples import finding, many

Answer = Callable[[Sequence[Any]], dict[str, Any]]


class Hub:
    """A client whose answers are scripted; after the last one it takes everything."""

    def __init__(self, *answers: Answer | Exception) -> None:
        self.answers = list(answers)
        self.calls: list[list[str]] = []
        self.pauses: list[float] = []

    def batch_import_findings(self, *, Findings: Sequence[Any]) -> dict[str, Any]:  # noqa: N803  # boto3's
        self.calls.append([record["Id"] for record in Findings])
        answer = self.answers.pop(0) if self.answers else taking
        if isinstance(answer, Exception):
            raise answer
        return answer(Findings)

    def deliver(self, findings: Sequence[Any]) -> None:
        client: Any = self
        deliver(findings, client=client, sleep=self.pauses.append)


def taking(records: Sequence[Any]) -> dict[str, Any]:
    return {"FailedCount": 0, "SuccessCount": len(records), "FailedFindings": []}


def refusing(*ids: str) -> Answer:
    failed = [{"Id": i, "ErrorCode": "InternalFailure", "ErrorMessage": "try again"} for i in ids]
    return lambda records: {
        "FailedCount": len(ids),
        "SuccessCount": len(records) - len(ids),
        "FailedFindings": failed,
    }


def record(number: int, size: int) -> dict[str, str]:
    """A record that takes exactly `size` bytes in the request."""
    empty = {"Id": f"{number:04d}", "Description": ""}
    return empty | {"Description": "x" * (size - record_bytes(empty))}


def test_only_failed_findings_are_sent_again() -> None:
    """The one that failed goes alone, after a pause, and then all is well."""
    one, two = many(2)
    hub = Hub(refusing(two.id))

    hub.deliver([one, two])

    assert hub.calls == [[one.id, two.id], [two.id]]
    assert hub.pauses == [security_hub.FIRST_PAUSE_SECONDS]


def test_what_fails_to_the_end_is_raised_with_code_and_message() -> None:
    """Tries are bounded, pauses grow, and the error lists the finding."""
    (one,) = many(1)
    hub = Hub(*[refusing(one.id)] * security_hub.TRIES)

    with pytest.raises(NotDelivered, match=rf"{one.id} \(InternalFailure: try again\)") as raised:
        hub.deliver([one])

    assert [rejected.finding for rejected in raised.value.rejected] == [one.id]
    assert len(hub.calls) == security_hub.TRIES
    assert hub.pauses == sorted(hub.pauses)


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "BatchImportFindings"),
        EndpointConnectionError(endpoint_url="https://securityhub.invalid"),
    ],
)
def test_a_refused_call_names_its_findings_and_spares_the_next(error: Exception) -> None:
    """Of 101 findings the first hundred are named, and the last one is imported."""
    found = many(101)
    hub = Hub(error)

    with pytest.raises(NotDelivered) as raised:
        hub.deliver(found)

    assert [rejected.finding for rejected in raised.value.rejected] == [f.id for f in found[:100]]
    assert [len(call) for call in hub.calls] == [100, 1]


def test_failures_without_names_are_the_whole_batch() -> None:
    """A count that is larger than the list is not taken as success."""
    hub = Hub(lambda _: {"FailedCount": 1, "SuccessCount": 0, "FailedFindings": []})

    hub.deliver([finding()])

    assert hub.calls == [[finding().id]] * 2


@pytest.mark.parametrize(("number", "sizes"), [(100, [100]), (101, [100, 1]), (0, [])])
def test_a_call_holds_at_most_a_hundred_findings(number: int, sizes: list[int]) -> None:
    """The hundred and first finding goes into a second call."""
    split = list(batches(record(n, 100) for n in range(number)))

    assert [len(batch) for batch in split] == sizes


@pytest.mark.parametrize(("more", "calls"), [(0, 1), (1, 2)])
def test_a_call_holds_at_most_six_megabytes(more: int, calls: int) -> None:
    """Exactly six megabytes fit, one byte more does not."""
    each = 200_000
    records = [record(n, each) for n in range(29)]
    room = CALL_BYTES - len(json.dumps({"Findings": records})) - len(", ")
    records.append(record(29, room - 2 + more))

    split = list(batches(records))

    assert len(split) == calls
    assert all(len(json.dumps({"Findings": batch})) <= CALL_BYTES for batch in split)


@pytest.mark.parametrize(("size", "taken"), [(RECORD_BYTES, True), (RECORD_BYTES + 1, False)])
def test_a_record_over_its_limit_is_named_and_not_sent(size: int, taken: bool) -> None:
    """240 KB are sent; a byte more is reported at once, beside what was sent."""
    fitting, rejected = security_hub._fitting([record(1, 100), record(2, size)])

    assert len(fitting) == 1 + taken
    assert [r.code for r in rejected] == ([] if taken else ["TooLarge"])


def test_a_finding_that_cannot_be_written_keeps_no_other_back() -> None:
    """Whatever rendering raises is named with its finding, and the rest goes out."""
    one, two = many(2)
    broken = replace(one, last_seen="no time")  # type: ignore[arg-type]  # the defect
    hub = Hub()

    with pytest.raises(NotDelivered) as raised:
        hub.deliver([broken, two])

    assert [r.finding for r in raised.value.rejected] == [one.id]
    assert hub.calls == [[two.id]]
