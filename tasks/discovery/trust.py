"""What discovery trusts, from settings and from the records of what users named."""

from datetime import datetime

from sqlmodel import Session

from models.core.settings import get_settings
from models.discovery.trust import DiscoveryTrust
from tasks.store.access import trusted_objects


def load_discovery_trust(session: Session, cluster: str, now: datetime) -> DiscoveryTrust:
    """Return the trusted namespaces (from settings) and objects (from users) of a cluster.

    Objects that did not appear in time are deleted.
    """
    objects = trusted_objects.list_trusted_objects(session, cluster)
    expired = [trusted_object for trusted_object in objects if trusted_object.is_expired(now)]
    trusted_objects.delete_trusted_objects(session, expired)
    return DiscoveryTrust(
        patterns=get_settings().trusted_namespace_patterns,
        objects=tuple(item for item in objects if item not in expired),
    )
