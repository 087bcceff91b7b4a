"""The log group of the signals."""

from ekswatch.aws.signals import LONG_QUERY
from tests.infra.template import Resources


def test_signals_are_indexed_by_what_the_long_query_filters(resources: Resources) -> None:
    """Without the index the query would scan, and cost, weeks of all signals every hour."""
    group = resources.of("AWS::Logs::LogGroup")["Signals"]

    (policy,) = group["FieldIndexPolicies"]
    (field,) = policy["Fields"]

    assert LONG_QUERY.startswith(f'filter {field} = "long" |')
