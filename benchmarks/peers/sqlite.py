"""Sigma rules as SQL over a table of flattened events: how Zircolite works.

pySigma's SQLite backend writes the queries. The table has only the columns that the rules name,
and Python lists in it are joined to a text, which is less than such tools usually store.
"""

import sqlite3
import weakref
from collections.abc import Sequence
from typing import Any

from benchmarks.peers.functions import at
from benchmarks.peers.peer import Event, Hits, Ready
from benchmarks.peers.questions import FIELDS, QUESTIONS, sigma

COLUMNS = tuple((field, tuple(field.split("."))) for field in FIELDS)


def prepare() -> Ready:
    """A judge that fills the table with a batch and asks every query."""
    from sigma.backends.sqlite.sqlite import sqliteBackend
    from sigma.collection import SigmaCollection

    backend = sqliteBackend()
    queries = []
    for question in QUESTIONS:
        (query,) = backend.convert(SigmaCollection.from_yaml(sigma(question)))
        queries.append((question.name, query.replace("SELECT *", "SELECT auditID", 1)))
    names = ", ".join(f"`{field}`" for field, _ in COLUMNS)
    marks = ", ".join("?" * (len(COLUMNS) + 1))
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute(f"CREATE TABLE logs (auditID, {names})")
    insert = f"INSERT INTO logs VALUES ({marks})"  # noqa: S608  # question marks only

    def judge(events: Sequence[Event]) -> Hits:
        connection.execute("BEGIN")
        connection.executemany(insert, map(_row, events))
        hits = {
            (name, audit_id) for name, query in queries for (audit_id,) in connection.execute(query)
        }
        connection.execute("ROLLBACK")
        return hits

    weakref.finalize(judge, connection.close)
    return Ready(judge)


def _row(event: Event) -> tuple[Any, ...]:
    return (event["auditID"], *(_flat(at(event, *path)) for _, path in COLUMNS))


def _flat(value: Any) -> Any:
    if isinstance(value, list):
        return "\n".join(map(str, value))
    return None if isinstance(value, dict) else value
