"""Pull secrets whose desired content is not known completely."""

from collections.abc import Collection

from models.clusters.cluster import ObservedPullSecret
from models.clusters.pull_secret import (
    DesiredPullSecret,
    LoginKey,
    PullSecretState,
    PullSecretStatus,
    pending_update,
)
from models.core.reasons import Reason


def must_keep_secret(
    before: PullSecretStatus | None,
    secret: ObservedPullSecret | None,
    desired: DesiredPullSecret | None,
    entitled: Collection[LoginKey] | None,
) -> bool:
    """Return whether an incomplete content must not replace the current one.

    Args:
        before: the status on record.
        secret: the Secret; None if there is none.
        desired: the known part of the content; None if nothing is known.
        entitled: logins that the namespace may have; None if that is not known. A login of another
            workspace's robot account is none of them, even in a registry that both may pull from.
    """
    logins = {login.key for login in before.logins} if before else set()
    if entitled is not None and not logins <= set(entitled):
        return False  # a login that it is not entitled to is taken away, whatever else is lost
    return desired is None or _loses_login(before, secret, desired)


def _loses_login(
    before: PullSecretStatus | None, secret: ObservedPullSecret | None, desired: DesiredPullSecret
) -> bool:
    """Return whether a login that a namespace has, or may have, is not in the desired content."""
    if secret is None:
        return False
    if before is None or secret.fingerprint != before.fingerprint:
        return True  # what is in it is not on record
    return not {login.registry for login in before.logins} <= set(desired.registries)


def as_partial(status: PullSecretStatus, error: str | None) -> PullSecretStatus:
    """Return the status of a pull secret of which only a part is written, because of an error."""
    if error is None or status.status is PullSecretState.REFUSED:
        return status
    return status.model_copy(update=pending_update(Reason.CREDENTIALS_MISSING, error))
