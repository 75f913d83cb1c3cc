"""Save registries under names and addresses that no other registry uses."""

from collections.abc import Iterable

from sqlmodel import Session

from models.core.audit import AuditEntry
from models.core.run_context import RunContext
from models.registries.credential_origin import CredentialOrigin
from models.registries.record import (
    check_address_available,
    check_available,
    reintegration_entry,
)
from models.registries.registry import Registry
from tasks.store.registries import credential_origins, registries


def check_registry_available(session: Session, registry: Registry) -> Registry | None:
    """Check a new registry against those on record, see `check_available`."""
    return check_available(registry, registries.list_with_name_or_host(session, registry))


def save_new_registry(
    session: Session,
    registry: Registry,
    entry: AuditEntry,
    context: RunContext,
    approved_origins: Iterable[CredentialOrigin] = (),
) -> None:
    """Add a registry, or update an existing one with the same name, kind and address.

    If it exists unchanged, an interrupted integration continues, and nothing is audited.

    Args:
        session: the transaction.
        registry: the registry.
        entry: audit entry of a new integration.
        context: the run.
        approved_origins: origins that a person permits its credentials to be sent to.

    Raises:
        InvalidRequest: another registry uses the name or the address.
    """
    existing = check_registry_available(session, registry)
    if existing is None:
        registries.add_registry(
            session, registry, entry, context, approved_origins=approved_origins
        )
    elif existing == registry:
        credential_origins.save(session, approved_origins)
    else:
        entry = reintegration_entry(entry, existing)
        registries.replace_registry(
            session, registry, entry, context, approved_origins=approved_origins
        )


def check_address(session: Session, registry: Registry) -> None:
    """Check the new address of a registry, see `check_address_available`."""
    check_address_available(registry, registries.list_with_name_or_host(session, registry))


def save_registry(
    session: Session,
    registry: Registry,
    entry: AuditEntry,
    context: RunContext,
    approved_origins: Iterable[CredentialOrigin] = (),
) -> None:
    """Replace the specification of a registry; its name does not change.

    Args:
        session: the transaction.
        registry: the new specification.
        entry: audit entry of the change.
        context: the run.
        approved_origins: origins that a person permits its credentials to be sent to.

    Raises:
        InvalidRequest: another registry uses the address.
    """
    check_address(session, registry)
    registries.replace_registry(
        session, registry, entry, context, approved_origins=approved_origins
    )
