"""The door: audit records from a log subscription or from files, as batches of events.

Every record that comes in is counted: an event, an incomplete event, unreadable with its
reason, or skipped because it is of another log type.
"""

from ekswatch.audit.files import read_file, read_lines
from ekswatch.audit.records import Batch, Unreadable, read_record
from ekswatch.audit.subscription import PayloadError, read_parts, read_payload

__all__ = [
    "Batch",
    "PayloadError",
    "Unreadable",
    "read_file",
    "read_lines",
    "read_parts",
    "read_payload",
    "read_record",
]
