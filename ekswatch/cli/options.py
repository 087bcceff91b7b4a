"""What several commands let a user choose."""

from enum import StrEnum


class Level(StrEnum):
    """Severities as the command line spells them: Sigma's words."""

    INFORMATIONAL = "informational"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"
