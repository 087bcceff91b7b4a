"""Expression languages: CEL in its Rust binding, and JMESPath."""

import json
from collections.abc import Sequence

from benchmarks.peers.peer import Event, Hits, Ready
from benchmarks.peers.questions import QUESTIONS, Question, Test


def prepare_cel() -> Ready:
    """A judge that converts each event once and evaluates every expression on it."""
    import cel

    programs = [(question.name, cel.compile(as_cel(question))) for question in QUESTIONS]

    def judge(events: Sequence[Event]) -> Hits:
        hits: Hits = set()
        for event in events:
            context = cel.Context()
            context.add_variable("event", event)
            for name, program in programs:
                if program.execute(context):
                    hits.add((name, event["auditID"]))
        return hits

    return Ready(judge)


def prepare_jmespath() -> Ready:
    """A judge that searches each event with every compiled expression."""
    import jmespath

    searches = [(question.name, jmespath.compile(as_jmespath(question))) for question in QUESTIONS]

    def judge(events: Sequence[Event]) -> Hits:
        return {
            (name, event["auditID"])
            for event in events
            for name, expression in searches
            if expression.search(event)
        }

    return Ready(judge)


def as_cel(question: Question) -> str:
    """The question in CEL; every step of a path is asked for before it is taken."""
    demands = [_cel(test) for test in question.demands]
    excluded = [f"!({' && '.join(_cel(test) for test in question.excludes)})"]
    return " && ".join(demands + (excluded if question.excludes else []))


def _cel(test: Test) -> str:
    steps = [f"event.{'.'.join(test.path[: end + 1])}" for end in range(len(test.path))]
    there = " && ".join(_cel_has(step) for step in steps)
    field, values = steps[-1], json.dumps(test.values)
    if test.op == "startswith":
        asked = " || ".join(f"{field}.startsWith({json.dumps(v)})" for v in test.values)
    elif test.op == "has":
        asked = " || ".join(f"{json.dumps(v)} in {field}" for v in test.values)
    else:
        asked = f"{field} in {values}"
    return f"({there} && ({asked}))"


def _cel_has(step: str) -> str:
    """Bodies may be lists, which have no fields to ask for."""
    if step == "event.requestObject":
        return f"has({step}) && type({step}) == map"
    return f"has({step})"


def as_jmespath(question: Question) -> str:
    """The question in JMESPath, in which a path that is not there is null."""
    demands = [_jmespath(test) for test in question.demands]
    excluded = [f"!({' && '.join(_jmespath(test) for test in question.excludes)})"]
    return " && ".join(demands + (excluded if question.excludes else []))


def _jmespath(test: Test) -> str:
    field = test.field
    if test.op == "startswith":
        asked = [f"starts_with({field} || '', '{value}')" for value in test.values]
    elif test.op == "has":
        asked = [f"contains({field} || `[]`, '{value}')" for value in test.values]
    else:
        asked = [f"{field} == `{json.dumps(value)}`" for value in test.values]
    return f"({' || '.join(asked)})"
