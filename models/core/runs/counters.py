"""What runs count for `/metrics`: sums that only grow, with labels from closed sets."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from models.core.audit import EVENT_DESCRIPTIONS


class CounterName(StrEnum):
    """What is counted."""

    FLOW_RUNS = "flow_runs"
    REQUESTS = "registry_requests"
    REQUEST_SECONDS = "registry_request_seconds"
    AUDIT = "audit"


class RunOutcome(StrEnum):
    """How a flow run ended."""

    COMPLETED = "completed"
    FAILED = "failed"


class RequestOutcome(StrEnum):
    """What came of one request, without its retries.

    Attributes:
        NO_RESPONSE: no complete response: the connection failed, or it took too long.
    """

    SUCCESS = "success"
    CLIENT_ERROR = "client_error"
    THROTTLED = "throttled"
    SERVER_ERROR = "server_error"
    NO_RESPONSE = "no_response"


class CounterKey(NamedTuple):
    """One counter.

    Attributes:
        label: name of the flow, outcome of the request, or action of the audit entry.
        outcome: `RunOutcome` of a flow run; empty for others.
    """

    name: CounterName
    label: str
    outcome: str = ""


Counters = Mapping[CounterKey, float]
"""How much was counted, by counter."""

_TOO_MANY_REQUESTS = 429

DRIFT_ACTIONS = frozenset(
    {
        "space.appeared",
        "space.missing",
        "space.returned",
        "space.recreated",
        "space.retired",
        "space.visibility-drifted",
        "secret.link-removed",
        "secret.contested",
    }
)
"""Audit entries about what somebody else changed in a registry or cluster."""

CHANGE_ACTIONS = frozenset(EVENT_DESCRIPTIONS) - DRIFT_ACTIONS


def classify_status(status: int) -> RequestOutcome:
    """Return the outcome of a request with this HTTP status (RFC 9110, section 15)."""
    if status == _TOO_MANY_REQUESTS:
        return RequestOutcome.THROTTLED
    if status >= 500:
        return RequestOutcome.SERVER_ERROR
    return RequestOutcome.CLIENT_ERROR if status >= 400 else RequestOutcome.SUCCESS
