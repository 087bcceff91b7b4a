"""A new detection with its examples: what `rules new` writes, before anybody edits it."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from string import Template
from uuid import uuid4

from ekswatch.cli.examples import events_folder
from ekswatch.cli.matrix import CONTAINERS
from ekswatch.cli.specimens import ASKED, Json
from ekswatch.cli.starts import STARTS, Start
from ekswatch.rules.compiler.attack import entries

SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
SLUG_CHARS = 80
ENOUGH = 5
"""Requests within ten minutes that a new window detection counts to."""


class Kind(StrEnum):
    """How a detection comes to its findings."""

    STREAM = "stream"
    WINDOW = "window"
    SEQUENCE = "sequence"


class Taken(ValueError):  # noqa: N818 - says what is taken
    """There is a detection, or an example, of this name already."""


@dataclass(frozen=True, slots=True)
class Written:
    """The files of a new detection: the rule, then its examples."""

    rule: Path
    examples: tuple[Path, ...]


HEAD = Template("""\
title: $title
id: $id
name: $slug
status: experimental
description: |
  Say what happens here, why it matters, and when the severity differs.
references:
  - https://attack.mitre.org/techniques/$page/
author: your team
date: $date
tags:
  - attack.$tactic
  - attack.$technique
""")

TAIL = Template("""\
falsepositives:
  - Say who does this legitimately.
  - "Misses: say what this does not see."
level: $level
ekswatch:
  message: '{actor.name} $happened'
  dedup: {key: $key, period: 60m}
  runbook: Ask {actor.name} whether this was meant, and look at what they did before and after.
""")

RULE = Template("""\
logsource: {product: kubernetes, service: audit$category}
detection:
  $selection:
$fields
  condition: $selection
""")

BASE = Template("""\
---
title: $title
id: $id
name: $name
status: experimental
description: $description
""")

COUNT = Template("""\
correlation:
  type: event_count
  rules: [$slug-request]
  group-by: [actor.name]
  timespan: 10m
  condition: {gte: $enough}
""")

ORDER = Template("""\
correlation:
  type: temporal_ordered
  rules: [$slug-asked, $slug-done]
  group-by: [actor.name]
  timespan: 10m
""")

LOW = "level: informational\n"


def write(
    folder: Path,
    slug: str,
    *,
    kind: Kind,
    view: str,
    tactic: str,
    today: date,
    beside: Sequence[Path] = (),
) -> Written:
    """Write a detection and its examples into a folder of detections, and nothing over.

    Shape: `view` is a name of `STARTS`, `tactic` one of ATT&CK or empty for the view's own;
    `beside` are the folders of detections that it will be loaded with.
    Raises: Taken when the slug is in use.
    """
    start = STARTS[view]
    rule = folder / (tactic or start.tactic) / f"{slug}.yml"
    examples = events_folder(folder) / slug
    rules = [file for each in (folder, *beside) for file in sorted(each.glob(f"*/{slug}.yml"))]
    for there in (*rules, examples):
        if there.exists():
            raise Taken(f"{there} is already there")
    text = _rule(slug, kind, view, rule.parent.name, today)
    series = _series(start, kind)
    rule.parent.mkdir(parents=True, exist_ok=True)
    examples.mkdir(parents=True)
    rule.write_text(text)
    for name, events in series.items():
        lines = (json.dumps(event, separators=(",", ":")) for event in events)
        (examples / name).write_text("\n".join(lines) + "\n")
    return Written(rule, tuple(examples / name for name in series))


def is_slug(name: str) -> bool:
    """Whether this can name a detection: lower case words joined by hyphens."""
    return len(name) <= SLUG_CHARS and SLUG.fullmatch(name) is not None


def technique_of(tactic: str) -> str:
    """A technique of a tactic for the author to replace: one for containers if there is any."""
    having = [id_ for id_, entry in entries().items() if tactic in entry.tactics]
    inside = [id_ for id_ in having if id_ in CONTAINERS]
    return (inside or having)[0].lower()


def _rule(slug: str, kind: Kind, view: str, tactic: str, today: date) -> str:
    start = STARTS[view]
    technique = start.technique if tactic == start.tactic else technique_of(tactic)
    title = slug.replace("-", " ").capitalize()
    head = HEAD.substitute(
        title=title,
        id=uuid4(),
        slug=slug,
        page=technique.upper().replace(".", "/"),
        date=today.isoformat(),
        tactic=tactic,
        technique=technique,
    )
    if kind is Kind.STREAM:
        return head + _condition(view, start.selection, start.fields) + _tail(kind, start)
    if kind is Kind.WINDOW:
        return (
            head
            + COUNT.substitute(slug=slug, enough=ENOUGH)
            + _tail(kind, start)
            + _base(f"{slug}-request", f"{title}, one request", view, start.selection, start.fields)
        )
    asked = {"verb": ASKED.verb, "objectRef.resource": ASKED.resource}
    return (
        head
        + ORDER.substitute(slug=slug)
        + _tail(kind, start)
        + _base(f"{slug}-asked", f"{title}, first step", "", "asked", asked)
        + _base(f"{slug}-done", f"{title}, second step", view, start.selection, start.fields)
    )


def _base(name: str, title: str, view: str, selection: str, fields: Mapping[str, str]) -> str:
    description = "One request, which counts only together with others."
    head = BASE.substitute(title=title, id=uuid4(), name=name, description=description)
    return head + _condition(view, selection, fields) + LOW


def _condition(view: str, selection: str, fields: Mapping[str, str]) -> str:
    lines = "\n".join(f"    {field}: {value}" for field, value in fields.items())
    category = f", category: {view}" if view else ""
    return RULE.substitute(category=category, selection=selection, fields=lines)


def _tail(kind: Kind, start: Start) -> str:
    if kind is Kind.STREAM:
        happened, key = start.happened, "[actor.name, object.ref]"
    elif kind is Kind.WINDOW:
        happened = "did this {correlation.count} times within ten minutes: {object.ref}"
        key = "[actor.name]"
    else:
        happened = "asked what they may do, and within ten minutes did this: {object.ref}"
        key = "[actor.name]"
    return TAIL.substitute(level="medium", happened=happened, key=key)


def _series(start: Start, kind: Kind) -> Mapping[str, Sequence[Json]]:
    """File name to events: what the detection finds, and its nearest innocent neighbours."""
    match, ignore = start.match, start.ignore
    if kind is Kind.STREAM:
        return {
            "match_example.json": [match.event()],
            f"ignore_{start.ignored}.json": [ignore.event()],
        }
    if kind is Kind.WINDOW:
        return {
            "match_enough_in_ten_minutes.jsonl": [match.event(m) for m in range(ENOUGH)],
            "ignore_one_fewer.jsonl": [match.event(m) for m in range(ENOUGH - 1)],
            "ignore_spread_over_an_hour.jsonl": [match.event(15 * m) for m in range(ENOUGH)],
            f"ignore_{start.ignored}.jsonl": [ignore.event(m) for m in range(ENOUGH)],
        }
    return {
        "match_asked_then_done.jsonl": [ASKED.event(), match.event(5)],
        "ignore_done_before_asking.jsonl": [match.event(), ASKED.event(5)],
        "ignore_much_later.jsonl": [ASKED.event(), match.event(30)],
        f"ignore_{start.ignored}.jsonl": [ASKED.event(), ignore.event(5)],
    }
