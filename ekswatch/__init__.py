"""ekswatch: detections over Amazon EKS audit logs.

The rooms, in the order data moves: audit, rules, correlate, findings (pure), then aws
and local (edges), then cli. `tests/test_architecture.py` holds who may import whom.
"""

__version__ = "0.1.0"
