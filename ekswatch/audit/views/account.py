"""The view account: which IAM role a service account gives to its pods."""

from ekswatch.audit.event import AuditEvent
from ekswatch.audit.lenient import at, text
from ekswatch.audit.resources import CORE
from ekswatch.audit.views.row import Fields, Row
from ekswatch.audit.views.written import Target, Written, written

ACCOUNTS = Target({"serviceaccounts": "ServiceAccount"}, groups=(CORE,))

ROLE = ("metadata", "annotations", "eks.amazonaws.com/role-arn")


def account_rows(event: AuditEvent) -> tuple[Row, ...]:
    found = written(event, ACCOUNTS)
    return () if found is None else (Row((ACCOUNT, found)),)


def _role_arn(found: Written) -> str:
    return text(at(found.object, ROLE)) or text(at(found.request, ROLE))


ACCOUNT: Fields[Written] = Fields(
    {
        "account.role_arn": _role_arn,
        "account.role_written": lambda found: found.touches(ROLE),
    }
)
