"""Exit codes, the same for every command, and the errors that carry them."""

from enum import IntEnum


class Exit(IntEnum):
    """What a command tells the shell."""

    OK = 0
    """Nothing at or above the bar."""
    FINDINGS = 1
    """Findings at or above `--fail-on`."""
    USAGE = 2
    """Wrong use: an unknown option, a file that is not there."""
    RULES = 3
    """A detection, list or filter has errors."""
    AWS = 4
    """AWS or the network refused."""
    INCOMPLETE = 5
    """Some records could not be read; standard error says which."""
