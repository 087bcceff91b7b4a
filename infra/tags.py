"""Tags: what AWS takes as the key and the value of one."""

import unicodedata

MAX_TAGS = 50
MAX_KEY_CHARS = 128
MAX_VALUE_CHARS = 256
"""Sources: AWS CloudFormation API reference, CreateStack, `Tags`; data type Tag."""

SIGNS = frozenset("_.:/=+-@")
"""Beside letters, digits and spaces. Source: CloudWatch Logs API reference, TagLogGroup; what
it takes, the other services of the stack take as well."""


def tag_problem(key: str, value: str) -> str:
    """Why this cannot be a tag, or nothing."""
    if not 1 <= len(key) <= MAX_KEY_CHARS:
        return f"the key {key!r} of a tag must have 1 to {MAX_KEY_CHARS} characters"
    if len(value) > MAX_VALUE_CHARS:
        return f"the value of the tag {key!r} may have {MAX_VALUE_CHARS} characters at most"
    if key.lower().startswith("aws:"):
        return f"the tag {key!r} begins with 'aws:', which AWS keeps to itself"
    if odd := sorted({char for char in key + value if not _allowed(char)}):
        return (
            f"the tag {key!r} has {', '.join(map(repr, odd))}: letters, digits, spaces and"
            f" {' '.join(sorted(SIGNS))} are allowed"
        )
    return ""


def _allowed(char: str) -> bool:
    return char in SIGNS or unicodedata.category(char)[0] in "LZN"
