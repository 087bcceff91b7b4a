"""The shipped detections of what is new, on recordings: quiet on the usual, loud on attacks.

The recordings hold minutes. So what the ordinary one teaches is moved back in time, as if the
same had been seen every day for three weeks.
"""

import gzip
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace

from ekswatch.audit.files import read_lines
from ekswatch.audit.intake import Batch, read_file
from ekswatch.cli.content import detections_folder
from ekswatch.cli.scan import Scan
from ekswatch.correlate.baseline import Entry, Learner
from ekswatch.findings.finding import Finding, Scope
from ekswatch.rules.compiler.compile import compile_ruleset
from ekswatch.rules.detection import Severity
from ekswatch.rules.matcher.engine import Engine
from ekswatch.rules.ruleset import Ruleset

EVENTS = Path(__file__).parent.parent / "events"
SCENARIOS = EVENTS / "scenarios"
BENIGN = EVENTS / "benign.jsonl.gz"
CLUSTER = "local"
DAYS_BACK = 21
SLUGS = frozenset(
    {
        *("new-principal-seen", "user-unusual-network", "first-exec-by-user"),
        *("unusual-workload-change", "admin-identity-used", "secret-access-new-client"),
        *("unusual-client-or-decision", "service-account-unusual-activity"),
    }
)
Known = Mapping[str, Mapping[str, Entry]]
LOOKALIKES = sorted(path.name.removesuffix(".jsonl.gz") for path in SCENARIOS.glob("lookalike_*"))


@pytest.fixture(scope="module")
def ruleset() -> Ruleset:
    """The shipped detections that this is about."""
    whole = compile_ruleset(detections_folder())
    return replace(whole, rules=tuple(r for r in whole.rules if r.detection in SLUGS))


@pytest.fixture(scope="module")
def halves() -> tuple[list[bytes], list[bytes]]:
    """The ordinary recording, cut in the middle."""
    lines = gzip.decompress(BENIGN.read_bytes()).splitlines(keepends=True)
    return lines[: len(lines) // 2], lines[len(lines) // 2 :]


@pytest.fixture(scope="module")
def everyday(ruleset: Ruleset) -> Known:
    """A baseline of everything ordinary."""
    return taught(ruleset, read_file(BENIGN))


def taught(ruleset: Ruleset, history: Iterable[Batch]) -> Known:
    """What a history teaches, as if every day for three weeks had been like it."""
    learner, engine = Learner(ruleset, CLUSTER), Engine(ruleset)
    for batch in history:
        learner.learn(engine.match(batch.events, learner), batch.events)
    entries = learner.entries.items()
    return {CLUSTER: {key: replace(one, since=one.since - DAYS_BACK) for key, one in entries}}


def found(ruleset: Ruleset, batches: Iterable[Batch], known: Known) -> list[Finding]:
    scanner = Scan(ruleset, _place, baselines=known)
    for batch in batches:
        scanner.add(batch)
    return list(scanner.report().findings)


def _place(_: str) -> Scope:
    return Scope(partition="aws", account="111122223333", region="us-east-1", cluster=CLUSTER)


def worrying(findings: Iterable[Finding]) -> list[str]:
    return [f.message for f in findings if f.severity >= Severity.MEDIUM]


def test_without_a_baseline_only_administrators_are_told(ruleset: Ruleset) -> None:
    """What a cluster has always done would otherwise be news on the first day."""
    findings = found(ruleset, read_file(BENIGN), {})

    assert {f.detection.slug for f in findings} == {"admin-identity-used"}
    assert worrying(findings) == []


def test_the_second_half_of_an_ordinary_day_is_no_news(
    ruleset: Ruleset, halves: tuple[list[bytes], list[bytes]]
) -> None:
    """A handful of firsts remain, none of which wakes anybody."""
    first, second = (list(read_lines(half, source="benign")) for half in halves)

    findings = found(ruleset, second, taught(ruleset, first))

    assert worrying(findings) == []
    assert len(findings) <= 5


@pytest.mark.parametrize("name", LOOKALIKES)
def test_what_looks_like_an_attack_and_is_none_is_no_news(
    ruleset: Ruleset, everyday: Known, name: str
) -> None:
    """Restarts, installations, a new team and a night on call."""
    findings = found(ruleset, read_file(SCENARIOS / f"{name}.jsonl.gz"), everyday)

    assert worrying(findings) == []


@pytest.mark.parametrize(
    ("name", "slugs"),
    [
        ("aws_auth_patch_masters", {"new-principal-seen", "admin-identity-used"}),
        ("exec_spdy", {"user-unusual-network"}),
        ("chain_sa_to_node", {"service-account-unusual-activity", "first-exec-by-user"}),
        ("miner_deployment", {"unusual-workload-change", "user-unusual-network"}),
        ("recon_many_kinds", {"secret-access-new-client", "user-unusual-network"}),
        ("sa_many_forbidden", {"unusual-client-or-decision"}),
        ("secrets_list_all_namespaces", {"service-account-unusual-activity"}),
    ],
)
def test_an_attack_is_news(ruleset: Ruleset, everyday: Known, name: str, slugs: set[str]) -> None:
    """Against a baseline of everything ordinary the attacker stands out."""
    findings = found(ruleset, read_file(SCENARIOS / f"{name}.jsonl.gz"), everyday)

    assert slugs <= {f.detection.slug for f in findings}
    assert worrying(findings)


@pytest.mark.parametrize(
    ("name", "permitted", "document"),
    [
        ("admin_networks", "203.0.113.0/24", "user-unusual-network-fixed"),
        ("permitted_principals", "*:assumed-role/dev-web", "new-principal-seen-unlisted"),
    ],
)
def test_a_list_of_what_is_permitted_needs_no_learning(
    tmp_path: Path, name: str, permitted: str, document: str
) -> None:
    """Everything else is told from the first day; as shipped the list permits everything."""
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / f"{name}.yml").write_text(f"replace: ['{permitted}']\n")
    tuned = compile_ruleset(detections_folder(), tmp_path)
    stolen = SCENARIOS / "exec_spdy.jsonl.gz"

    told = [f.lead.document for f in found(tuned, read_file(stolen), {})]
    as_shipped = compile_ruleset(detections_folder())

    assert document in told
    assert document not in [f.lead.document for f in found(as_shipped, read_file(stolen), {})]
