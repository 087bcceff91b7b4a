"""Fresh processes: what the first event waits for, and the memory of the largest payload.

They run on a copy of what the Lambda archive holds, for this machine's platform: our code and
the pinned libraries, with bytecode as the archive has it, and once without.
"""

import compileall
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Any

from benchmarks import ROOT, WORK
from benchmarks.corpora import Payload, large_payload, payloads, recorded
from benchmarks.rounds import Spread, spread
from benchmarks.rulesets import at_least
from ekswatch.rules.ruleset import dump

LARGE_BYTES = 5_500_000
"""Base64 of the largest payload: near what Lambda takes in a synchronous invocation."""

TOO_EARLY = frozenset({"boto3", "botocore", "pydantic", "sigma", "yaml"})
"""What must not be loaded when nothing was sent."""


class LoadedTooMuchError(AssertionError):
    """The function loaded a library that it has no use for before it sends something."""


@dataclass(frozen=True, slots=True)
class Start:
    """Starts in fresh processes. Units: CPU milliseconds; MiB resident at most.

    `compiled` says whether there was bytecode, as in the archive; else each start compiles.
    """

    compiled: bool
    rules: int
    runs: int
    imports: Spread
    load: Spread
    build: Spread
    init: Spread
    first_payload: Spread
    peak: Spread


@dataclass(frozen=True, slots=True)
class Peak:
    """The largest payload in fresh processes. Units: MiB resident at most; CPU seconds."""

    events: int
    payload_bytes: int
    runs: int
    peak: Spread
    seconds: Spread


def starts(runs: int) -> tuple[Start, ...]:
    """Starts with 100 and 1,000 rules, as deployed (with bytecode) and without it."""
    batch = _written("payload_100.json", json.dumps(_hundred()).encode())
    found = []
    for compiled in (True, False):
        code = _code(compiled=compiled)
        for count in (100, 1000):
            ruleset = at_least(count)
            artefact = _written(f"ruleset_{count}.json", dump(ruleset))
            results = [run(code, artefact, batch) for _ in range(runs)]
            found.append(_start(results, compiled=compiled, rules=len(ruleset.rules)))
    return tuple(found)


def peak(runs: int) -> Peak:
    """The memory of a payload of 5.5 MB of base64, with all detections and at least 100 rules."""
    content, events = large_payload(LARGE_BYTES)
    payload = _written("payload_large.json", content)
    artefact = _written("ruleset_100.json", dump(at_least(100)))
    code = _code(compiled=True)
    results = [run(code, artefact, payload) for _ in range(runs)]
    lost = {(result["events"], result["lost"]) for result in results} - {(events, 0)}
    if lost:
        raise AssertionError(f"the large payload was not read whole: {lost} instead of {events}")
    return Peak(
        events=events,
        payload_bytes=len(content),
        runs=runs,
        peak=spread([result["peak_mib"] for result in results]),
        seconds=spread([result["first_payload_ms"] / 1000 for result in results]),
    )


@cache
def _code(*, compiled: bool) -> Path:
    """A folder as Lambda has it, or without bytecode; made once, as no run writes into it."""
    return unpacked(WORK / ("deployed" if compiled else "plain"), compiled=compiled)


def unpacked(out: Path, *, compiled: bool) -> Path:
    """Fill `out` like the folder that Lambda unpacks, with this platform's wheels; return it."""
    shutil.rmtree(out, ignore_errors=True)
    for name in _libraries():
        _copy_library(name, out)
    for package in ("ekswatch", "lambdas"):
        ignored = shutil.ignore_patterns("__pycache__", "cli", "local")
        shutil.copytree(ROOT / package, out / package, ignore=ignored)
    if compiled:
        mode = PycInvalidationMode.UNCHECKED_HASH
        compileall.compile_dir(out, quiet=2, invalidation_mode=mode)
    return out


def _libraries() -> list[str]:
    lock = (ROOT / "requirements" / "lambda.txt").read_text()
    return re.findall(r"^([A-Za-z0-9_.-]+)==", lock, flags=re.MULTILINE)


def _copy_library(name: str, out: Path) -> None:
    for file in metadata.distribution(name).files or ():
        if file.suffix != ".pyc" and ".." not in file.parts:
            target = out.joinpath(*file.parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(file.locate()), target)


def _hundred() -> Payload:
    return payloads(recorded()[:100], 100)[0]


def _written(name: str, content: bytes) -> Path:
    WORK.mkdir(parents=True, exist_ok=True)
    file = WORK / name
    file.write_bytes(content)
    return file


def run(code: Path, artefact: Path, payload: Path) -> dict[str, Any]:
    """Run once: -S keeps this environment's packages out, -B its bytecode from being written."""
    program = Path(__file__).with_name("first_event.py")
    command = [sys.executable, "-I", "-S", "-B", program, code, artefact, payload]
    done = subprocess.run(  # noqa: S603  # our own program
        [str(word) for word in command], cwd=code, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"the fresh process failed:\n{done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout)
    if early := TOO_EARLY.intersection(result["modules"]):
        raise LoadedTooMuchError(f"loaded although nothing was sent: {', '.join(sorted(early))}")
    return result


def _start(results: Sequence[dict[str, Any]], *, compiled: bool, rules: int) -> Start:
    def of(key: str) -> Spread:
        return spread([result[key] for result in results])

    return Start(
        compiled=compiled,
        rules=rules,
        runs=len(results),
        imports=of("import_ms"),
        load=of("load_ms"),
        build=of("build_ms"),
        init=of("init_ms"),
        first_payload=of("first_payload_ms"),
        peak=of("peak_mib"),
    )
