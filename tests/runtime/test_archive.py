"""The Lambda archive: for its platform, the same in every build, and all of it is used."""

import ast
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from email import message_from_string
from pathlib import Path

import pytest
from aws_cdk import FileSystem
from packaging.tags import Tag, compatible_tags, cpython_tags

from infra.bundling import ROOT, ModulesRefused, add_bytecode
from infra.imports import imported
from infra.target import Target

PYTHON = (3, 14)
GLIBC = (2, 34)
"""Source: AWS Lambda developer guide, "Lambda runtimes": python3.14 is on Amazon Linux 2023, and
the Amazon Linux 2023 release notes for its glibc."""
MAGIC, UNCHECKED = "2b0e0d0a", "01000000"
"""How bytecode of CPython 3.14 begins, and that of the kind that is not compared."""
AARCH64 = 183
"""e_machine of an ELF file. Source: elf(5), EM_AARCH64."""

IMPORT_ALL = """
import importlib, json, sys
from pathlib import Path
for name in sys.argv[1:]:
    importlib.import_module(name)
here = Path.cwd()
files = [Path(getattr(m, "__file__", None) or "/") for m in list(sys.modules.values())]
held = {file.relative_to(here).parts[0] for file in files if file.is_relative_to(here)}
print(json.dumps(sorted(held)))
"""
"""A program that imports modules and prints what it took from the working directory."""


def ours(code: Path) -> list[Path]:
    """The files of our own modules in an archive."""
    return [file for package in ("ekswatch", "lambdas") for file in (code / package).rglob("*.py")]


def named(code: Path) -> set[str]:
    """Our own modules, and the packages that one of them imports, at once or later."""
    packages = {path.stem for path in code.iterdir() if path.suffix in ("", ".py")}
    modules = {".".join(file.relative_to(code).with_suffix("").parts) for file in ours(code)}
    imports = (name for file in ours(code) for name in imported(ast.parse(file.read_text())))
    return {module.removesuffix(".__init__") for module in modules} | (
        {name.partition(".")[0] for name in imports} & packages
    )


def supported() -> set[Tag]:
    """Every wheel tag that the runtime takes."""
    platforms = [f"manylinux_2_{minor}_aarch64" for minor in range(GLIBC[1], 16, -1)]
    platforms += ["manylinux2014_aarch64", "linux_aarch64"]
    return {
        *cpython_tags(PYTHON, platforms=platforms),
        *compatible_tags(PYTHON, "cp314", platforms),
    }


def tags(wheel: Path) -> set[Tag]:
    """The tags that a WHEEL file names."""
    named = message_from_string(wheel.read_text()).get_all("Tag", [])
    return {Tag(*tag.split("-")) for tag in named}


