"""DeployFile: settings that an operator keeps in a YAML file, with the line of each.

Every plain value is read as text, as from the command line: `0123` stays `0123`, and whether a
word means yes is for the setting to say.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

NULL = "tag:yaml.org,2002:null"
STANDARD = "tag:yaml.org,2002:"


class FileError(ValueError):
    """The file cannot be read; the message says where and why."""


@dataclass(frozen=True, slots=True)
class DeployFile:
    """`values` by key: text, lists and mappings; `lines` of the keys, from 1."""

    path: Path
    values: Mapping[str, Any]
    lines: Mapping[str, int]

    def place(self, key: str) -> str:
        """Where a key stands, such as `deploy.yml:3`."""
        return f"{self.path}:{self.lines[key]}"


def read_deploy_file(path: Path) -> DeployFile:
    """The settings in a file of one YAML mapping; a key without value is left out.

    Raises: FileError.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        where = "" if path.is_absolute() else f" in {Path.cwd()}"
        raise FileError(f"there is no file {str(path)!r}{where}") from None
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise FileError(f"{path} is not text in UTF-8: {error.reason}") from None
    try:
        _refuse_aliases(text, path)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        raise FileError(_syntax(error, path)) from None
    except yaml.YAMLError as error:
        raise FileError(f"{path} is no YAML: {error}") from None
    if root is None or root.tag == NULL:
        return DeployFile(path, {}, {})
    if not isinstance(root, yaml.MappingNode):
        raise FileError(f"{_at(root, path)}: write one setting per line, as `clusters: prod`")
    values = _mapping(root, path)
    return DeployFile(
        path,
        {key: value for key, value in values.items() if value is not None},
        {key.value: key.start_mark.line + 1 for key, _ in root.value},
    )


def _refuse_aliases(text: str, path: Path) -> None:
    """An alias may name what it stands in, and no setting needs one."""
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise FileError(f"{_at(event, path)}: write the value instead of *{event.anchor}")


def _value(node: yaml.Node, path: Path) -> Any:
    if not node.tag.startswith(STANDARD):
        raise FileError(f"{_at(node, path)}: {node.tag} means nothing here, take it away")
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, path) for item in node.value]
    return None if node.tag == NULL else node.value


def _mapping(node: yaml.MappingNode, path: Path) -> dict[str, Any]:
    first: dict[str, yaml.Node] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise FileError(f"{_at(key, path)}: a key must be a word")
        if key.value in first:
            line = first[key.value].start_mark.line + 1
            raise FileError(f"{_at(key, path)}: {key.value} stands on line {line} already")
        first[key.value] = key
    return {key.value: _value(value, path) for key, value in node.value}


def _at(node: yaml.Node | yaml.Event, path: Path) -> str:
    mark = node.start_mark
    return f"{path}:{mark.line + 1}" if mark else str(path)


def _syntax(error: yaml.MarkedYAMLError, path: Path) -> str:
    line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
    return f"{path}{line}: is no YAML: {error.problem}"
