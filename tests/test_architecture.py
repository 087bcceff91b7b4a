"""Who may import whom: the line audit, rules, correlate, findings stays straight."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

MAY_IMPORT = {
    "ekswatch.audit": set(),
    "ekswatch.rules": {"ekswatch.audit"},
    "ekswatch.correlate": {"ekswatch.audit", "ekswatch.rules"},
    "ekswatch.findings": {"ekswatch.audit", "ekswatch.rules", "ekswatch.correlate"},
    "ekswatch.aws": {"ekswatch.audit", "ekswatch.rules", "ekswatch.correlate", "ekswatch.findings"},
    "lambdas": {
        "ekswatch.audit",
        "ekswatch.rules",
        "ekswatch.correlate",
        "ekswatch.findings",
        "ekswatch.aws",
    },
    "ekswatch.local": {
        "ekswatch.audit",
        "ekswatch.rules",
        "ekswatch.correlate",
        "ekswatch.findings",
        "ekswatch.aws",
        "lambdas",
    },
    "ekswatch.cli": {
        "ekswatch.audit",
        "ekswatch.rules",
        "ekswatch.correlate",
        "ekswatch.findings",
        "ekswatch.aws",
        "ekswatch.local",
    },
    "infra": set(),
}
"""Room to the rooms it may import; every room may import itself."""

PURE = ("ekswatch.audit", "ekswatch.rules", "ekswatch.correlate", "ekswatch.findings")
AWS_PACKAGES = {"boto3", "botocore", "moto", "aws_lambda_powertools", "aws_cdk"}


def files(room: str) -> list[Path]:
    return sorted((ROOT / room.replace(".", "/")).rglob("*.py"))


def imports(file: Path) -> set[str]:
    """Full names of the modules a file imports, relative imports resolved."""
    package = file.relative_to(ROOT).with_suffix("").parts[:-1]
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            found.add(".".join((*base, *(node.module or "").split("."))).strip("."))
    return found


def room_of(module: str) -> str | None:
    return next((r for r in MAY_IMPORT if module == r or module.startswith(r + ".")), None)


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_the_rooms_before_it(room: str) -> None:
    """A later room is never asked by an earlier one."""
    allowed = MAY_IMPORT[room] | {room}

    strangers = {
        f"{file.relative_to(ROOT)} imports {module}"
        for file in files(room)
        for module in imports(file)
        if (other := room_of(module)) is not None and other not in allowed
    }

    assert files(room), f"{room} is gone: update the map"
    assert strangers == set()


INSIDE_RULES = {
    "ekswatch.rules.compiler": set(),
    "ekswatch.rules.matcher": set(),
    "ekswatch.rules.lint": {"ekswatch.rules.compiler"},
}
"""Part of the rules to the parts that it may import; what lies beside them is for all."""


@pytest.mark.parametrize("part", INSIDE_RULES)
def test_what_compiles_and_what_matches_meet_in_data_only(part: str) -> None:
    """The function that is deployed has no compiler, and rules are compiled without one event."""
    others = INSIDE_RULES.keys() - INSIDE_RULES[part] - {part}

    strangers = {
        f"{file.relative_to(ROOT)} imports {module}"
        for file in files(part)
        for module in imports(file)
        if any(module.startswith(other) for other in others)
    }

    assert files(part), f"{part} is gone: update the map"
    assert strangers == set()


@pytest.mark.parametrize("room", PURE)
def test_a_pure_room_knows_nothing_of_aws(room: str) -> None:
    """The analyzer runs on a laptop over files, without any AWS package."""
    used = {m.split(".")[0] for file in files(room) for m in imports(file)}

    assert used & AWS_PACKAGES == set()
