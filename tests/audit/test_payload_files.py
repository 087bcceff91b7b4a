"""The example payloads in events/payloads, as `ekswatch scan` and Lambda see them."""

import json

import pytest

from ekswatch.audit.intake import read_file, read_payload
from tests.audit.examples import EVENTS

PAYLOADS = EVENTS / "payloads"

EXPECTED = {
    "attacks": (4, 0, 0, 0),
    "damaged-records": (3, 1, 3, 0),
    "other-log-type": (0, 0, 0, 1),
    "control-message": (0, 0, 0, 0),
}
"""Name to the numbers of events, incomplete ones among them, unreadable, skipped."""


@pytest.mark.parametrize("name", EXPECTED)
def test_an_example_payload_is_counted_in_full(name: str) -> None:
    """The same batch through the function's door and from the file."""
    file = PAYLOADS / f"{name}.json"

    batch = read_payload(json.loads(file.read_text()))

    counts = (len(batch.events), batch.partial, len(batch.unreadable), batch.skipped)
    assert counts == EXPECTED[name]
    assert sum(b.received for b in read_file(file)) == batch.received


def test_every_example_payload_is_expected() -> None:
    """A new file needs its line above."""
    assert {file.stem for file in PAYLOADS.glob("*.json")} == set(EXPECTED)
