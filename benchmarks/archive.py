"""The size of the Lambda archive, built the way `cdk deploy` builds it."""

import hashlib
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks import ROOT, WORK

MIB = 1024 * 1024
INPUTS = (
    *("ekswatch", "lambdas", "detections", "requirements/lambda.txt", "package-lock.json"),
    *("infra/bundling.py", "infra/target.py", "infra/bytecode.mjs"),
)
FIXED_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Archive:
    """Units: bytes. `built` says where it comes from."""

    zipped_bytes: int
    unzipped_bytes: int
    built: str


def archive(given: Path | None, *, build: bool) -> Archive | None:
    """The size of the archive at `given` (a folder or a zip file), or of one built here.

    None when there is none: `build` is False and none was built of the same files before, or
    the wheels cannot be had. What was built is kept until the files it is made of change.
    """
    if given is not None:
        return measured(given, built="as given")
    folder = WORK / f"archive-{_digest()}"
    if not folder.is_dir() and not (build and _built(folder)):
        return None
    return measured(folder, built="as `cdk deploy` builds it")


def measured(path: Path, *, built: str) -> Archive:
    """The sizes of a zip file, or of a folder when zipped as CDK does it (deflate)."""
    if path.is_dir():
        path = zipped(path, WORK / "archive.zip")
    with zipfile.ZipFile(path) as content:
        unzipped = sum(entry.file_size for entry in content.infolist())
    return Archive(path.stat().st_size, unzipped, built)


def zipped(folder: Path, out: Path) -> Path:
    """Zip the folder, the same bytes for the same files."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as content:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), FIXED_TIME)
            content.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED)
    return out


def _built(folder: Path) -> bool:
    for old in WORK.glob("archive-*"):
        shutil.rmtree(old)
    making = WORK / "making"
    shutil.rmtree(making, ignore_errors=True)
    making.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "infra.bundling", str(making)]
    done = subprocess.run(  # noqa: S603  # our own program
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.stderr.write(f"the archive could not be built:\n{done.stderr[-2000:]}\n")
        return False
    making.rename(folder)
    return True


def _digest() -> str:
    """Names what the archive is made of."""
    digest = hashlib.sha256()
    for name in INPUTS:
        path = ROOT / name
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(file.relative_to(ROOT).as_posix().encode() + b"\0")
                digest.update(file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
