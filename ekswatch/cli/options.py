"""What several commands let a user choose."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Level(StrEnum):
    """Severities as the command line spells them: Sigma's words."""

    INFORMATIONAL = "informational"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


Detections = Annotated[
    Path | None, typer.Option(help="A folder of detections instead of those that ship.")
]
Tuning = Annotated[
    Path | None, typer.Option(help="Your folder of detections, lists, filters and switches.")
]
BaselineFile = Annotated[
    Path | None, typer.Option("--baseline", help="What is normal, from `ekswatch baseline`.")
]
ClusterName = Annotated[str, typer.Option(help="Cluster name for files that do not say.")]
SeedMode = Annotated[
    bool, typer.Option(help="Seed rows as their source documents have them: no exclusions.")
]
