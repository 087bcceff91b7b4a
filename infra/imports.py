"""Imports: which of our modules a function can ever load, read from the source, nothing run."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

PACKAGES = ("ekswatch", "lambdas")


def reached(root: Path, modules: Iterable[str]) -> list[Path]:
    """The files below `root` that the modules import, directly or not, at once or later.

    Their packages' own files are among them; what is imported for type checking alone is not.
    Raises: FileNotFoundError for one of the modules that is not there.
    """
    waiting = list(modules)
    found: dict[str, Path] = {}
    for module in waiting:
        if _file(root, module) is None:
            raise FileNotFoundError(f"there is no module {module} below {root}")
    while waiting:
        module = waiting.pop()
        file = _file(root, module)
        if file is None or module in found:
            continue
        found[module] = file
        waiting.append(module.rpartition(".")[0])
        waiting += imported(ast.parse(file.read_text()))
    return sorted(found.values())


def _file(root: Path, module: str) -> Path | None:
    """The file of a module of ours; None for another's, or for what is no module."""
    if module.partition(".")[0] not in PACKAGES:
        return None
    path = root / module.replace(".", "/")
    return next((f for f in (path / "__init__.py", path.with_suffix(".py")) if f.is_file()), None)


def imported(node: ast.AST) -> Iterator[str]:
    """Names that may be modules in a syntax tree: `from a import b` names both a and a.b.

    Raises: ValueError for a relative import, which we write none of.
    """
    inside: Iterable[ast.AST] = ast.iter_child_nodes(node)
    match node:
        case ast.If(test=ast.Name(id="TYPE_CHECKING"), orelse=otherwise):
            inside = otherwise
        case ast.Import(names=names):
            yield from (alias.name for alias in names)
        case ast.ImportFrom(module=str(module), level=0, names=names):
            yield module
            yield from (f"{module}.{alias.name}" for alias in names)
        case ast.ImportFrom():
            raise ValueError(f"line {node.lineno}: a relative import; write the whole name")
    for child in inside:
        yield from imported(child)
