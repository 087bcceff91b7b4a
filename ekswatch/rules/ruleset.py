"""Ruleset: compiled detections as data, with nothing in it that runs.

The build writes it, the Lambda reads it; neither YAML, pySigma nor pydantic is needed for
that. The same detections always give the same bytes, and the hash says which ones they are.
"""

import hashlib
import os
import shutil
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from ekswatch import __version__
from ekswatch.audit.places import Places
from ekswatch.rules.detection import Detection, Severity

SCHEMA = 4
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
    `lists` names the lists that values came from; it is for people, and decides nothing.
    """

    field: str
    op: Op
    values: tuple[Scalar, ...] = ()
    cased: bool = False
    lists: tuple[str, ...] = ()


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


class Novel(msgspec.Struct, frozen=True):
    """A match counts only where the values of the fields in `key` are new to the cluster.

    Units: days in UTC. A key that was not seen for `forget_days` is new again; the first
    `learn_days` of the rule, and of the values of `per` where it names fields, are quiet.
    A match for which not all selections named in `when` hold is a sighting and nothing else.
    """

    key: tuple[str, ...]
    forget_days: int = 30
    learn_days: int = 7
    per: tuple[str, ...] = ()
    when: tuple[str, ...] = ()


class Rule(msgspec.Struct, frozen=True):
    """One Sigma document that is evaluated on the rows of a view.

    `detection` is the slug; `variant` replaces that detection where the document states its
    own message, dedup key or commands. `facts` are the fields that a match snapshots, beside
    the summary unless it is `brief`. A rule may make findings, signals for correlations, or both.
    """

    name: str
    detection: str
    view: str
    selections: dict[str, Expression]
    condition: Expression
    severity: Severity
    escalations: tuple[Escalation, ...] = ()
    facts: tuple[str, ...] = ()
    brief: bool = False
    finding: bool = True
    signal: bool = False
    variant: Detection | None = None
    novel: Novel | None = None


class Correlation(msgspec.Struct, frozen=True):
    """One Sigma correlation: matches of `rules` (document names) within `timespan_seconds`.

    `op` and `count` are the condition; a temporal correlation needs all its rules instead.
    `fields` are those whose distinct values value_count counts, or whose numbers value_sum
    adds; of matches with equal values of `once_per` it adds the largest. `group_by` names fields;
    where a rule calls one differently, `aliases` maps group-by name, then rule, to its field.
    `collect` are fields whose distinct values a match lists. `rules` may name correlations;
    one that only serves others makes no findings. Matches of `ungrouped` rules, which lack the
    fields of the group, count in every group.
    """

    name: str
    detection: str
    kind: Literal["event_count", "value_count", "value_sum", "temporal", "temporal_ordered"]
    rules: tuple[str, ...]
    timespan_seconds: int
    severity: Severity
    group_by: tuple[str, ...] = ()
    op: Literal["lt", "lte", "gt", "gte", "eq", "neq"] = "gte"
    count: int = 1
    fields: tuple[str, ...] = ()
    aliases: dict[str, dict[str, str]] = {}
    collect: tuple[str, ...] = ()
    once_per: tuple[str, ...] = ()
    ungrouped: tuple[str, ...] = ()
    finding: bool = True
    variant: Detection | None = None

    @property
    def is_absence(self) -> bool:
        """Whether it holds when nothing comes: an event count below one."""
        return self.kind == "event_count" and (self.op, self.count) in ABSENCE


ABSENCE = (("lt", 1), ("lte", 0), ("eq", 0))
"""Conditions that only an empty window meets."""


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


class Database(msgspec.Struct, frozen=True):
    """A database of the operator's that says where addresses lie.

    `gives` is what it is read for: country (and city), or asn (and its owner). `file` is a path;
    in an artefact it is relative to the artefact. `type` and `built` are what the database says
    of itself, the day as YYYY-MM-DD; `sha256` is that of its content, in hexadecimal.
    """

    gives: Literal["country", "asn"]
    file: str
    sha256: str
    type: str
    built: str

    @property
    def name(self) -> str:
        """Where it lies beside an artefact: the same for the same content."""
        return f"{DATABASES}/{self.sha256[:16]}.mmdb"


DATABASES = "geo"
"""The folder beside an artefact that holds its databases."""


class Ruleset(msgspec.Struct, frozen=True):
    """Everything that the engine and the correlations need, sorted by name.

    `hash` is the SHA-256 of the content in hexadecimal, wherever its databases lie; it stands in
    every finding. `attack` is the release of ATT&CK that names the techniques, if known. Findings
    of the detections in `log_only` are logged and not delivered.
    """

    schema: int
    detections: tuple[Detection, ...]
    rules: tuple[Rule, ...]
    correlations: tuple[Correlation, ...]
    filters: tuple[Filter, ...]
    seed_mode: bool = False
    hash: str = ""
    attack: str = ""
    log_only: tuple[str, ...] = ()
    databases: tuple[Database, ...] = ()

    def sealed(self) -> "Ruleset":
        """The same ruleset with its hash."""
        return msgspec.structs.replace(self, hash=_content_hash(self))

    def detection(self, slug: str) -> Detection:
        """The detection of this slug. Raises KeyError when there is none."""
        for detection in self.detections:
            if detection.slug == slug:
                return detection
        raise KeyError(slug)

    def places(self) -> Places | None:
        """Where addresses lie, None when no database says; none is opened yet."""
        files = {each.gives: Path(each.file) for each in self.databases}
        return Places(country=files.get("country"), asn=files.get("asn")) if files else None


class Entry(msgspec.Struct, frozen=True):
    """One document of a ruleset: `id` is that of its detection."""

    name: str
    detection: str
    id: str


class Manifest(msgspec.Struct, frozen=True):
    """What an artefact holds: for people, and for tools that read nothing else of it."""

    schema: int
    ekswatch: str
    """The version that compiled it."""
    hash: str
    detections: int
    rules: tuple[Entry, ...]
    correlations: tuple[Entry, ...]
    filters: tuple[str, ...]
    seed_mode: bool = False
    attack: str = ""
    databases: tuple[Database, ...] = ()


def manifest(ruleset: Ruleset, version: str = __version__) -> Manifest:
    """What the artefact of a ruleset says of itself."""
    ids = {detection.slug: detection.id for detection in ruleset.detections}

    def entry(document: Rule | Correlation) -> Entry:
        return Entry(document.name, document.detection, ids.get(document.detection, ""))

    return Manifest(
        schema=ruleset.schema,
        ekswatch=version,
        hash=ruleset.hash,
        detections=len(ruleset.detections),
        rules=tuple(map(entry, ruleset.rules)),
        correlations=tuple(map(entry, ruleset.correlations)),
        filters=tuple(each.name for each in ruleset.filters),
        seed_mode=ruleset.seed_mode,
        attack=ruleset.attack,
        databases=ruleset.databases,
    )


class _Artefact(msgspec.Struct):
    """The outer shape, of which every schema has `schema`; `sha256` is that of `body`."""

    schema: int
    sha256: str = ""
    body: msgspec.Raw = msgspec.Raw()


class _Body(msgspec.Struct):
    manifest: Manifest
    ruleset: Ruleset


class _Summary(msgspec.Struct):
    manifest: Manifest


Shape = TypeVar("Shape", _Body, _Summary)


def dump(ruleset: Ruleset) -> bytes:
    """The artefact: JSON, the same bytes for the same ruleset and version.

    It names databases as they lie beside it, where `write_artefact` puts them.
    """
    ruleset = _as_named_beside(ruleset)
    body = msgspec.json.encode(_Body(manifest(ruleset), ruleset), order="sorted")
    sealed = _Artefact(ruleset.schema, hashlib.sha256(body).hexdigest(), msgspec.Raw(body))
    return msgspec.json.encode(sealed)


def load(artefact: bytes) -> Ruleset:
    """The ruleset in an artefact.

    Raises: BadRuleset, saying whether it is damaged, changed or of another schema.
    """
    return _decoded(artefact, _Body).ruleset


def load_manifest(artefact: bytes) -> Manifest:
    """What an artefact says of itself. Raises: BadRuleset, as `load` does."""
    return _decoded(artefact, _Summary).manifest


def read_artefact(path: Path) -> Ruleset:
    """The ruleset in a file, with its databases beside it. Raises: BadRuleset, as `load` does."""
    ruleset = load(path.read_bytes())
    found = [
        msgspec.structs.replace(each, file=str(path.parent / each.file))
        for each in ruleset.databases
    ]
    return msgspec.structs.replace(ruleset, databases=tuple(found))


def write_artefact(path: Path, ruleset: Ruleset) -> Manifest:
    """Write the artefact, whole or not at all, and return what it says of itself.

    Its databases are copied beside it first.
    """
    for each in ruleset.databases:
        copy = path.parent / each.name
        copy.parent.mkdir(exist_ok=True)
        shutil.copyfile(each.file, copy)
    artefact = dump(ruleset)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(artefact)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return load_manifest(artefact)


def _decoded(artefact: bytes, shape: type[Shape]) -> Shape:
    """The body of an artefact, after its schema and its checksum have been compared."""
    try:
        outer = msgspec.json.decode(artefact, type=_Artefact)
        if outer.schema != SCHEMA:
            raise BadRuleset(
                f"the rules have schema {outer.schema}, this ekswatch reads schema {SCHEMA}: "
                "compile them again with the same version"
            )
        if outer.sha256 != hashlib.sha256(outer.body).hexdigest():
            raise BadRuleset(
                "the compiled rules are damaged: their checksum differs from their content"
            )
        return msgspec.json.decode(outer.body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRuleset(f"the compiled rules are damaged: {error}") from error


def _as_named_beside(ruleset: Ruleset) -> Ruleset:
    """The ruleset with its databases as an artefact names them, wherever they are now."""
    named = [msgspec.structs.replace(each, file=each.name) for each in ruleset.databases]
    return msgspec.structs.replace(ruleset, databases=tuple(named))


def _content_hash(ruleset: Ruleset) -> str:
    content = msgspec.structs.replace(_as_named_beside(ruleset), hash="")
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()
