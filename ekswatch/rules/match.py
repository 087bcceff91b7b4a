"""Match: a detection and the entity it holds for, as a snapshot of facts.

A match copies what it needs from the event, redacted, so that no later room ever asks
for the event again and no body can leak.
"""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from ekswatch.audit.event import Value
from ekswatch.rules.detection import Detection, Severity
from ekswatch.rules.novelty import Sighting


class Match(msgspec.Struct, frozen=True, gc=False):
    """One detection matched once, on one row of one event, or by a correlation of many.

    Shape: `facts` holds the summary fields (`ekswatch.audit.vocabulary.SUMMARY`) and every
    field that the detection names (message, dedup, group-by, samples); absent ones are left out.
    `evidence` pairs each field that the condition tested with the value it had.
    `document` is the name of the Sigma document, `reason` of the selection that set the severity.
    `suppressed_by` names the filter that says this is expected, or is empty; what is expected
    is only counted, so such a match keeps no facts.
    `signal` is true where a match counts only together with others.
    `novel` is what must be new for the match to count; a baseline decides.
    `samples` holds one mapping per sample event (the detection's `fields`).
    """

    detection: Detection
    document: str
    severity: Severity
    reason: str
    facts: Mapping[str, Value]
    evidence: tuple[tuple[str, Value], ...]
    samples: tuple[Mapping[str, Value], ...]
    count: int
    first_seen: datetime
    last_seen: datetime
    audit_ids: tuple[str, ...]
    partial: str = ""
    suppressed_by: str = ""
    signal: bool = False
    novel: Sighting | None = None
