"""The Lambda archive: built with pip alone, without Docker, the same bytes from the same input.

Both functions share it. `python -m infra.bundling OUTDIR` builds it by hand.
"""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsii
from aws_cdk import AssetHashType, BundlingOptions, DockerImage, ILocalBundling
from aws_cdk import aws_lambda as lambda_

ROOT = Path(__file__).resolve().parent.parent

TARGET = (
    "--implementation=cp",
    "--python-version=3.14",
    "--platform=manylinux2014_aarch64",
    "--platform=manylinux_2_28_aarch64",
)
"""The runtime of `infra.function`: CPython 3.14 on arm64, Amazon Linux 2023 with glibc 2.34."""

LEFT_OUT = (
    "ekswatch/cli",
    "ekswatch/findings/asff_model.py",
    "ekswatch/local",
    "ekswatch/rules/checks.py",
    "ekswatch/rules/compile.py",
    "ekswatch/rules/documents.py",
    "ekswatch/rules/drafts.py",
    "ekswatch/rules/exclusions.py",
    "ekswatch/rules/folders.py",
    "ekswatch/rules/mentions.py",
    "ekswatch/rules/names.py",
    "ekswatch/rules/settings.py",
    "ekswatch/rules/sources.py",
    "ekswatch/rules/writing.py",
)
"""What no handler imports: a test imports both handlers without these."""

COMPILE = """
import pathlib, sys
from ekswatch.rules.compile import RuleErrors, compile_ruleset
from ekswatch.rules.ruleset import write_artefact
out, *folders = map(pathlib.Path, sys.argv[1:])
try:
    write_artefact(out, compile_ruleset(*folders))
except RuleErrors as errors:
    sys.exit(str(errors))
"""
"""A program, because `infra` imports nothing of the analyzer: ruleset, detections, tuning."""


class RulesRefused(subprocess.CalledProcessError):
    """The detections do not compile; synthesis ends, and nothing of them is deployed."""

    def __str__(self) -> str:
        return "detections or tuning have errors, named on standard error; nothing is deployed"


def build(out: Path, tuning: Path | None = None) -> None:
    """Fill the folder `out` with what Lambda unpacks: libraries, our code, the ruleset.

    Raises: subprocess.CalledProcessError when a wheel is missing or a detection is wrong; the
    reasons stand on standard error. FileNotFoundError when there is no ruleset in the end.
    """
    out = out.resolve()
    compile_ruleset(out / "ruleset.json", tuning)  # first: it takes a second and may say no
    install_libraries(out)
    copy_code(out)


def install_libraries(out: Path) -> None:
    """Install the pinned wheels of Lambda's platform, whatever platform this is."""
    _run(
        *("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"),
        *("--require-hashes", "--only-binary=:all:", "--no-deps", "--no-compile", *TARGET),
        *("--target", str(out), "--requirement", str(ROOT / "requirements" / "lambda.txt")),
    )
    # Scripts name this machine's interpreter, and the lists of installed files hold their hash.
    shutil.rmtree(out / "bin", ignore_errors=True)
    for record in out.glob("*.dist-info/RECORD"):
        record.unlink()


def copy_code(out: Path) -> None:
    """Copy what the handlers import of `lambdas` and `ekswatch`."""
    for package in ("ekswatch", "lambdas"):
        shutil.copytree(ROOT / package, out / package, ignore=_left_out)


def compile_ruleset(out: Path, tuning: Path | None) -> None:
    """Compile the detections, with the operator's tuning, in a process of its own.

    Raises: RulesRefused, after every error was written to standard error.
    """
    mine = (str(tuning.resolve()),) if tuning else ()
    try:
        _run("-c", COMPILE, str(out.resolve()), str(ROOT / "detections"), *mine)
    except subprocess.CalledProcessError as failed:
        raise RulesRefused(failed.returncode, "the rule compiler") from None
    if not out.is_file():
        raise FileNotFoundError(f"the rule compiler succeeded without writing {out}")


def _left_out(folder: str, names: list[str]) -> list[str]:
    inside = Path(folder).relative_to(ROOT)
    return [
        name
        for name in names
        if name in ("__pycache__", ".DS_Store") or (inside / name).as_posix() in LEFT_OUT
    ]


def _run(*arguments: str) -> None:
    """Run this interpreter with standard output on standard error: the first is the CDK's."""
    command = [sys.executable, *arguments]
    subprocess.run(command, cwd=ROOT, stdout=2, check=True)  # noqa: S603  # our own words only


@jsii.implements(ILocalBundling)
class PipBundling:
    """What CDK calls where it would otherwise start Docker."""

    def __init__(self, tuning: Path | None) -> None:
        self._tuning = tuning

    def try_bundle(self, output_dir: str, *_: Any, **__: Any) -> bool:
        """Build the archive in `output_dir`. True always: there is no other way to build it."""
        build(Path(output_dir), self._tuning)
        return True


def archive(tuning: Path | None) -> lambda_.Code:
    """The code of both functions, built at synthesis when a stack that needs it is asked for."""
    return lambda_.Code.from_asset(
        str(ROOT / "lambdas"),
        asset_hash_type=AssetHashType.OUTPUT,
        bundling=BundlingOptions(
            image=DockerImage.from_registry("never-used"), local=PipBundling(tuning)
        ),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Build the archive's folder from the command line."""
    parser = argparse.ArgumentParser(prog="python -m infra.bundling", description=__doc__)
    parser.add_argument("out", type=Path, help="folder to create")
    parser.add_argument("--tuning", type=Path, help="the operator's own lists and filters")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True)
    build(options.out, options.tuning)


if __name__ == "__main__":
    main()
