"""The baselines of the clusters whose logs this execution environment reads."""

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from ekswatch.audit.intake import Batch
from ekswatch.correlate.baseline import Baseline, Change, Entry
from ekswatch.rules.match import Match
from ekswatch.rules.ruleset import Ruleset
from lambdas.telemetry import Counts, report

if TYPE_CHECKING:
    from ekswatch.aws.baseline import Table

CLUSTERS = 8
"""Baselines kept in memory; the functions of most accounts serve fewer."""


class OnDemand:
    """The table of one cluster, opened at the first question, as opening loads the AWS SDK."""

    def __init__(self, table_name: str, cluster: str) -> None:
        self._named = (table_name, cluster)
        self._table: Table | None = None

    def read(self, keys: Collection[str]) -> Mapping[str, Entry | None]:
        return self._opened().read(keys)

    def write(self, changes: Mapping[str, Change]) -> Mapping[str, Entry | None]:
        return self._opened().write(changes)

    def taken_failures(self) -> list[str]:
        """What went wrong since the last call; from now on the table is asked again."""
        return self._table.taken_failures() if self._table else []

    def _opened(self) -> "Table":
        if self._table is None:
            from ekswatch.aws.baseline import Table
            from ekswatch.aws.clients import client

            self._table = Table(client("dynamodb"), *self._named)
        return self._table


class Baselines:
    """The baselines of one ruleset and table, by cluster."""

    def __init__(self, ruleset: Ruleset, table_name: str) -> None:
        self._ruleset = ruleset
        self._table_name = table_name
        self._of = lru_cache(maxsize=CLUSTERS)(self._opened)

    def of(self, cluster: str) -> Baseline:
        """What is normal in a cluster."""
        return self._of(cluster)[0]

    def judged(self, matches: list[Match], batch: Batch, counts: Counts) -> list[Match]:
        """The matches of a batch without those of novel rules that saw nothing new."""
        baseline, store = self._of(batch.cluster)
        judged = baseline.judge(matches, batch.events)
        failures = store.taken_failures()
        report("baseline unavailable", [{"cluster": batch.cluster, "error": e} for e in failures])
        counts.add(
            batch.cluster,
            MatchesKnown=judged.known,
            MatchesLearning=judged.learning,
            MatchesNew=judged.new,
            StateErrors=max(judged.unknown, len(failures)),
        )
        return judged.matches

    def _opened(self, cluster: str) -> tuple[Baseline, OnDemand]:
        store = OnDemand(self._table_name, cluster)
        return Baseline(self._ruleset, store, cluster), store
