"""What came of the events: as Security Hub has it, and as `ekswatch scan` says it should be."""

import json
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.local_aws import ACCOUNT, REGION, ROOT
from tests.e2e.report import StepFailed

SHOWN = 10


@dataclass(frozen=True, slots=True, order=True)
class Seen:
    """What two ways of analysis must agree on."""

    detection: str
    severity: str
    count: int
    id: str

    @classmethod
    def of(cls, asff: Mapping[str, Any]) -> "Seen":
        return cls(
            asff["GeneratorId"].removeprefix("ekswatch/"),
            asff["FindingProviderFields"]["Severity"]["Label"],
            int(asff["ProductFields"]["ekswatch/count"]),
            asff["Id"],
        )


def scanned(file: Path, *, cluster: str, tuning: Path | None = None) -> set[Seen]:
    """The findings of `ekswatch scan` in a file that is a cluster's whole log.

    Raises: StepFailed when it cannot read the whole file.
    """
    command = [str(ROOT / ".venv" / "bin" / "ekswatch"), "scan", str(file), "--gaps"]
    command += ["--format", "asff", "--cluster", cluster, "--account", ACCOUNT, "--region", REGION]
    command += ["--tuning", str(tuning)] if tuning else []
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise StepFailed("`ekswatch scan` to succeed", f"{done.returncode}\n{done.stderr}")
    return {Seen.of(asff) for asff in json.loads(done.stdout)}


def require_equal(seen: Iterable[Seen], expected: Iterable[Seen]) -> None:
    """Raises: StepFailed with what is missing, and what is too much."""
    seen, expected = set(seen), set(expected)
    if seen == expected:
        return
    raise StepFailed(
        f"{summary(expected)}, as `ekswatch scan` finds",
        "\n".join(
            [
                summary(seen),
                *_listed("missing or different", expected - seen),
                *_listed("not expected", seen - expected),
            ]
        ),
    )


def summary(findings: Iterable[Seen]) -> str:
    by = Counter(finding.severity for finding in findings)
    return f"{by.total()} findings ({', '.join(f'{n} {s}' for s, n in sorted(by.items()))})"


def _listed(title: str, findings: Iterable[Seen]) -> Sequence[str]:
    rows = [f"  {f.detection} {f.severity} count {f.count} {f.id}" for f in sorted(findings)]
    more = [f"  and {len(rows) - SHOWN} more"] if len(rows) > SHOWN else []
    return [f"{title}:", *rows[:SHOWN], *more] if rows else []
