"""The Lambda archive: built with pip alone, without Docker, the same bytes from the same input.

Both functions share it. `python -m infra.bundling OUTDIR` builds it by hand.
"""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import jsii
from aws_cdk import AssetHashType, BundlingOptions, DockerImage, ILocalBundling
from aws_cdk import aws_lambda as lambda_

from infra.imports import reached
from infra.target import Target

ROOT = Path(__file__).resolve().parent.parent

HANDLERS = ("lambdas.hourly", "lambdas.stream")
"""The modules that Lambda is told to call; a test compares them with the template."""

COMPILE = """
import pathlib, sys
from ekswatch.rules.compiler.compile import RuleErrors, compile_ruleset
from ekswatch.rules.matcher.live import not_live
from ekswatch.rules.ruleset import write_artefact
out, live_lists, *folders = sys.argv[1:]
try:
    ruleset = compile_ruleset(*map(pathlib.Path, folders))
except RuleErrors as errors:
    sys.exit(str(errors))
if problems := [f"live_lists: {each}" for each in not_live(ruleset, live_lists.split())]:
    sys.exit("\\n".join(problems))
write_artefact(pathlib.Path(out), ruleset)
"""
"""A program, because `infra` imports nothing of the analyzer: ruleset, names of live lists,
detections, tuning."""


class Refused(subprocess.CalledProcessError):
    """A part of the archive cannot be made; synthesis ends, and nothing is deployed."""

    faults: ClassVar[str]

    def __str__(self) -> str:
        return f"{self.faults}, named on standard error; nothing is deployed"


class RulesRefused(Refused):
    """The detections do not compile."""

    faults = "detections, tuning or live_lists have errors"


class ModulesRefused(Refused):
    """The modules do not compile, or what compiles them is not installed."""

    faults = "the modules of the archive have errors, or their compiler is missing"


def build(
    out: Path,
    tuning: Path | None = None,
    target: Target = Target.AWS,
    live_lists: Sequence[str] = (),
) -> None:
    """Fill the folder `out` with what Lambda unpacks: libraries, our code, the ruleset.

    Raises: subprocess.CalledProcessError when a wheel is missing or a detection is wrong; the
    reasons stand on standard error. FileNotFoundError when there is no ruleset in the end.
    """
    out = out.resolve()
    compile_ruleset(
        out / "ruleset.json", tuning, live_lists
    )  # first: it takes a second and may say no
    install_libraries(out, target)
    copy_code(out)
    add_bytecode(out, target)
    make_readable(out)


def install_libraries(out: Path, target: Target) -> None:
    """Install the pinned wheels of the target's platform, whatever platform this is."""
    _run(
        *("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"),
        *("--require-hashes", "--only-binary=:all:", "--no-deps", "--no-compile", *target.wheels),
        *("--target", str(out), "--requirement", str(ROOT / "requirements" / "lambda.txt")),
    )
    # Scripts name this machine's interpreter, and the lists of installed files hold their hash.
    shutil.rmtree(out / "bin", ignore_errors=True)
    for record in out.glob("*.dist-info/RECORD"):
        record.unlink()


def copy_code(out: Path) -> None:
    """Copy what the handlers import of `lambdas` and `ekswatch`, and nothing else."""
    for source in reached(ROOT, HANDLERS):
        copy = out / source.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)


def add_bytecode(out: Path, target: Target) -> None:
    """Compile every module for the Python of the target, beside its source.

    Lambda cannot keep what it compiles: without this each cold start does it again. Where
    another Python runs than expected, it does not know the bytecode and reads the sources.
    Raises: ModulesRefused, after the reason was written to standard error.
    """
    try:
        _start(*target.bytecode_compiler, str(out))
    except subprocess.CalledProcessError as failed:
        raise ModulesRefused(failed.returncode, "the bytecode compiler") from None


def make_readable(out: Path) -> None:
    """Let every user read: the zip file keeps modes, and Lambda is not the user who built it.

    Source: AWS Lambda developer guide, "Deploying Lambda functions", file permissions.
    """
    for path in out.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def compile_ruleset(out: Path, tuning: Path | None, live_lists: Sequence[str] = ()) -> None:
    """Compile the detections, with the operator's tuning, in a process of its own.

    `live_lists` are `name=address`: detections must use lists of these names.
    Raises: RulesRefused, after every error was written to standard error.
    """
    mine = (str(tuning.resolve()),) if tuning else ()
    names = " ".join(each.partition("=")[0] for each in live_lists)
    try:
        _run("-c", COMPILE, str(out.resolve()), names, str(ROOT / "detections"), *mine)
    except subprocess.CalledProcessError as failed:
        raise RulesRefused(failed.returncode, "the rule compiler") from None
    if not out.is_file():
        raise FileNotFoundError(f"the rule compiler succeeded without writing {out}")


def _run(*arguments: str) -> None:
    """Run this interpreter."""
    _start(sys.executable, *arguments)


def _start(*command: str) -> None:
    """Run a program with standard output on standard error: the first is the CDK's."""
    subprocess.run(command, cwd=ROOT, stdout=2, check=True)  # noqa: S603  # our own words only


@jsii.implements(ILocalBundling)
class PipBundling:
    """What CDK calls where it would otherwise start Docker."""

    def __init__(self, tuning: Path | None, target: Target, live_lists: Sequence[str]) -> None:
        self._tuning = tuning
        self._target = target
        self._live_lists = live_lists

    def try_bundle(self, output_dir: str, *_: Any, **__: Any) -> bool:
        """Build the archive in `output_dir`. True always: there is no other way to build it.

        An error of the operator's ends the program: jsii would hand an exception on as one of
        the CDK's, with two stacks of calls.
        """
        try:
            build(Path(output_dir), self._tuning, self._target, self._live_lists)
        except Refused as refused:
            sys.exit(f"ekswatch: {refused}")
        return True


def archive(*, tuning: Path | None, target: Target, live_lists: Sequence[str] = ()) -> lambda_.Code:
    """The code of both functions, built at synthesis when a stack that needs it is asked for."""
    return lambda_.Code.from_asset(
        str(ROOT / "lambdas"),
        asset_hash_type=AssetHashType.OUTPUT,
        bundling=BundlingOptions(
            image=DockerImage.from_registry("never-used"),
            local=PipBundling(tuning, target, live_lists),
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
