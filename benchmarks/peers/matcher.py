"""sigma-rule-matcher: Sigma rules evaluated on dictionaries, rule by rule."""

from collections.abc import Sequence

from benchmarks.peers.peer import Event, Hits, Ready
from benchmarks.peers.questions import QUESTIONS, sigma


def prepare() -> Ready:
    """A judge that asks every rule; groups are joined first, as it takes no lists."""
    from sigma.rule import SigmaRule
    from sigma_rule_matcher import RuleMatcher

    rules, without = [], set()
    for question in QUESTIONS:
        try:
            rules.append((question.name, RuleMatcher(SigmaRule.from_yaml(sigma(question)))))
        except NotImplementedError:  # truth values
            without.add(question.name)

    def judge(events: Sequence[Event]) -> Hits:
        hits: Hits = set()
        for event in events:
            flat = _joined(event)
            hits.update((name, event["auditID"]) for name, rule in rules if rule.match(flat))
        return hits

    return Ready(judge, frozenset(without))


def _joined(event: Event) -> Event:
    user = event.get("user", {})
    return {**event, "user": {**user, "groups": "\n".join(user.get("groups", ()))}}
