"""What Sigma has no word for: the keys under `ekswatch:`, and the files of the operator.

Unknown keys are errors, so that a misspelt one never does nothing in silence.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

import pydantic
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

PERIOD = r"^[1-9][0-9]{0,4}[smhd]$"
DAYS = r"^[1-9][0-9]{0,2}d$"
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

DEFAULT_DEDUP_KEY = ("actor.name", "object.ref")
DEFAULT_DEDUP_PERIOD = "60m"
DEFAULT_FORGET = "30d"
DEFAULT_LEARN = "7d"
MAX_KEY_FIELDS = 8

Level = Literal["informational", "low", "medium", "high", "critical"]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Percent = Annotated[int, Field(ge=0, le=100, strict=True)]
ListValue = (
    Annotated[str, Field(strict=True)]
    | Annotated[int, Field(strict=True)]
    | Annotated[float, Field(strict=True)]
)


class Keys(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Dedup(Keys):
    """Which matches are one finding."""

    key: tuple[Text, ...] = Field(
        default=DEFAULT_DEDUP_KEY,
        description="Fields whose equal values make matches one finding.",
    )
    period: str = Field(
        default=DEFAULT_DEDUP_PERIOD,
        pattern=PERIOD,
        description="Length of the time bucket in which they do, as in 60m or 24h.",
    )

    @property
    def seconds(self) -> int:
        return int(self.period[:-1]) * SECONDS[self.period[-1]]


class Raise(Keys):
    """One entry of `severity`."""

    when: tuple[Text, ...] = Field(
        min_length=1,
        description="A selection of the document, or a list of them that must all hold.",
    )
    level: Level = Field(description="The severity then.")

    @pydantic.field_validator("when", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value


class Novelty(Keys):
    """What must be new."""

    key: tuple[Text, ...] = Field(
        min_length=1,
        max_length=MAX_KEY_FIELDS,
        description="Fields whose values together must be new to the cluster.",
    )
    forget: str = Field(
        default=DEFAULT_FORGET,
        pattern=DAYS,
        description="Days after which a key that was not seen is new again, as in 30d.",
    )
    learn: str = Field(
        default=DEFAULT_LEARN,
        pattern=DAYS,
        description="Days at the start that are quiet, counted from the cluster's first event "
        "that this rule's baseline knows of.",
    )
    per: tuple[Text, ...] = Field(
        default=(),
        max_length=MAX_KEY_FIELDS,
        description="Fields, as in actor.role: new values there have a learning period of their "
        "own.",
    )

    when: tuple[Text, ...] = Field(
        default=(),
        description="A selection of the document, or a list of them that must all hold for a "
        "match to count; without them it only teaches the baseline.",
    )

    @pydantic.field_validator("when", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @pydantic.model_validator(mode="after")
    def _learns_what_it_remembers(self) -> "Novelty":
        if self.learn_days > self.forget_days:
            raise ValueError("learn must not be longer than forget")
        return self

    @property
    def forget_days(self) -> int:
        return int(self.forget[:-1])

    @property
    def learn_days(self) -> int:
        return int(self.learn[:-1])


class DetectionKeys(Keys):
    """`ekswatch:` of a rule or a correlation. The main document must have a `message`."""

    message: Text | None = Field(
        default=None,
        description="What happened, in one sentence; `{field}` is replaced by that field's value.",
    )
    dedup: Dedup | None = Field(
        default=None,
        description="Which matches are one finding; by default those of one actor and object "
        "within 60 minutes.",
    )
    impact: Percent | None = Field(
        default=None, description="0 to 100; risk is impact times confidence over 100."
    )
    confidence: Percent | None = Field(
        default=None, description="0 to 100, how sure a match is what the title says."
    )
    runbook: Text | None = Field(
        default=None, description="What to check first, in one or two sentences."
    )
    commands: tuple[Text, ...] | None = Field(
        default=None, description="Commands to run next; may hold `{field}`."
    )
    seed: str | None = Field(
        default=None,
        pattern=r"^[0-9]{3}$",
        description="The seed document this implements, as in '000'.",
    )
    unlogged: Text | None = Field(
        default=None,
        description="What of it the audit policy of EKS does not log, so that it is live in full "
        "for other sources only.",
    )
    severity: tuple[Raise, ...] = Field(
        default=(),
        description="Severities other than `level`: the first entry decides whose selections "
        "hold; they need not be part of the condition.",
    )
    novel: Novelty | None = Field(
        default=None,
        description="Rules: a match counts only where this is new to the cluster.",
    )
    collect: tuple[Text, ...] = Field(
        default=(),
        description="Correlations: fields whose distinct values the finding lists.",
    )
    keep: tuple[Text, ...] = Field(
        default=(),
        description="Rules of correlations alone: all that their signals keep of an event, beside "
        "what the correlations count and group by. By default it is the summary, and what the "
        "detection names. Signals that agree share a line, so less is cheaper.",
    )
    ungrouped: tuple[Text, ...] = Field(
        default=(),
        description="Correlations: rules whose matches count in every group, as they lack its "
        "fields: what anybody did between two requests of one actor.",
    )
    once_per: tuple[Text, ...] = Field(
        default=(),
        description="Sums: fields whose equal values count once, with the largest number.",
    )
    lint: Mapping[str, Text] = Field(
        default={},
        description="Warnings of `ekswatch rules lint` that are accepted here: code and reason.",
    )


class FilterKeys(Keys):
    """`ekswatch:` of a filter."""

    reason: Text = Field(description="Why these matches are expected.")
    owner: Text = Field(description="Who answers for that: a person or a team.")
    expires: date | None = Field(
        default=None, description="The last day the filter holds; without it, it always does."
    )
    default: bool = Field(
        default=False,
        strict=True,
        description="A shipped exclusion, which seed mode does without.",
    )
    lint: Mapping[str, Text] = Field(
        default={},
        description="Warnings of `ekswatch rules lint` that are accepted here: code and reason.",
    )


class ListFile(Keys):
    """A file in `detections/lists/`, or a list of the operator's own."""

    description: Text
    source: Text | None = None
    values: tuple[ListValue, ...]


