"""Detection: what a Sigma file says about itself, as the later rooms need it."""

from enum import IntEnum

import msgspec


class Severity(IntEnum):
    """Security Hub's severity labels, in order. Sigma's levels are the same words in lower case."""

    INFORMATIONAL = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4


RISK_BY_SEVERITY = {
    Severity.INFORMATIONAL: (20, 50),
    Severity.LOW: (50, 50),
    Severity.MEDIUM: (70, 70),
    Severity.HIGH: (90, 90),
    Severity.CRITICAL: (100, 95),
}
"""Default (impact, confidence), each 0 to 100, of a detection that states none."""


class Technique(msgspec.Struct, frozen=True):
    """An ATT&CK technique: `id` as in T1552.007, `name` as ATT&CK has it."""

    id: str
    name: str


class Detection(msgspec.Struct, frozen=True):
    """The metadata of one file in `detections/`.

    Units: `impact` and `confidence` are 0 to 100, or None for the default of the severity;
    `dedup_seconds` is the length of a time bucket, in which equal `dedup` values make one finding.
    """

    slug: str
    id: str
    title: str
    description: str
    severity: Severity
    message: str
    """Template; `{field}` is replaced by the value of that field of the vocabulary."""
    dedup: tuple[str, ...]
    dedup_seconds: int
    fields: tuple[str, ...] = ()
    """Fields kept per sample of a finding (Sigma's `fields`)."""
    impact: int | None = None
    confidence: int | None = None
    tactics: tuple[str, ...] = ()
    """ATT&CK tactic names, as in "Credential Access"."""
    techniques: tuple[Technique, ...] = ()
    falsepositives: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    runbook: str = ""
    """What to check first, in one or two sentences; may hold `{field}`."""
    commands: tuple[str, ...] = ()
    """Follow-up commands; may hold `{field}`."""
    seed: str = ""
    """The seed document this detection implements, as in "000"."""

    def risk(self, severity: Severity) -> int:
        """Risk score, 0 to 100: impact times confidence over 100, of a match of this severity."""
        impact, confidence = RISK_BY_SEVERITY[severity]
        if self.impact is not None:
            impact = self.impact
        if self.confidence is not None:
            confidence = self.confidence
        return impact * confidence // 100
