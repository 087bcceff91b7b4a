"""An AWS account in this process, for the demo and the tests; nothing here reaches AWS."""

from ekswatch.local.account import Account, InvocationFailed, Message, account

__all__ = ["Account", "InvocationFailed", "Message", "account"]
