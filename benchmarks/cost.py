"""What a million events cost, each part by itself. Prices are list prices of us-east-1."""

from dataclasses import dataclass

GIB_PER_VCPU = 1.727
"""1,769 MB of memory come with one vCPU (Lambda Developer Guide, "Configure function memory")."""

USD_PER_GIB_SECOND = 0.0000133334
"""Lambda on arm64, first tier."""

USD_PER_MILLION_REQUESTS = 0.20
USD_PER_GB_INGESTED = 0.50
USD_PER_GB_SCANNED = 0.005
USD_GUARDDUTY_PER_MILLION = 1.60

FORMULA = (
    "CPU seconds per million events x 1.727 GiB per vCPU x $0.0000133334 per GiB-second"
    " + $0.20 per million requests x requests per million events"
)


@dataclass(frozen=True, slots=True)
class Price:
    """A list price, where it was read and on what date, and how sure that is."""

    what: str
    usd: str
    source: str


PRICES = (
    Price(
        "Lambda compute, arm64, first tier",
        "$0.0000133334 per GiB-second",
        "secondary copies of the Lambda price page, read 2026-11-20",
    ),
    Price(
        "Lambda requests",
        "$0.20 per million",
        "secondary copies of the Lambda price page, read 2026-11-20",
    ),
    Price(
        "CloudWatch Logs ingestion, Standard class",
        "$0.50 per GB",
        "secondary copies of the CloudWatch price page, read 2026-11-20; not confirmed",
    ),
    Price(
        "Logs Insights",
        "$0.005 per GB scanned",
        "commonly quoted figure, read 2026-11-20; not confirmed by a dated source",
    ),
    Price(
        "GuardDuty EKS Protection, first tier",
        "$1.60 per million events",
        "copy of the GuardDuty price page dated 2026-10-07; lower tiers not confirmed",
    ),
)


def compute_usd(cpu_us_per_event: float) -> float:
    """Lambda compute for a million events; CPU comes with memory, so the setting cancels out."""
    return cpu_us_per_event * GIB_PER_VCPU * USD_PER_GIB_SECOND


def requests_usd(batch: int) -> float:
    """Lambda requests for a million events in batches of this many."""
    return USD_PER_MILLION_REQUESTS / batch


def lambda_usd(cpu_us_per_event: float, batch: int) -> float:
    """Compute and requests for a million events."""
    return compute_usd(cpu_us_per_event) + requests_usd(batch)


def ingestion_usd(event_bytes: float) -> float:
    """CloudWatch Logs ingestion of a million events of this mean size."""
    return event_bytes / 1000 * USD_PER_GB_INGESTED


def scan_usd(event_bytes: float) -> float:
    """One pass of Logs Insights over a million events of this mean size."""
    return event_bytes / 1000 * USD_PER_GB_SCANNED
