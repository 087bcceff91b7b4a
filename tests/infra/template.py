"""Reading a synthesised template: intrinsic functions as plain text, logical IDs without hash."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HASH = re.compile(r"[0-9A-F]{8}$")


def name(logical_id: str) -> str:
    """`StreamFunction` for `StreamFunction0E605769`."""
    return HASH.sub("", logical_id)


def plain(value: Any) -> Any:
    """The value with each intrinsic function written as text, such as `${State.Arn}`."""
    match value:
        case {"Ref": str(target)}:
            return f"${{{name(target)}}}"
        case {"Fn::GetAtt": [str(target), str(attribute)]}:
            return f"${{{name(target)}.{attribute}}}"
        case {"Fn::Join": [str(between), list(parts)]}:
            return between.join(plain(part) for part in parts)
        case dict():
            return {key: plain(inner) for key, inner in value.items()}
        case list():
            return [plain(inner) for inner in value]
        case _:
            return value


class Resources:
    """The resources of a template, by type and readable name."""

    def __init__(self, template: Mapping[str, Any]) -> None:
        self._resources = {
            name(logical_id): plain(resource)
            for logical_id, resource in template["Resources"].items()
        }
        assert len(self._resources) == len(template["Resources"]), "two share a readable name"

    @classmethod
    def read(cls, assembly: Path) -> "Resources":
        """The resources of the stack `ekswatch` in a folder that CDK wrote."""
        return cls(json.loads((assembly / "ekswatch.template.json").read_text()))

    def types(self) -> set[str]:
        return {resource["Type"] for resource in self._resources.values()}

    def whole(self, of_type: str) -> dict[str, Any]:
        """Resources of a type with their deletion policies and dependencies."""
        return {
            key: resource
            for key, resource in self._resources.items()
            if resource["Type"] == of_type
        }

    def of(self, of_type: str) -> dict[str, Any]:
        """Properties of the resources of a type."""
        return {key: resource["Properties"] for key, resource in self.whole(of_type).items()}

    def only(self, of_type: str) -> Any:
        """Properties of the one resource of a type."""
        (properties,) = self.of(of_type).values()
        return properties

    def statements(self, role: str) -> dict[str, Any]:
        """What a role's inline policies allow: per statement its actions and resources."""
        return {
            statement["Sid"]: statement
            for policy in self.of("AWS::IAM::Role")[role]["Policies"]
            for statement in policy["PolicyDocument"]["Statement"]
        }
