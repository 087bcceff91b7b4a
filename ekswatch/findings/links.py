"""Links into the AWS console."""

import contextlib
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

CONSOLE_DOMAINS = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
    "aws-eusc": "console.amazonaws-eusc.eu",
}
"""By partition. Source: AWS's own console links per partition; others have no public console."""

REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d{1,2}")
AUDIT_ID = re.compile(r"[A-Za-z0-9-]{1,40}")
"""An audit ID can be chosen by the caller (header Audit-ID): only plain ones enter a query."""

LITERAL = re.compile(r"[^A-Za-z0-9_.-]")
"""What the console spells by its code."""

AUDIT_IDS_IN_QUERY = 20
BEFORE = timedelta(minutes=5)
AFTER = timedelta(minutes=15)
"""A log entry is stamped when its response is complete, and when it arrives."""


def logs_url(
    *,
    partition: str,
    region: str,
    cluster: str,
    audit_ids: Iterable[str],
    first_seen: datetime,
    last_seen: datetime,
) -> str:
    """A link that opens Logs Insights with a query for the raw audit events, ready to run.

    Shape: ASCII, without blanks, quotes or brackets, so that mail clients keep it whole; under
    2,048 characters. Empty for a partition without a known console, or an unreadable Region.
    Source: the console writes the state of that page so; there is no documentation.
    """
    domain = CONSOLE_DOMAINS.get(partition)
    if domain is None or not REGION.fullmatch(region):
        return ""
    state = _record(
        end=_stamp(last_seen, AFTER),
        start=_stamp(first_seen, -BEFORE),
        timeType="ABSOLUTE",
        tz="UTC",
        editorString=_query(audit_ids),
        source=[f"/aws/eks/{cluster}/cluster"],
    )
    return (
        f"https://{region}.{domain}/cloudwatch/home?region={region}"
        f"#logsV2:logs-insights{_fragment('?queryDetail=')}{_fragment(_escaped(state))}"
    )


def _query(audit_ids: Iterable[str]) -> str:
    plain = [one for one in audit_ids if AUDIT_ID.fullmatch(one)][:AUDIT_IDS_IN_QUERY]
    wanted = (
        "auditID in [" + ",".join(f'"{one}"' for one in plain) + "]"
        if plain
        else '@logStream like "kube-apiserver-audit"'
    )
    return f"fields @timestamp, @message | filter {wanted} | sort @timestamp asc | limit 1000"


def _record(**fields: str | list[str]) -> str:
    """An object as the console spells it: `~(name~'value~list~(~'one~'two))`."""
    spelled = "~".join(f"{name}~{_value(value)}" for name, value in fields.items())
    return f"~({spelled})"


def _value(value: str | list[str]) -> str:
    if isinstance(value, list):
        return "(" + "".join(f"~{_value(one)}" for one in value) + ")"
    return "'" + LITERAL.sub(lambda found: _starred(found[0]), value)


def _starred(character: str) -> str:
    """UTF-16 code units, as in JavaScript: `*2f`, above one byte `**20ac`."""
    utf16 = character.encode("utf-16-be", "surrogatepass")
    units = (int.from_bytes(utf16[i : i + 2], "big") for i in range(0, len(utf16), 2))
    return "".join(f"*{unit:02x}" if unit <= 0xFF else f"**{unit:04x}" for unit in units)


def _escaped(text: str) -> str:
    """Percent-encoded once; the tilde too, which `quote` leaves alone."""
    return quote(text, safe="*").replace("~", "%7E")


def _fragment(text: str) -> str:
    """Percent-encoded, with the dollar sign that the console uses for the per cent sign."""
    return quote(text, safe="*").replace("%", "$")


def _stamp(at: datetime, moved: timedelta) -> str:
    with contextlib.suppress(OverflowError):
        at += moved
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
