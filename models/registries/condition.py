"""Conditions of a registry: each is true, false or unknown, with a reason."""

from datetime import datetime
from enum import StrEnum

from models.core.base import FrozenModel
from models.core.reasons import Reason


class ConditionType(StrEnum):
    """The aspects of health that are checked for every registry."""

    REACHABLE = "Reachable"
    TLS_TRUSTED = "TlsTrusted"
    SUPPORTED = "Supported"
    AUTHENTICATED = "Authenticated"
    ADMINISTRATOR = "Administrator"
    SERVING = "Serving"
    WRITABLE = "Writable"
    CATALOG = "Catalog"
    SYNCED = "Synced"
    PULL_USER_VALID = "PullUserValid"
    PULL_USER_READ_ONLY = "PullUserReadOnly"


PULL_USER_TYPES = (ConditionType.PULL_USER_VALID, ConditionType.PULL_USER_READ_ONLY)
"""The conditions of a registry that has a pull-only user."""


class ConditionStatus(StrEnum):
    """The status of one condition."""

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"


class CheckResult(FrozenModel):
    """The result of one check in one probe.

    Attributes:
        confirmed: whether the registry itself confirmed the result. An unconfirmed result (a closed
            connection, a single 401) changes a condition only if it occurs twice in a row.
        step: display name of the probe step.
        advice: how to fix the error; empty without an error.
    """

    type: ConditionType
    status: ConditionStatus
    reason: Reason
    message: str
    confirmed: bool = True
    step: str = ""
    advice: str = ""


class Condition(FrozenModel):
    """The current status of one aspect of health.

    Attributes:
        since: when the status last changed (UTC).
        contrary: consecutive unconfirmed check results with another status.
    """

    type: ConditionType
    status: ConditionStatus
    reason: Reason
    message: str
    since: datetime
    contrary: int = 0


class Health(StrEnum):
    """The summary of all conditions."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"
