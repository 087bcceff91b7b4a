"""The steps, from an empty account to one in which the stack was."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ekswatch.aws.settings import ENVIRONMENT
from tests.e2e.account import STACK, Account, log_group
from tests.e2e.commands import Shell, shown
from tests.e2e.findings import Seen, require_equal, scanned, summary
from tests.e2e.local_aws import ACCOUNT, REGION
from tests.e2e.privilege import check
from tests.e2e.recorder import Recorder
from tests.e2e.recordings import (
    attacks_and_benign,
    last_run,
    moved,
    newest_judged,
    scenario,
    write,
)
from tests.e2e.report import Report, StepFailed

CLUSTER, OTHER = "prod", "staging"
"""The clusters that the README deploys for."""
LIST = "registries_in_use"
REGISTRY = "registry.evil.example"
SCENARIO, DETECTION = "unseen_registry_pod", "disallowed-image"
"""A recording, the detection that finds an image in it, and what the operator adds to a list."""
ATTACK = "priv_pod_create"
"""Another recording, with findings whatever is tuned."""
SELFTEST = "selftest"
"""The detection of the operator's test line, which is in no recording."""


@dataclass(frozen=True, slots=True)
class Steps:
    """What the steps work with; `run` is the hour whose run they fire."""

    report: Report
    account: Account
    shell: Shell
    recorder: Recorder
    folder: Path
    run: datetime = field(default_factory=lambda: last_run(datetime.now(UTC)))

    def take(self) -> None:
        """Take every step.

        Raises: StepFailed, or what went wrong on the way.
        """
        self._deploy()
        self._deploy_again()
        self._analyse()
        self._tune()
        self._check_privilege()
        self._remove()

    def _deploy(self) -> None:
        with self.report.step("two clusters with audit logging on, and Security Hub"):
            for cluster in (CLUSTER, OTHER):
                self.account.create_cluster(cluster)
            self.account.switch_security_hub_on()
        for command in shown("README.md", "Deploy it"):
            with self.report.step(f"README.md: {' '.join(command)}"):
                self.shell.run(command)
                self.account.respell_grants()
        with self.report.step("the schedule is on; from here the hour is fired by hand"):
            self.account.stop_schedule()
        with self.report.step("the functions are told what they read, by name"):
            require_names(self.account.variables(), {name for name, _ in ENVIRONMENT})

    def _deploy_again(self) -> None:
        """The page on deploying deploys the same, and looks whether it works."""
        for command in shown("docs/deploying.md", "Deploy"):
            with self.report.step(f"docs/deploying.md: {' '.join(command)}"):
                printed = self.shell.run(command)
                if command[:3] == ["npx", "cdk", "deploy"]:
                    require("(no changes)" in printed, "the CDK to say (no changes)", printed)

    def _analyse(self) -> None:
        account, report = self.account, self.report
        with report.step("an SQS queue subscribed to the findings topic"):
            account.subscribe_queue()

        lines = moved(attacks_and_benign(), newest=newest_judged(self.run))
        with report.step(f"`ekswatch scan` of {len(lines)} recorded events"):
            expected = scanned(write(lines, self.folder / "audit.jsonl"), cluster=CLUSTER)
            report.note(summary(expected))

        with report.step("the events into the cluster's log group"):
            deliveries = account.put_audit_log(CLUSTER, lines)
            early = self._seen(CLUSTER)
            require(bool(early), "findings of the stream function in Security Hub", "none")
            report.note(f"{deliveries} deliveries, {summary(early)}")

        with report.step(f"the hourly function at {self.run:%H:%M}"):
            account.fire_hourly(self.run)
            known = {one.id for one in early}
            late = {one for one in self._seen(CLUSTER) if one.id not in known}
            require(bool(late), "findings of windowed detections", "none")
            report.note(f"{summary(late)} more")

        with report.step("Security Hub has what `ekswatch scan` finds"):
            require_equal(self._seen(CLUSTER), expected)

        with report.step("SNS told of each finding as new, once"):
            self._require_told_once(expected)

        with report.step("the same events and hour again: nothing new"):
            before = account.findings(CLUSTER)
            account.put_audit_log(CLUSTER, lines)
            account.fire_hourly(self.run)
            require(account.findings(CLUSTER) == before, "the same findings", "others")
            again = account.messages()
            require(not again, "no message", f"{len(again)}, the first {again[:1]}")

    def _tune(self) -> None:
        """What the operator changes takes effect with the next deployment."""
        account, report = self.account, self.report
        tuning = self.folder / "tuning"
        (tuning / "lists").mkdir(parents=True)
        (tuning / "lists" / f"{LIST}.yml").write_text(f"add: [{REGISTRY}]\n")
        readme, named = shown("README.md", "Deploy it")[-1], f"clusters={CLUSTER},{OTHER}"
        deploy = ["clusters=all" if word == named else word for word in readme]
        with report.step(f"deployed for all clusters, with {REGISTRY} in the list {LIST}"):
            printed = self.shell.run([*deploy, "-c", f"tuning={tuning}"])
            require("(no changes)" not in printed, "the CDK to deploy a change", "(no changes)")
            account.respell_grants()
            require(self._subscribed() == [], "no filter of the stack", f"{self._subscribed()}")
        with report.step("the hourly function subscribes what the stack no longer does"):
            account.fire_hourly(self.run)
            both = [CLUSTER, OTHER]
            require(self._subscribed() == both, f"filters on {both}", f"{self._subscribed()}")

        recorded = [*scenario(SCENARIO), *scenario(ATTACK)]
        lines = moved(recorded, newest=newest_judged(self.run))
        file = write(lines, self.folder / "tuned.jsonl")
        delivered, failed = lines[::2], lines[1::2]
        with report.step("half of a recording with such an image into the other cluster's log"):
            account.put_audit_log(OTHER, delivered)
        self._replay(failed)
        with report.step("found as by `ekswatch scan` of the whole, and the image is as expected"):
            account.fire_hourly(self.run)
            untuned = scanned(file, cluster=OTHER)
            tuned = scanned(file, cluster=OTHER, tuning=tuning)
            explained = {one.detection for one in untuned - tuned}
            require(explained == {DETECTION}, f"the list to explain {DETECTION}", f"{explained}")
            report.note(summary(tuned))
            require(bool(tuned), f"findings of {ATTACK}", "none")
            require_equal(self._seen(OTHER), tuned)
            self._require_told_once(tuned)

    def _replay(self, lines: Sequence[str]) -> None:
        """What failed every attempt is handed in again, as the documentation says."""
        with self.report.step("the other half as Lambda keeps what failed every attempt"):
            kept = self.account.keep_failed(OTHER, lines, at=datetime.now(UTC))
            self.report.note(f"{kept} failed events")
        for command in shown("docs/commands.md", "replay"):
            with self.report.step(f"docs/commands.md: {' '.join(command)}"):
                self.shell.run(command)
                left = len(self.account.failed_events())
                deleted = "--delete" in command
                require(left == (0 if deleted else kept), "all kept until --delete", f"{left} left")

    def _check_privilege(self) -> None:
        """Nothing used that is not granted, nothing granted that is not used.

        With all clusters the roles may do what they may with named ones, and subscribe them.
        """
        with self.report.step("least privilege: what the functions called is what they may"):
            strange = self.recorder.strange
            require(not strange, "signed calls of AWS only", f"{strange[:5]}")
            problems = check(
                self.shell.template(STACK),
                self.account.physical_ids(),
                self.recorder.calls,
                account=ACCOUNT,
                region=REGION,
            )
            require(not problems, "roles that allow what was called, no more", "\n".join(problems))
            self.report.note(f"{len(self.recorder.calls)} calls")

    def _remove(self) -> None:
        for command in shown("docs/deploying.md", "Removing it"):
            with self.report.step(f"docs/deploying.md: {' '.join(command)}"):
                self.shell.run(command)
                for cluster in self._subscribed():  # the page's loop, without the AWS CLI
                    self.account.unsubscribe(cluster, STACK)
                self._require_removed()

    def _require_removed(self) -> None:
        """What outlives the stack by design is there, and nothing else of it."""
        remains = self.account.remains()
        require(self._subscribed() == [], "no subscription", f"{self._subscribed()}")
        groups = [log_group(CLUSTER), log_group(OTHER)]
        require(remains["log groups"] == sorted(groups), "the clusters' log groups", f"{remains}")
        for kind in ("functions", "topics", "rules"):
            require(remains[kind] == [], f"no {kind}", f"{remains[kind]}")
        kept = [*remains["tables"], *(b for b in remains["buckets"] if not b.startswith("cdk-"))]
        require(len(kept) == 2, "the state table and the bucket of failed batches", f"{kept}")
        self.report.note(f"kept {' and '.join(kept)}")

    def _require_told_once(self, findings: Iterable[Seen]) -> None:
        """Each finding had one message that it is new since the last look, and no other had one."""
        messages = [message.attributes for message in self.account.messages()]
        why = Counter(each["why"] for each in messages)
        told = Counter(each["finding_id"] for each in messages if each["why"] == "new")
        self.report.note(", ".join(f"{times} {reason}" for reason, times in sorted(why.items())))
        once = dict.fromkeys((one.id for one in findings), 1)
        untold = sorted(once.keys() - told.keys())
        often = sorted(one for one, times in told.items() if times > once.get(one, 0))
        found = f"{told.total()} messages; untold: {untold[:5]}; told too often: {often[:5]}"
        require(told == once, f"{len(once)} new findings, told once", found)

    def _subscribed(self) -> list[str]:
        """The clusters whose log groups have a filter."""
        return [one for one in (CLUSTER, OTHER) if self.account.subscriptions(one)]

    def _seen(self, cluster: str) -> set[Seen]:
        found = {Seen.of(asff) for asff in self.account.findings(cluster).values()}
        return {one for one in found if one.detection != SELFTEST}


def require(fact: bool, expected: str, found: str) -> None:
    """Raises: StepFailed when it is not a fact."""
    if not fact:
        raise StepFailed(expected, found)


def require_names(told: set[str], read: set[str]) -> None:
    """Environment variables that the functions are told are those that they read.

    Raises: StepFailed, naming those that are not.
    """
    untold, unread = sorted(read - told), sorted(told - read)
    wrong = [f"{name} is read, and not told" for name in untold]
    wrong += [f"{name} is told, and not read" for name in unread]
    require(not wrong, "the functions' environment variables by the names read", "; ".join(wrong))
