"""`make e2e`: deploys the stack into a local AWS, uses it, removes it, and says how long each took.

Exit code 0 when all is as it should be, 1 when not.
"""

import os
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.e2e.account import Account
from tests.e2e.commands import Shell
from tests.e2e.local_aws import local_aws
from tests.e2e.processes import LOOPBACK
from tests.e2e.recorder import Recorder
from tests.e2e.report import Report, StepFailed
from tests.e2e.steps import Steps

LIMIT_SECONDS = 420
"""Of the whole run, which takes one or two minutes; each command and wait has its own."""


def main() -> int:
    """Run in a temporary folder; whatever happens, both emulators are stopped at the end."""
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGALRM, _late)
    signal.alarm(LIMIT_SECONDS)
    _stay_local()
    report = Report()
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="ekswatch-e2e-")))
        account = None
        try:
            with report.step("MiniStack and moto's server on the loopback interface"):
                recorder = Recorder()
                endpoints = opened.enter_context(local_aws(folder, recorder.between))
            account = Account(endpoints, folder)
            Steps(report, account, Shell(endpoints, folder), recorder, folder).take()
        except Exception as error:  # told with what was logged, then the emulators are stopped
            report.failed(error, account.trouble() if account else [])
            return 1
    report.passed()
    return 0


def _stay_local() -> None:
    """Forget the profile and the credentials of whoever runs this, and ask no proxy for here."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), LOOPBACK)))


def _end(*_: Any) -> None:
    sys.exit("ended by a signal")


def _late(*_: Any) -> None:
    raise StepFailed(f"an end within {LIMIT_SECONDS} s", "none")


if __name__ == "__main__":
    sys.exit(main())
