"""Answers: what an error of AWS says, for the commands of an operator."""

import re

from botocore.exceptions import ClientError

DENIED = ("AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation")
NAMED = re.compile(r"not authorized to perform: ([\w-]+:\w+)")


def code(error: ClientError) -> str:
    """The code of an error, as in ResourceNotFoundException."""
    return str(error.response["Error"]["Code"])


def missing_right(error: Exception) -> str:
    """The IAM action that the caller lacks, as AWS names it; empty for any other error.

    A service that does not name it is asked by the operation, as in GetObject.
    """
    if not isinstance(error, ClientError) or code(error) not in DENIED:
        return ""
    named = NAMED.search(str(error.response["Error"].get("Message", "")))
    return named[1] if named else error.operation_name
