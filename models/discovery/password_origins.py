"""The origins that the password in a managed Harbor's Secret may be sent to."""

from collections.abc import Iterable

from models.core.availability import Unavailable
from models.core.reasons import Reason
from models.discovery.managed_harbor import ManagedHarbor
from models.discovery.observation import ClusterHarbors
from models.discovery.update_rules import secret_ref
from models.registries.address import parse_address
from models.registries.registry import SecretRef


def claimed_origins(ref: SecretRef, harbors: Iterable[ManagedHarbor]) -> frozenset[str]:
    """Return the addresses of the objects that have their password in a Secret.

    Args:
        ref: the key of the Secret.
        harbors: Harbors that were observed after the Secret was read; untrusted ones have no
            details, so they have no address.
    """
    origins = set()
    for harbor in harbors:
        if secret_ref(harbor) == ref and harbor.address:
            try:
                origins.add(parse_address(harbor.address).origin)
            except ValueError:  # discovery reports the address
                continue
    return frozenset(origins)


def claims_objection(ref: SecretRef, section: ClusterHarbors | Unavailable) -> Unavailable | None:
    """Return why it is not known which addresses a Secret is for; None if it is.

    Args:
        ref: the key of the Secret.
        section: the Harbors of its cluster, observed after the Secret was read.
    """
    if isinstance(section, ClusterHarbors):
        failure = next(iter(section.unavailable.values()), None)
        if failure is None or claimed_origins(ref, section.items):
            return None
    else:
        failure = section
    message = (
        "its password has changed, and is not sent before its object was read, whose address may "
        f"have changed, too: {failure.message}"
    )
    return Unavailable(reason=Reason.CREDENTIALS_UNPROVED, message=message)
