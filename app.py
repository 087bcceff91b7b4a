"""CDK entry point: context in, stack out. No AWS call is made here."""

import sys

import aws_cdk as cdk

from infra.bundling import RulesRefused, archive
from infra.config import ConfigError, read_config
from infra.stack import EkswatchStack


def main() -> None:
    """Synthesise the stack that the context describes; every mistake in it ends the program."""
    app = cdk.App()
    try:
        config = read_config(app.node.get_all_context())
        code = archive(tuning=config.tuning, target=config.target, live_lists=config.live_lists)
        EkswatchStack(app, config.stack_name, config=config, code=code)
    except (ConfigError, RulesRefused) as error:
        sys.exit(f"ekswatch: {error}")
    app.synth()


if __name__ == "__main__":
    main()
