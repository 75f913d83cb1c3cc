"""Integrate a registry: probe it, save it, then run the first reconcile."""

from collections.abc import Sequence
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.forms.fields import (
    AddressForm,
    CredentialsField,
    DescriptionField,
    DriftPolicyField,
    NameField,
    PullCredentialsField,
    RegistryForm,
    TlsField,
    TokenServiceForm,
    canonicalize_address,
)
from flows.forms.schema import form_field
from flows.operations.integration import save_new_registry
from flows.operations.reconcile_registry import LEASE_WAIT_SECONDS, reconcile
from flows.operations.state_pages import StatePages, publish_and_send
from flows.registries import messages
from flows.registries.reconcile import final_state
from flows.runs import hold_lease, report_errors
from models.core.audit import AuditEntry
from models.core.errors import InvalidRequest
from models.registries.condition import CheckResult
from models.registries.credential_origin import CredentialOrigin, new_credential_origins
from models.registries.health import first_failure, invalid_address_check
from models.registries.record import check_available
from models.registries.registry import CAPABILITIES, SYSTEM_CA, DriftPolicy, Registry
from tasks.pages.probe import probe_page, probe_summary
from tasks.prefect.artifacts import publish_artifact
from tasks.registries.identify import find_duplicate
from tasks.registries.probe import probe
from tasks.secrets.credentials import block_document_ids, registry_block_reference
from tasks.store.registries import registries
from tasks.store.session import in_transaction


@flow(name="integrate-registry", flow_run_name="integrate {name}", persist_result=False)
@report_errors
async def integrate_registry(
    name: NameField,
    registry: RegistryForm,
    credentials: CredentialsField = None,
    pull_credentials: PullCredentialsField = None,
    tls: TlsField = SYSTEM_CA,
    description: DescriptionField = "",
    drift_policy: DriftPolicyField = DriftPolicy.ENFORCE,
    test_only: Annotated[
        bool, form_field("Test only", "Test the connection; save nothing.")
    ] = False,
) -> State[None]:
    """Integrate an external Harbor or Docker Registry.

    The connection is tested step by step before anything is saved. The check results are in the
    artifact `verdict-<name>`. After the run, the registry is in the overview.
    """
    desired_registry = Registry(
        name=name,
        kind=registry.type,
        address=await _parse_address(name, registry),
        credential=registry_block_reference(credentials),
        pull_credential=registry_block_reference(pull_credentials, "pull_credentials"),
        tls=tls,
        token_service=_parse_token_service(registry),
        drift_policy=drift_policy,
        description=description,
    )
    _check_credentials(desired_registry)
    candidates = await in_transaction(registries.list_with_name_or_host, desired_registry)
    check_available(desired_registry, candidates)
    approved_origins = new_credential_origins(
        desired_registry, block_document_ids(credentials, pull_credentials)
    )
    await probe_registry(desired_registry, approved_origins)
    await check_duplicate(desired_registry, approved_origins)
    if test_only:
        return Completed(message=messages.can_be_integrated(name))
    async with hold_lease(name, wait_seconds=LEASE_WAIT_SECONDS) as context:
        entry = AuditEntry(
            subject=name, action="registry.integrated", after=desired_registry.address
        )
        await in_transaction(save_new_registry, desired_registry, entry, context, approved_origins)
        result = await reconcile(name, context, is_new_registry=True)
    await publish_and_send(StatePages(overview=True, registries=[name]))
    return final_state(result)


async def probe_registry(registry: Registry, approved_origins: Sequence[CredentialOrigin]) -> None:
    """Probe a registry and publish the check results.

    Args:
        registry: the desired registry, not saved yet.
        approved_origins: origins that the credentials may be sent to.

    Raises:
        InvalidRequest: a check failed; nothing was saved.
    """
    subject = f"{registry.capabilities.label} at {registry.address}"
    await _publish_probe_report(registry.name, subject, await probe(registry, approved_origins))


async def check_duplicate(registry: Registry, approved_origins: Sequence[CredentialOrigin]) -> None:
    """Check that a registry is not integrated already under another name and address.

    Args:
        registry: the desired registry, not saved yet.
        approved_origins: see `probe_registry`.

    Raises:
        InvalidRequest: it is; the message names the integrated registry and what to do.
    """
    existing = await find_duplicate(registry, approved_origins)
    if existing:
        label = registry.capabilities.label
        raise InvalidRequest(messages.duplicate(registry.name, registry.address, label, existing))


async def _publish_probe_report(name: str, subject: str, checks: Sequence[CheckResult]) -> None:
    summary = probe_summary(checks)
    page = probe_page(name, subject, checks, summary)
    await publish_artifact(f"verdict-{name}", page, "Connection checks, step by step")
    if first_failure(checks):
        raise InvalidRequest(messages.not_saved(name, summary))


async def _parse_address(name: str, form: AddressForm) -> str:
    """Return the canonical address, or publish the failed check and raise `InvalidRequest`."""
    try:
        return canonicalize_address(form.address)
    except InvalidRequest as error:
        subject = f"{CAPABILITIES[form.type].label} at an invalid address"
        await _publish_probe_report(name, subject, [invalid_address_check(str(error))])
        raise


def _parse_token_service(form: AddressForm) -> str | None:
    address = form.token_service if isinstance(form, TokenServiceForm) else None
    return canonicalize_address(address) if address else None


def _check_credentials(registry: Registry) -> None:
    if registry.capabilities.requires_credential and registry.credential is None:
        raise InvalidRequest(messages.credentials_required(registry.capabilities.label))
    check_pull_user(registry)


def check_pull_user(registry: Registry) -> None:
    """Check that the pull credentials are safe to distribute to namespaces.

    Raises:
        InvalidRequest: the registry has robot accounts, or the pull credentials are its own.
    """
    if registry.pull_credential is None:
        return
    if registry.capabilities.has_robot_accounts:
        raise InvalidRequest(messages.pull_credentials_not_used(registry.capabilities.label))
    if registry.pull_credential == registry.credential:
        raise InvalidRequest(messages.PULL_CREDENTIALS_NOT_SEPARATE)
