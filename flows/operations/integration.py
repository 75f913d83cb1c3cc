"""Save registries under names and addresses that no other registry uses."""

from collections.abc import Iterable
from typing import NamedTuple

from sqlmodel import Session

from models.core.audit import AuditEntry
from models.core.runs.context import RunContext
from models.registries.credential_origin import CredentialOrigin
from models.registries.record import check_address_available, check_available, reintegration_entry
from models.registries.registry import Registry
from models.registries.robots import RobotAccount
from tasks.store.registries import credential_origins, registries, robots


class IntegrationRecords(NamedTuple):
    """What is on record that concerns a desired registry.

    Attributes:
        candidates: registries with its name or its host.
        origins: origins that its credential blocks may be sent to.
        robots: robot accounts of all registries.
    """

    candidates: tuple[Registry, ...]
    origins: tuple[CredentialOrigin, ...]
    robots: tuple[RobotAccount, ...]


def load_integration_records(session: Session, registry: Registry) -> IntegrationRecords:
    """Load what is on record that concerns a desired registry."""
    return IntegrationRecords(
        registries.list_with_name_or_host(session, registry),
        credential_origins.list_origins(session, registry.permitted_blocks),
        robots.list_robots(session),
    )


def save_new_registry(
    session: Session,
    registry: Registry,
    entry: AuditEntry,
    context: RunContext,
    approved_origins: Iterable[CredentialOrigin] = (),
) -> None:
    """Add a registry, or update an existing one with the same name, kind and address.

    If it exists unchanged, an interrupted integration continues, and nothing is audited.

    Raises:
        InvalidRequest: another registry uses the name or the address.
    """
    candidates = registries.list_with_name_or_host(session, registry)
    existing = check_available(registry, candidates)
    credential_origins.save(session, approved_origins)
    if existing is None:
        registries.add_registry(session, registry, entry, context)
    elif existing != registry:
        entry = reintegration_entry(entry, existing)
        registries.replace_registry(session, registry, entry, context)
    else:
        registries.retry_pull_user(session, registry.name)


def save_registry(
    session: Session,
    registry: Registry,
    entry: AuditEntry,
    context: RunContext,
    approved_origins: Iterable[CredentialOrigin] = (),
    *,
    renews_pull_user: bool = False,
) -> None:
    """Replace the specification of a registry; see `registries.replace_registry`.

    Raises:
        InvalidRequest: another registry uses the address.
    """
    candidates = registries.list_with_name_or_host(session, registry)
    check_address_available(registry, candidates)
    credential_origins.save(session, approved_origins)
    registries.replace_registry(
        session, registry, entry, context, renews_pull_user=renews_pull_user
    )
