"""What the numbers were measured on."""

import os
import platform
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

LIBRARIES = (
    "aws-lambda-powertools",
    "google-re2",
    "isal",
    "jiter",
    "msgspec",
    "orjson",
)


def machine() -> dict[str, str]:
    """Date (UTC), processor, system, Python and the versions of the libraries that matter."""
    found = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }
    return found | {name: version(name) for name in LIBRARIES}


def version(name: str) -> str:
    """The installed version of a distribution, or that it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"
