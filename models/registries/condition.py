"""Conditions: what is known of a registry's health, each true, false or unknown with a reason."""

from datetime import datetime
from enum import StrEnum

from models.core.base import FrozenModel
from models.core.reasons import Reason


class ConditionType(StrEnum):
    """The questions that are asked of every registry."""

    REACHABLE = "Reachable"
    TLS_TRUSTED = "TlsTrusted"
    SUPPORTED = "Supported"
    AUTHENTICATED = "Authenticated"
    ADMINISTRATOR = "Administrator"
    SERVING = "Serving"
    WRITABLE = "Writable"
    SYNCED = "Synced"


class ConditionStatus(StrEnum):
    """The answer to one question."""

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"


class CheckResult(FrozenModel):
    """One answer of one probe.

    Attributes:
        confirmed: the registry itself said so beyond doubt. What is not proved (a cut connection, a
            single 401) must be seen twice in a row before a condition flips.
        step: the step of the probe that answered, as a person reads it.
        advice: what to do about it; empty when all is well.
    """

    type: ConditionType
    status: ConditionStatus
    reason: Reason
    message: str
    confirmed: bool = True
    step: str = ""
    advice: str = ""


class Condition(FrozenModel):
    """A settled answer.

    Attributes:
        since: when the status last changed (UTC).
        contrary: how many probes in a row have said otherwise without proof.
    """

    type: ConditionType
    status: ConditionStatus
    reason: Reason
    message: str
    since: datetime
    contrary: int = 0


class Health(StrEnum):
    """All conditions in one word."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"
