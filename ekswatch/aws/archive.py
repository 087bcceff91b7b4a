"""Archive: the rules that a deployed function judges with, read out of its own archive."""

import io
import zipfile
from collections.abc import Callable
from typing import Any

from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError
from botocore.httpsession import URLLib3Session

from ekswatch.aws.clients import client
from ekswatch.aws.stack import Function
from ekswatch.rules.ruleset import Ruleset, load

MAX_BYTES = 64 * 1024 * 1024
"""Of the archive and of the rules in it; what we deploy is a tenth of that."""

Fetch = Callable[[str], bytes]
"""What lies at an address."""


class NotReadable(Exception):  # noqa: N818  # read as a fact
    """The archive or the rules in it cannot be read."""


def fetched(url: str) -> bytes:
    """What lies at the address that Lambda signed for us.

    Raises: NotReadable, which never shows the signature.
    """
    shown = url.partition("?")[0]
    if not url.startswith(("https://", "http://")):
        raise NotReadable(f"the archive lies at {shown}")
    try:
        answer = URLLib3Session().send(AWSRequest("GET", url).prepare())
    except BotoCoreError as error:  # its text holds the whole address
        raise NotReadable(f"{type(error).__name__} at {shown}") from None
    if answer.status_code != 200:
        raise NotReadable(f"the archive was not given: HTTP status {answer.status_code}")
    return bytes(answer.content)


def rules_of(function: Function, *, fetch: Fetch = fetched) -> Ruleset:
    """The rules in the archive of a function.

    Raises: NotReadable, BadRuleset when they are of another version; ClientError, BotoCoreError.
    """
    found: Any = client("lambda").get_function(FunctionName=function.name)
    raw = fetch(found["Code"]["Location"])
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            rules = archive.getinfo(function.told.ruleset.name)
            if rules.file_size > MAX_BYTES:
                raise NotReadable(f"the rules have {rules.file_size:,} bytes")
            return load(archive.read(rules))
    except (zipfile.BadZipFile, KeyError) as error:
        raise NotReadable(f"there are no rules in the archive: {error}") from None
