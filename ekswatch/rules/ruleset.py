"""Ruleset: compiled detections as data, with nothing in it that runs.

The build writes it, the Lambda reads it; neither YAML, pySigma nor pydantic is needed for
that. The same detections always give the same bytes, and the hash says which ones they are.
"""

import hashlib
from typing import Literal

import msgspec

from ekswatch.rules.detection import Detection, Severity

SCHEMA = 1
"""Raised with every change of the shapes below that an older reader would misread."""

Scalar = str | int | float | bool

Op = Literal[
    "equals",
    "startswith",
    "endswith",
    "contains",
    "like",
    "re",
    "cidr",
    "any",
    "empty",
    "null",
    "exists",
    "lt",
    "lte",
    "gt",
    "gte",
    "fieldref",
    "fieldref_startswith",
    "fieldref_endswith",
    "fieldref_contains",
    "minute",
    "hour",
    "day",
    "week",
    "month",
    "year",
]
"""How a test compares. `like` holds RE2 patterns for the whole value, `re` for a part of it;
`any` is Sigma's lone star, `empty` the empty string, `null` an absent field."""


class BadRuleset(ValueError):  # noqa: N818 - says what is bad
    """The artefact is damaged, was changed by hand, or needs a newer ekswatch."""


class Check(msgspec.Struct, frozen=True, tag="check", omit_defaults=True):
    """One field against values: holds when any member of the field meets any value.

    `field` is empty for keywords, which are looked for in the summary strings of the event.
    String values are lower case unless `cased`.
    """

    field: str
    op: Op
    values: tuple[Scalar, ...] = ()
    cased: bool = False


class Use(msgspec.Struct, frozen=True, tag="use"):
    """The selection of this name."""

    selection: str


class And(msgspec.Struct, frozen=True, tag="and"):
    """All of these hold; true when there are none."""

    args: "tuple[Expression, ...]"


class Or(msgspec.Struct, frozen=True, tag="or"):
    """At least one of these holds; false when there are none."""

    args: "tuple[Expression, ...]"


class Not(msgspec.Struct, frozen=True, tag="not"):
    """This does not hold."""

    arg: "Expression"


Expression = Check | Use | And | Or | Not

NEVER = Or(())
"""What an empty list matches."""


class Escalation(msgspec.Struct, frozen=True):
    """The severity of a match for which all selections named in `when` hold."""

    when: tuple[str, ...]
    severity: Severity


class Rule(msgspec.Struct, frozen=True):
    """One Sigma document that is evaluated on the rows of a view.

    `detection` is the slug; `variant` replaces that detection where the document states its
    own message, dedup key or commands. `facts` are the fields that a match snapshots, beyond
    the summary. A rule may make findings, signals for correlations, or both.
    """

    name: str
    detection: str
    view: str
    selections: dict[str, Expression]
    condition: Expression
    severity: Severity
    escalations: tuple[Escalation, ...] = ()
    facts: tuple[str, ...] = ()
    finding: bool = True
    signal: bool = False
    variant: Detection | None = None


class Correlation(msgspec.Struct, frozen=True):
    """One Sigma correlation: matches of `rules` (document names) within `timespan_seconds`.

    `op` and `count` are the condition; a temporal correlation needs all its rules instead.
    `fields` are those whose distinct values value_count counts. `group_by` names fields;
    where a rule calls one differently, `aliases` maps group-by name, then rule, to its field.
    `collect` are fields whose distinct values a match lists. `rules` may name correlations;
    one that only serves others makes no findings.
    """

    name: str
    detection: str
    kind: Literal["event_count", "value_count", "temporal", "temporal_ordered"]
    rules: tuple[str, ...]
    timespan_seconds: int
    severity: Severity
    group_by: tuple[str, ...] = ()
    op: Literal["lt", "lte", "gt", "gte", "eq", "neq"] = "gte"
    count: int = 1
    fields: tuple[str, ...] = ()
    aliases: dict[str, dict[str, str]] = {}
    collect: tuple[str, ...] = ()
    finding: bool = True
    variant: Detection | None = None


class Filter(msgspec.Struct, frozen=True):
    """A suppression: a match of one of `rules` for which `excludes` holds is expected.

    `rules` are document names, or empty for all; `view` restricts it to the rules of one view
    unless empty. `expires` is the last day it holds, as YYYY-MM-DD, or empty.
    `default` marks the exclusions that are shipped and that seed mode does without.
    """

    name: str
    title: str
    reason: str
    owner: str
    selections: dict[str, Expression]
    excludes: Expression
    rules: tuple[str, ...] = ()
    view: str = ""
    expires: str = ""
    default: bool = False


class Ruleset(msgspec.Struct, frozen=True):
    """Everything that the engine and the correlations need, sorted by name.

    `hash` is the SHA-256 of the content in hexadecimal; it stands in every finding.
    """

    schema: int
    detections: tuple[Detection, ...]
    rules: tuple[Rule, ...]
    correlations: tuple[Correlation, ...]
    filters: tuple[Filter, ...]
    seed_mode: bool = False
    hash: str = ""

    def sealed(self) -> "Ruleset":
        """The same ruleset with its hash."""
        return msgspec.structs.replace(self, hash=_content_hash(self))

    def detection(self, slug: str) -> Detection:
        """The detection of this slug. Raises KeyError when there is none."""
        for detection in self.detections:
            if detection.slug == slug:
                return detection
        raise KeyError(slug)


def dump(ruleset: Ruleset) -> bytes:
    """The artefact: JSON, the same bytes for the same ruleset."""
    return msgspec.json.encode(ruleset, order="sorted")


def load(artefact: bytes) -> Ruleset:
    """The ruleset in an artefact.

    Raises: BadRuleset, saying whether it is damaged, changed or of another schema.
    """
    schema = _schema(artefact)
    if schema != SCHEMA:
        raise BadRuleset(
            f"the rules have schema {schema}, this ekswatch reads schema {SCHEMA}: "
            "compile them again with the same version"
        )
    try:
        ruleset = msgspec.json.decode(artefact, type=Ruleset)
    except msgspec.DecodeError as error:
        raise BadRuleset(f"the compiled rules are damaged: {error}") from error
    if ruleset.hash != _content_hash(ruleset):
        raise BadRuleset("the compiled rules are damaged: their hash differs from their content")
    return ruleset


class _Header(msgspec.Struct):
    schema: int


def _schema(artefact: bytes) -> int:
    try:
        return msgspec.json.decode(artefact, type=_Header).schema
    except msgspec.DecodeError as error:
        raise BadRuleset(f"the compiled rules are damaged: {error}") from error


def _content_hash(ruleset: Ruleset) -> str:
    return hashlib.sha256(dump(msgspec.structs.replace(ruleset, hash=""))).hexdigest()
