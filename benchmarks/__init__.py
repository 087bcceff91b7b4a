"""The benchmark: what reading and judging audit events costs, against a floor and against peers.

`python -m benchmarks` measures, prints tables and ends with one line of JSON; `make bench-check`
compares with the goals of the design and with the stored baseline. Only public entry points of
ekswatch are used, so that the engine may change underneath.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "build" / "bench"
"""Where what is measured in other processes is put together."""