def content(folder: Path) -> dict[str, tuple[str, str]]:
    """Mode and hash of every file."""
    return {
        path.relative_to(folder).as_posix(): (
            oct(path.stat().st_mode),
            hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_every_wheel_is_one_that_lambda_takes(production: Path) -> None:
    """Interpreter, ABI and platform of each package fit CPython 3.14 on arm64."""
    wheels = list(production.glob("*.dist-info/WHEEL"))

    assert len(wheels) == len(list(production.glob("*.dist-info"))) > 0
    assert [str(wheel.parent.name) for wheel in wheels if not tags(wheel) & supported()] == []


@pytest.mark.parametrize(
    "tag",
    [
        "cp314-cp314-manylinux_2_17_x86_64",
        "cp313-cp313-manylinux2014_aarch64",
        "cp314-cp314-musllinux_1_2_aarch64",
        "cp314-cp314-manylinux_2_35_aarch64",
        "cp314-cp314t-manylinux_2_28_aarch64",
    ],
)
def test_a_wheel_for_something_else_would_be_seen(tag: str) -> None:
    """Another processor, Python, C library, a newer glibc, or Python without its lock."""
    assert Tag(*tag.split("-")) not in supported()


def test_every_library_is_built_for_arm64(production: Path) -> None:
    """Each shared object is a 64-bit AArch64 ELF file that needs no newer glibc than there is."""
    libraries = [path for path in production.rglob("*") if ".so" in path.suffixes]

    assert libraries
    for path in libraries:
        code = path.read_bytes()
        needs = {tuple(map(int, v.split(b"."))) for v in re.findall(rb"GLIBC_(\d+\.\d+)", code)}
        assert code[:5] == b"\x7fELF\x02", path.name
        assert int.from_bytes(code[18:20], "little") == AARCH64, path.name
        assert max(needs, default=(0, 0)) <= GLIBC, path.name


def test_extension_modules_are_for_this_python(production: Path) -> None:
    """Their names carry the version that may import them."""
    names = {path.name for path in production.rglob("*.so")}

    assert names
    assert {
        n for n in names if not n.endswith((".cpython-314-aarch64-linux-gnu.so", ".abi3.so"))
    } == set()


def test_two_builds_are_the_same(production: Path, tmp_path: Path) -> None:
    """Whoever builds, wherever and whenever: the same files, modes, bytes and asset hash."""
    again = tmp_path / "again"
    subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-m", "infra.bundling", str(again)],
        cwd=tmp_path,
        env=os.environ
        | {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "7", "TZ": "Asia/Kolkata", "LC_ALL": "C"},
        umask=0o077,
        check=True,
    )

    assert content(again) == content(production)
    assert FileSystem.fingerprint(str(again)) == FileSystem.fingerprint(str(production))


def test_every_module_has_bytecode_for_this_python(production: Path) -> None:
    """Of the version that runs it, and believed without a look at the source's time.

    Source: PEP 552 for the header, and importlib._bootstrap_external for the magic number.
    """
    modules = list(production.rglob("*.py"))
    caches = [file.parent / "__pycache__" / f"{file.stem}.cpython-314.pyc" for file in modules]

    assert modules
    assert {path.read_bytes()[:8].hex() for path in caches} == {MAGIC + UNCHECKED}
    assert set(production.rglob("*.pyc")) == set(caches)


def test_a_module_that_does_not_compile_ends_the_build(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """With its name; nothing half compiled is deployed."""
    (tmp_path / "broken.py").write_text("def :\n")

    with pytest.raises(ModulesRefused, match="nothing is deployed"):
        add_bytecode(tmp_path, Target.AWS)

    told = capfd.readouterr()
    assert "broken.py" in told.err
    assert told.out == ""


def test_without_the_compiler_the_build_says_what_to_run(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A checkout in which nobody ran `npm ci`."""
    script = shutil.copy(ROOT / "infra" / "bytecode.mjs", tmp_path)
    monkeypatch.setattr(Target, "bytecode_compiler", ("node", script))

    with pytest.raises(ModulesRefused):
        add_bytecode(tmp_path, Target.AWS)

    assert "run `npm ci` first" in capfd.readouterr().err


def test_bytecode_is_used_where_the_source_could_be_read_too(local: Path) -> None:
    """The interpreter takes what the archive brings, as it says itself."""
    done = subprocess.run(  # this interpreter
        [sys.executable, "-S", "-B", "-v", "-c", "import ekswatch.audit.memory"],
        cwd=local,
        capture_output=True,
        text=True,
        check=True,
    )

    assert re.search(r"code object from '\S*/memory\.cpython-\d+\.pyc'", done.stderr)


def test_every_file_can_be_read_by_lambda(production: Path) -> None:
    """The user that runs the code is not the one who built it."""
    modes = {oct(path.stat().st_mode & 0o777) for path in production.rglob("*") if path.is_file()}
    folders = {oct(path.stat().st_mode & 0o777) for path in production.rglob("*") if path.is_dir()}

    assert (modes, folders) == ({"0o644"}, {"0o755"})


def test_every_package_in_the_archive_is_imported(local: Path, brought: Path) -> None:
    """By a module of ours, at once or later, or by a package that one of ours imports."""
    done = subprocess.run(  # noqa: S603  # this interpreter
        [sys.executable, "-S", "-c", IMPORT_ALL, *sorted(named(local))],
        cwd=local,
        env={
            "PYTHONPATH": str(brought),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr

    held = {path.name for path in local.iterdir() if path.suffix != ".dist-info"}
    assert held - set(json.loads(done.stdout)) - {"ruleset.json", "__pycache__"} == set()


def test_both_archives_hold_the_same_packages(local: Path, production: Path) -> None:
    """What is shown of the one that runs here holds for the one that is deployed."""
    assert {path.name for path in local.iterdir()} == {path.name for path in production.iterdir()}


def test_the_metadata_is_that_of_the_packages(production: Path) -> None:
    """Licences travel with what they are about; no script and no list of installed files does."""
    pinned = {
        re.sub(r"[-_.]+", "_", line.partition("==")[0]).lower()
        for line in (ROOT / "requirements" / "lambda.txt").read_text().splitlines()
        if "==" in line
    }

    described = {p.name.partition("-")[0].lower() for p in production.glob("*.dist-info")}
    assert described == pinned
    assert list(production.glob("*.dist-info/RECORD")) == []
    assert not (production / "bin").exists()
