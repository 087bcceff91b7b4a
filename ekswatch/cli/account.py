"""What the commands share that ask a deployed stack: their options, and the AWS SDK."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from ekswatch.cli.exits import Exit
from ekswatch.cli.streams import stop

if TYPE_CHECKING:
    from ekswatch.aws.settings import Settings
    from ekswatch.aws.stack import Function, Stack

StackName = Annotated[str, typer.Option("--stack", help="Name of the deployed stack.")]
Region = Annotated[str, typer.Option(help="AWS Region, if not that of your AWS settings.")]
Profile = Annotated[str, typer.Option(help="Profile of your AWS settings.")]

COMMAND = re.compile(r"(^|: |&& )(aws|npx cdk)(?= )")
"""Where a command stands in a fix."""


class Format(StrEnum):
    """How an answer is written."""

    TABLE = "table"
    JSON = "json"


@contextmanager
def asking_aws(region: str, profile: str) -> Iterator[None]:
    """Around what asks AWS, as this profile in this Region.

    Without the SDK it is wrong use; an error of AWS that nobody expected ends the command.
    """
    try:
        from botocore.exceptions import BotoCoreError, ClientError, ProfileNotFound

        from ekswatch.aws import clients
    except ModuleNotFoundError as missing:
        raise stop(
            Exit.USAGE, f"{missing.name} is not installed: pip install 'ekswatch[demo]'"
        ) from None
    clients.use(region=region, profile=profile)
    try:
        yield
    except ProfileNotFound as missing:
        raise stop(Exit.USAGE, str(missing)) from None
    except (BotoCoreError, ClientError) as error:
        raise stop(Exit.AWS, f"AWS did not answer: {error}") from None
    finally:
        clients.forget()


def installation(name: str) -> "tuple[Stack, Function, Settings]":
    """A deployed stack, its stream function, and what the functions were told.

    Ends the command where there is none, or where they cannot run.
    """
    from ekswatch.aws.settings import SettingError
    from ekswatch.aws.stack import NotDeployed, find, functions, told_both

    try:
        stack = find(name)
        stream, hourly = functions(stack)
        return stack, stream, told_both(stream, hourly)
    except NotDeployed as missing:
        raise stop(Exit.USAGE, f"{missing}: see --stack, --region, and ekswatch doctor") from None
    except SettingError as wrong:
        said = f"the functions cannot run: {wrong}: see ekswatch doctor"
        raise stop(Exit.FINDINGS, said) from None


def in_place(fix: str, region: str, profile: str) -> str:
    """A fix whose commands go to the Region and profile that were asked for."""
    options = (f" --region {region}" if region else "", f" --profile {profile}" if profile else "")

    def placed(found: re.Match[str]) -> str:
        of_cdk = found[2] == "npx cdk"
        return f"{found[1]}{found[2]}{'' if of_cdk else options[0]}{options[1]}"

    return COMMAND.sub(placed, fix)


def mark(ok: bool, encoding: str) -> str:
    """A tick or a cross, as words where the terminal has neither."""
    ticks = ("✓", "✗") if encoding.lower().startswith("utf") else ("ok", "NO")
    return ticks[0] if ok else ticks[1]
