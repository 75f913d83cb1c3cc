"""What the current run works on, for log records."""

from contextvars import ContextVar

current_lease_key: ContextVar[str] = ContextVar("lease_key", default="")
"""Key of the lease that is held: the name of a registry, or `cluster/<name>`."""
