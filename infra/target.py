"""Target: what the functions run on. Everything else is the same stack on each."""

import platform
import sys
from enum import StrEnum

from aws_cdk import aws_lambda as lambda_


class Target(StrEnum):
    """`aws` is Lambda; `local` an emulator that starts functions with this interpreter."""

    AWS = "aws"
    LOCAL = "local"

    @property
    def runtime(self) -> lambda_.Runtime:
        if self is Target.AWS:
            return lambda_.Runtime.PYTHON_3_14
        major, minor = sys.version_info[:2]
        return lambda_.Runtime(f"python{major}.{minor}", lambda_.RuntimeFamily.PYTHON)

    @property
    def architecture(self) -> lambda_.Architecture:
        arm = self is Target.AWS or platform.machine() in ("arm64", "aarch64")
        return lambda_.Architecture.ARM_64 if arm else lambda_.Architecture.X86_64

    @property
    def wheels(self) -> tuple[str, ...]:
        """What pip is told to fetch wheels for: Amazon Linux 2023 has glibc 2.34."""
        if self is Target.LOCAL:
            return ()
        return (
            "--implementation=cp",
            "--python-version=3.14",
            "--platform=manylinux2014_aarch64",
            "--platform=manylinux_2_28_aarch64",
        )

    @property
    def bytecode_compiler(self) -> tuple[str, ...]:
        """The program that adds bytecode to a folder, which it is given as the last word."""
        if self is Target.LOCAL:
            return (
                sys.executable,
                *("-m", "compileall", "-q"),
                "--invalidation-mode=unchecked-hash",
            )
        return ("node", "infra/bytecode.mjs")