class ListTuning(Keys):
    """A file in `lists/` of the tuning folder that changes a list."""

    replace: tuple[ListValue, ...] | None = None
    add: tuple[ListValue, ...] = ()
    remove: tuple[ListValue, ...] = ()

    @pydantic.model_validator(mode="after")
    def _replace_stands_alone(self) -> "ListTuning":
        if self.replace is not None and (self.add or self.remove):
            raise ValueError("use either replace, or add and remove")
        return self


class Disabled(Keys):
    """What is switched off."""

    detections: tuple[Text, ...] = ()
    filters: tuple[Text, ...] = ()


class DetectionTuning(Keys):
    """What an operator changes of one detection."""

    enabled: bool = Field(default=True, strict=True, description="False switches it off.")
    severity: Level | None = Field(
        default=None, description="The severity of all its findings, instead of its own."
    )
    mode: Literal["finding", "signal", "log"] = Field(
        default="finding",
        description="finding: as shipped. signal: only what counts together with others. "
        "log: findings are written to the function's log and delivered nowhere.",
    )


class SuppressionTuning(Keys):
    """A suppression in `ekswatch.yml`: a filter without the frame of a Sigma document."""

    name: Text = Field(description="Under this name it is counted.")
    rules: tuple[Text, ...] = Field(
        min_length=1, description="Detections or rules it is for, by name; or any."
    )
    when: dict[str, Any] | tuple[dict[str, Any], ...] = Field(
        description="What is expected, as a selection of a detection: all fields of a mapping, "
        "or one mapping of a list."
    )
    reason: Text = Field(description="Why these matches are expected.")
    owner: Text = Field(description="Who answers for that: a person or a team.")
    expires: date | None = Field(
        default=None, description="The last day it holds; without it, it always does."
    )
    view: str = Field(
        default="", description="The view whose fields `when` uses, if not the event."
    )


class Geo(Keys):
    """Databases in MaxMind's format that say where addresses lie."""

    country: Text | None = Field(
        default=None,
        description="A database of countries or cities, as GeoLite2-City.mmdb: the path of a file "
        "as seen from the tuning folder.",
    )
    asn: Text | None = Field(
        default=None,
        description="A database of autonomous systems, as GeoLite2-ASN.mmdb: the path likewise.",
    )


class Tuning(Keys):
    """`ekswatch.yml` of the tuning folder."""

    disabled: Disabled = Disabled()
    detections: dict[str, DetectionTuning] = Field(
        default={}, description="Changes to detections, by slug."
    )
    lists: dict[str, ListTuning] = Field(
        default={}, description="Changes to lists, by name, as files in lists/ have them."
    )
    suppressions: tuple[SuppressionTuning, ...] = Field(
        default=(), description="What is expected here, and no finding."
    )
    geo: Geo = Field(default=Geo(), description="Where addresses lie; without it nobody is asked.")
    seed_mode: bool = Field(
        default=False, strict=True, description="Seed rows as their documents have them."
    )


def settings_schema() -> dict[str, Any]:
    """The JSON schema of `ekswatch.yml`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Tuning.model_json_schema(),
        "title": "ekswatch.yml",
    }


@dataclass(frozen=True, slots=True)
class DocumentedKey:
    """A key under `ekswatch:`; `document` says of which documents: detection or filter."""

    document: str
    key: str
    required: bool
    doc: str


def ekswatch_keys() -> tuple[DocumentedKey, ...]:
    """Every key that `ekswatch:` may have, nested ones with dots, for the generated docs."""
    return (*_keys("detection", DetectionKeys), *_keys("filter", FilterKeys))


NESTED: Mapping[str, type[BaseModel]] = {"dedup": Dedup, "severity": Raise, "novel": Novelty}


def _keys(document: str, model: type[BaseModel], prefix: str = "") -> list[DocumentedKey]:
    found = []
    for name, field in model.model_fields.items():
        found.append(
            DocumentedKey(document, prefix + name, field.is_required(), field.description or "")
        )
        if not prefix and name in NESTED:
            found.extend(_keys(document, NESTED[name], f"{name}."))
    return found


def problems(error: pydantic.ValidationError) -> list[tuple[tuple[str | int, ...], str]]:
    """The problems pydantic found, as (key path, message in our words)."""
    return [(_place(found), _wording(found)) for found in error.errors(include_url=False)]


def _place(found: Mapping[str, Any]) -> tuple[str | int, ...]:
    # a union adds the name of the alternative it tried, which is no key of the file
    return tuple(part for part in found["loc"] if part not in ("str", "int", "float"))


def _wording(found: Mapping[str, Any]) -> str:
    kind, key = found["type"], ".".join(str(part) for part in _place(found))
    if kind == "extra_forbidden":
        return f"unknown key {key!r}"
    if kind == "missing":
        return f"{key!r} is missing"
    return f"{key!r}: {found['msg']}" if key else str(found["msg"])
