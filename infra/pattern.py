"""The subscription filters' pattern: which records of a log group CloudWatch Logs delivers."""

import subprocess
import sys
from enum import StrEnum
from pathlib import Path

from infra.bundling import ROOT, RulesRefused

TERM = '"audit.k8s.io"'
"""Each audit event names its API group `audit.k8s.io/v1`; the other control-plane logs do not.

A term, not a JSON pattern: it also passes records that were cut and are no JSON any more.
"""

MAX_CHARACTERS = 1_024
"""Source: CloudWatch Logs API reference, PutSubscriptionFilter, `filterPattern`."""

SHARED_CHARACTERS = 3_150
"""The names of clusters and the pattern are both variables of the hourly function. Lambda takes
4,096 bytes of them; the others have less than 950. Thirty of the longest names leave 121."""

NARROW = """
import pathlib, sys
from ekswatch.rules.compiler.compile import RuleErrors, compile_ruleset
from ekswatch.rules.matcher.pattern import narrow
limit, *folders = sys.argv[1:]
try:
    print(narrow(compile_ruleset(*map(pathlib.Path, folders)), limit=int(limit)), end="")
except RuleErrors as errors:
    sys.exit(str(errors))
"""
"""A program, because `infra` imports nothing of the analyzer: limit, detections, tuning."""


class Filter(StrEnum):
    """`term` delivers every audit event; `narrow` leaves out what no rule can match."""

    TERM = "term"
    NARROW = "narrow"


def filter_pattern(kind: Filter, *, tuning: Path | None, clusters: str) -> str:
    """The pattern that filters of this kind have; only a narrow one asks the rules.

    `clusters` is what the functions are told of clusters, beside which the pattern must fit.
    Raises: RulesRefused, after every error was written to standard error.
    """
    if kind is Filter.TERM:
        return TERM
    limit = min(MAX_CHARACTERS, SHARED_CHARACTERS - len(clusters))
    folders = [str(ROOT / "detections"), *([str(tuning.resolve())] if tuning else [])]
    command = [sys.executable, "-c", NARROW, str(limit), *folders]
    try:
        made = subprocess.run(  # noqa: S603  # our own words only
            command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
        )
    except subprocess.CalledProcessError as failed:
        raise RulesRefused(failed.returncode, "the rule compiler") from None
    return made.stdout
