"""The page in CloudWatch shows what is there, under the names that it has."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from ekswatch.audit.intake import read_file
from ekswatch.cli.measures import OF_FINDINGS
from ekswatch.correlate.signal import encode, signals
from ekswatch.rules.compiler.compile import compile_what_loads
from ekswatch.rules.matcher.engine import Engine
from ekswatch.rules.matcher.outcomes import Outcomes
from infra.dashboard import FOUND, GRAPHS, LEDGER, ROLES, TABLES
from lambdas.telemetry import NAMESPACE, Counts, flush
from tests.infra.template import Resources

ROOT = Path(__file__).parents[2]
SCENARIOS = ROOT / "events" / "scenarios"
RECORDED = ("chain_sa_to_node", "recon_many_kinds", "secrets_get_unusual_ua")

PARSED = re.compile(r"^parse @message /(.*)/$")


@pytest.fixture(scope="module")
def widgets(resources: Resources) -> list[dict[str, Any]]:
    body = resources.only("AWS::CloudWatch::Dashboard")["DashboardBody"]
    found: list[dict[str, Any]] = json.loads(body)["widgets"]
    return found


@cache
def lines(document: str) -> list[str]:
    """What the functions write to the log group for recorded attacks, one line per signal."""
    ruleset, _ = compile_what_loads(ROOT / "detections", None)
    engine, outcomes = Engine(ruleset), Outcomes(ruleset)
    written = []
    for name in RECORDED:
        for batch in read_file(SCENARIOS / f"{name}.jsonl.gz"):
            matches = engine.match(batch.events)
            written += signals([*matches, *outcomes.of_findings(matches)], batch="b")
    return [encode(one) for one in written if one.document == document]


def document_of(query: list[str]) -> str:
    found = re.fullmatch(r'filter document = "([a-z-]+)"', query[0])
    assert found
    return found[1]


def test_every_table_asks_the_log_group_of_the_signals(widgets: list[dict[str, Any]]) -> None:
    """One table per measure, in order, over the stack's own log group."""
    tables = [one["properties"] for one in widgets if one["type"] == "log"]

    assert [one["title"] for one in tables] == list(TABLES)
    for one, query in zip(tables, TABLES.values(), strict=True):
        assert one["query"] == "SOURCE '${Signals}' | " + "\n| ".join(query)
        assert one["view"] == "table"


def test_every_metric_is_one_that_the_stream_function_writes(
    widgets: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Namespace, name and dimensions, for each cluster."""
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "stream")
    counts = Counts()
    counts.add("prod")
    counts.add("staging")
    flush(counts)
    emitted = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    written = {
        (NAMESPACE, metric["Name"], one["cluster"], one["service"])
        for one in emitted
        for metric in one["_aws"]["CloudWatchMetrics"][0]["Metrics"]
    }

    shown = set()
    for widget in widgets:
        for namespace, name, *dimensions in widget["properties"].get("metrics", ()):
            pairs = dict(zip(dimensions[0:4:2], dimensions[1:4:2], strict=True))
            shown.add((namespace, name, pairs["cluster"], pairs["service"]))

    assert len(shown) == 2 * sum(map(len, GRAPHS.values()))
    assert shown <= written


@pytest.mark.parametrize("title", TABLES)
def test_every_column_is_in_the_lines_that_are_written(title: str) -> None:
    """The patterns of a query find each of its columns in signals of the document it asks for."""
    query = list(TABLES[title])
    patterns = [found[1] for one in query if (found := PARSED.match(one))]
    counted_by = query[-3].split(" by ")[1].split(", ")

    written = lines(document_of(query))
    columns = [names(patterns, line) for line in written]

    assert written
    assert {"requests", *counted_by} in columns


def names(patterns: list[str], line: str) -> set[str]:
    """The columns whose pattern is found in a line."""
    found = (re.search(pattern.replace("(?<", "(?P<"), line) for pattern in patterns)
    return {name for match in found if match for name in match.groupdict()}


def test_a_column_has_the_whole_value() -> None:
    """Neither quotes in a reason nor a list of groups cut it short."""
    query = TABLES["Accounts that touched secrets and config maps, and why they were allowed to"]
    patterns = [found[1].replace("(?<", "(?P<") for one in query if (found := PARSED.match(one))]
    (line,) = (one for one in lines(LEDGER) if '"object.ref":"secrets data/*"' in one)

    values: dict[str, str] = {}
    for pattern in patterns:
        match = re.search(pattern, line)
        assert match
        values |= match.groupdict()

    facts = json.loads(line)["facts"]
    assert json.loads(f'"{values["reason"]}"') == facts["authorization.reason"]
    assert json.loads(f"[{values['groups']}]") == facts["actor.groups"]
    assert values["user"] == facts["actor.name"]
    assert values["requests"] == "1"


def test_the_measures_are_those_of_the_report() -> None:
    """The same detections under the same titles."""
    asked = {
        title: re.findall(r'"([a-z-]+)"', one)
        for title, query in TABLES.items()
        for one in query
        if one.startswith("filter found in")
    }

    assert asked == {
        one.title: list(one.detections) for one in OF_FINDINGS if one.name != "suspicious-calls"
    }


def test_the_documents_are_counted_by_a_correlation() -> None:
    """Only what a correlation counts is written as a signal."""
    ruleset, _ = compile_what_loads(ROOT / "detections", None)

    assert {LEDGER, ROLES, FOUND} <= {name for one in ruleset.correlations for name in one.rules}
