"""Which modules the archive needs."""

from pathlib import Path

import pytest

from infra.imports import reached


def tree(root: Path, **sources: str) -> Path:
    """Modules of `ekswatch` with their sources; each `a__b` is a file of the package a."""
    for name, source in sources.items():
        path = root / "ekswatch" / f"{name.replace('__', '/')}.py"
        for folder in (root / "ekswatch", path.parent):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "__init__.py").touch()
        path.write_text(source)
    return root


def names(root: Path, *modules: str) -> set[str]:
    return {path.relative_to(root / "ekswatch").as_posix() for path in reached(root, modules)}


@pytest.mark.parametrize(
    "source",
    [
        "import ekswatch.b",
        "from ekswatch import b",
        "from ekswatch.b import anything",
        "def later():\n    from ekswatch.b import anything",
        "try:\n    import ekswatch.b\nexcept ImportError:\n    pass",
        "if TYPE_CHECKING:\n    pass\nelse:\n    import ekswatch.b",
    ],
)
def test_what_is_imported_is_reached(tmp_path: Path, source: str) -> None:
    """At the top, later, or in a branch; and what that imports in turn."""
    tree(tmp_path, a=source, b="import ekswatch.c__d".replace("__", "."), c__d="", e="")

    assert names(tmp_path, "ekswatch.a") == {
        "__init__.py",
        "a.py",
        "b.py",
        "c/__init__.py",
        "c/d.py",
    }


@pytest.mark.parametrize(
    "source",
    [
        "if TYPE_CHECKING:\n    import ekswatch.b",
        "import json",
        "from boto3 import b",
        "'import ekswatch.b'",
    ],
)
def test_what_is_never_loaded_is_not(tmp_path: Path, source: str) -> None:
    """Types, the standard library, packages of others, text."""
    tree(tmp_path, a=source, b="")

    assert names(tmp_path, "ekswatch.a") == {"__init__.py", "a.py"}


def test_modules_may_import_each_other(tmp_path: Path) -> None:
    """A circle ends."""
    tree(tmp_path, a="import ekswatch.b", b="def later():\n    import ekswatch.a")

    assert names(tmp_path, "ekswatch.a") == {"__init__.py", "a.py", "b.py"}


def test_a_handler_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """A renamed handler must not make an empty archive."""
    tree(tmp_path, a="")

    with pytest.raises(FileNotFoundError, match=r"no module ekswatch\.gone"):
        reached(tmp_path, ["ekswatch.a", "ekswatch.gone"])


def test_a_relative_import_is_an_error(tmp_path: Path) -> None:
    """We write none; one that slipped in must not be overlooked."""
    tree(tmp_path, a="\nfrom . import b", b="")

    with pytest.raises(ValueError, match="line 2: a relative import"):
        reached(tmp_path, ["ekswatch.a"])
