"""Update a registry: test the new values before they replace the old ones."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TypeVar, cast

from prefect import flow
from prefect.client.schemas.objects import State

from flows.forms.connection_fields import (
    NewClientCertificateField,
    NewProxyCredentialsField,
    NewProxyField,
    parse_proxy,
)
from flows.forms.fields import (
    ExistingRegistryField,
    NewAddressField,
    NewAllowPushField,
    NewCountStorageField,
    NewCredentialsField,
    NewDescriptionField,
    NewDriftPolicyField,
    NewPullAddressesField,
    NewPullCredentialsField,
    NewTlsField,
    NewTokenServiceField,
    OpenedSpacesField,
    canonicalize_address,
    parse_pull_addresses,
)
from flows.forms.schema import NONE
from flows.operations.access_changes import AccessChangeResult, reconcile_access
from flows.operations.integration import load_integration_records, save_registry
from flows.operations.reconcile_registry import LEASE_WAIT_SECONDS
from flows.operations.state_pages import StatePages, publish_and_send
from flows.operations.storage import refresh_storage
from flows.registries import messages
from flows.registries.integrate import check_connection, check_pull_user
from flows.registries.reconcile import final_state
from flows.runs import hold_lease, report_errors
from models.access.requests import check_opened_spaces, opened_by_pull_user
from models.core.audit import AuditEntry
from models.core.errors import InvalidRequest
from models.core.runs.context import RunContext
from models.registries.credential_origin import (
    CredentialOrigin,
    check_moved_credentials,
    check_proxy,
    new_credential_origins,
    token_service_origins,
)
from models.registries.record import check_address_available
from models.registries.registry import Registry
from tasks import clock
from tasks.http.shared import share_clients
from tasks.secrets.client_certificates import certificate_block_reference
from tasks.secrets.credentials import block_document_ids, registry_block_reference
from tasks.store.registries import registries, spaces
from tasks.store.session import in_transaction

ValueT = TypeVar("ValueT")

_CLEARABLE_FIELDS = (
    "pull_credential",
    "client_certificate",
    "proxy",
    "proxy_credential",
    "token_service",
)
"""Fields whose current value `NONE` removes."""


@flow(name="update-registry", flow_run_name="update {name}", persist_result=False)
@report_errors
async def update_registry(
    name: ExistingRegistryField,
    address: NewAddressField = None,
    credentials: NewCredentialsField = None,
    pull_credentials: NewPullCredentialsField = None,
    allow_push: NewAllowPushField = None,
    tls: NewTlsField = None,
    client_certificate: NewClientCertificateField = None,
    proxy: NewProxyField = None,
    proxy_credentials: NewProxyCredentialsField = None,
    token_service: NewTokenServiceField = None,
    pull_addresses: NewPullAddressesField = None,
    description: NewDescriptionField = None,
    drift_policy: NewDriftPolicyField = None,
    opened_spaces: OpenedSpacesField = None,
    count_storage: NewCountStorageField = None,
) -> State[None]:
    """Change the given values and keep the others.

    The registry is tested with the new values first; if a check fails, nothing is changed. If only
    a password has changed, edit the block instead: it is read at each use. A new address requires
    the credentials again: they are sent only to the addresses that they were given for.
    """
    updates = _given_updates(
        {
            "address": canonicalize_address(address) if address else None,
            "credential": registry_block_reference(credentials),
            "pull_credential": _parse(_pull_reference, pull_credentials),
            "allow_push": allow_push,
            "tls": tls,
            "client_certificate": _parse(certificate_block_reference, client_certificate),
            "proxy": _parse(parse_proxy, proxy),
            "proxy_credential": _parse(_proxy_reference, proxy_credentials),
            "token_service": _parse(canonicalize_address, token_service or None),
            "pull_addresses": parse_pull_addresses(pull_addresses),
            "description": description,
            "drift_policy": drift_policy,
            "count_storage": count_storage,
        }
    )
    documents = block_document_ids(
        credentials, pull_credentials, client_certificate, proxy_credentials
    )
    async with share_clients(), hold_lease(name, wait_seconds=LEASE_WAIT_SECONDS) as context:
        before, after = await _load_change(name, updates, opened_spaces)
        origins = await check_new_values(before, after, new_credential_origins(after, documents))
        later = context.at(clock.now())
        await _save_change(before, after, updates, origins, later)
        result = await reconcile_access(name, later)
    return await _publish(name, result)


async def _save_change(
    before: Registry,
    after: Registry,
    updates: Mapping[str, object],
    origins: Iterable[CredentialOrigin],
    context: RunContext,
) -> None:
    entry, renews = _audit_entry(before, after, updates), "pull_credential" in updates
    await in_transaction(save_registry, after, entry, context, origins, renews_pull_user=renews)


async def _publish(name: str, result: AccessChangeResult) -> State[None]:
    await refresh_storage(name)
    await publish_and_send(StatePages(overview=True))
    if not result.in_force or result.registry_result is None:
        return result.final_state(f"{name} was updated")
    return final_state(result.registry_result)


def _parse(parse: Callable[[ValueT], object], value: ValueT | str | None) -> object:
    """Return a parsed value; `NONE` and None, which remove and keep the current one, stay."""
    return value if value is None or value == NONE else parse(cast("ValueT", value))


_pull_reference = partial(registry_block_reference, parameter="pull_credentials")
_proxy_reference = partial(registry_block_reference, parameter="proxy_credentials")


def _given_updates(values: Mapping[str, object]) -> dict[str, object]:
    """Return the fields to change.

    Args:
        values: new values by field; None keeps the current one, `NONE` removes it. Without a proxy,
            its credentials are removed, too.

    Raises:
        InvalidRequest: no field changes.
    """
    if values["proxy"] == NONE:
        values = {**values, "proxy_credential": NONE}
    updates = {
        field: None if value == NONE and field in _CLEARABLE_FIELDS else value
        for field, value in values.items()
        if value is not None
    }
    if not updates:
        raise InvalidRequest(messages.NO_CHANGES_GIVEN)
    return updates


async def _load_change(
    name: str, updates: Mapping[str, object], opened_spaces: int | None
) -> tuple[Registry, Registry]:
    """Return the registry on record, and the desired one.

    Raises:
        InvalidRequest: the update is not allowed.
    """
    before = (await in_transaction(registries.get_registry, name)).registry
    after = Registry.model_validate({**before.model_dump(), **updates})
    check_pull_user(after)
    check_proxy(after)
    space_records = await in_transaction(spaces.list_spaces, name)
    check_opened_spaces(after, opened_by_pull_user(before, after, space_records), opened_spaces)
    check_moved_credentials(before, after, updates)
    return before, after


async def check_new_values(
    before: Registry,
    after: Registry,
    origins: tuple[CredentialOrigin, ...],
    *,
    is_one_of_many: bool = False,
) -> tuple[CredentialOrigin, ...]:
    """Test the new values; return the origins that credentials may be sent to from now on.

    Args:
        before: the registry on record.
        after: the desired registry.
        origins: the origins that the new credentials may be sent to.
        is_one_of_many: see `check_connection`.

    Raises:
        InvalidRequest: a check failed; nothing was saved.
    """
    records = await in_transaction(load_integration_records, after)
    check_address_available(after, records.candidates)
    former_blocks = before.permitted_blocks
    former_origins = [origin for origin in records.origins if origin.block in former_blocks]
    origins += token_service_origins(former_origins, before, after)
    await check_connection(after, records, origins, is_one_of_many=is_one_of_many)
    return origins


def _audit_entry(before: Registry, after: Registry, fields: Iterable[str]) -> AuditEntry:
    return AuditEntry(
        subject=after.name,
        action="registry.updated",
        before=before.address,
        after=after.address,
        reason=f"changed: {', '.join(sorted(fields))}",
    )
