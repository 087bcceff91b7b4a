"""A plain Python function per rule, called for every event: how StreamAlert and Panther work.

The functions are written out as source, as a person would write them, and compiled once.
"""

from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.peers.peer import Event, Hits, Ready
from benchmarks.peers.questions import QUESTIONS, Question, Test

Function = Callable[[Event], bool]


def prepare() -> Ready:
    """A judge that calls every function for every event."""
    functions = [(question.name, function(question)) for question in QUESTIONS]

    def judge(events: Sequence[Event]) -> Hits:
        return {
            (name, event["auditID"])
            for event in events
            for name, holds in functions
            if holds(event)
        }

    return Ready(judge)


def function(question: Question) -> Function:
    """The question as a function of the decoded event."""
    tests = [_source(test) for test in question.demands]
    if question.excludes:
        tests.append(f"not ({' and '.join(_source(test) for test in question.excludes)})")
    source = f"def rule(event):\n    return bool({' and '.join(tests)})\n"
    names: dict[str, Any] = {"at": at}
    exec(source, names)  # noqa: S102  # source made of our own questions, above
    made: Function = names["rule"]
    return made


def at(event: Event, *path: str) -> Any:
    """What lies in a body, None where there is nothing: bodies may be lists or texts."""
    value: Any = event
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def _source(test: Test) -> str:
    read = _read(test.path)
    if test.op == "startswith":
        return f"({read} or '').startswith({test.values!r})"
    if test.op == "has":
        return f"any(value in ({read} or ()) for value in {test.values!r})"
    return f"{read} in {test.values!r}" if len(test.values) > 1 else f"{read} == {test.values[0]!r}"


def _read(path: tuple[str, ...]) -> str:
    """How a person reads this field: headers are objects, bodies may be anything."""
    if path[0] == "requestObject":
        return f"at(event, {', '.join(map(repr, path))})"
    *parents, last = path
    steps = "".join(f".get({parent!r}, {{}})" for parent in parents)
    return f"event{steps}.get({last!r})"
