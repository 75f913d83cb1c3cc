"""Integrate a registry: probe it, save it, then run the first reconcile."""

from collections.abc import Sequence
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed
from sqlmodel import Session

from flows.forms.connection_fields import (
    ClientCertificateField,
    ProxyCredentialsField,
    ProxyField,
    parse_proxy,
)
from flows.forms.fields import (
    AddressForm,
    AllowPushField,
    CountStorageField,
    CredentialsField,
    DescriptionField,
    DriftPolicyField,
    NameField,
    PullAddressesField,
    PullCredentialsField,
    RegistryForm,
    TlsField,
    TokenServiceForm,
    canonicalize_address,
    parse_pull_addresses,
)
from flows.forms.schema import form_field
from flows.operations.integration import (
    IntegrationRecords,
    load_integration_records,
    save_new_registry,
)
from flows.operations.reconcile_registry import (
    AS_TASKS,
    RegistrySteps,
    hold_registry,
    reconcile,
)
from flows.operations.run_results import RegistryRunResult
from flows.operations.state_pages import StatePages, publish_and_send, publish_news
from flows.registries import messages
from flows.registries.reconcile import final_state
from flows.runs import report_errors
from models.core.audit import AuditEntry
from models.core.errors import InvalidRequest
from models.core.runs.context import RunContext
from models.registries.condition import CheckResult
from models.registries.credential_origin import (
    CredentialOrigin,
    check_proxy,
    new_credential_origins,
)
from models.registries.health import first_failure, invalid_address_check
from models.registries.record import check_available
from models.registries.registry import CAPABILITIES, SYSTEM_CA, DriftPolicy, Registry
from tasks.http.shared import share_clients
from tasks.pages.probe import probe_page, probe_summary
from tasks.prefect.artifacts import Page, publish_artifact
from tasks.registries.identify import find_duplicate
from tasks.registries.probe import probe
from tasks.secrets.client_certificates import certificate_block_reference
from tasks.secrets.credentials import block_document_ids, registry_block_reference
from tasks.store.session import in_transaction


@flow(name="integrate-registry", flow_run_name="integrate {name}", persist_result=False)
@report_errors
async def integrate_registry(
    name: NameField,
    registry: RegistryForm,
    credentials: CredentialsField = None,
    pull_credentials: PullCredentialsField = None,
    allow_push: AllowPushField = False,
    tls: TlsField = SYSTEM_CA,
    client_certificate: ClientCertificateField = None,
    proxy: ProxyField = None,
    proxy_credentials: ProxyCredentialsField = None,
    pull_addresses: PullAddressesField = [],  # noqa: B006 - shown in the form, never modified
    description: DescriptionField = "",
    drift_policy: DriftPolicyField = DriftPolicy.ENFORCE,
    count_storage: CountStorageField = True,
    test_only: Annotated[
        bool, form_field("Test only", "Test the connection; save nothing.")
    ] = False,
) -> State[None]:
    """Integrate an external Harbor or Docker Registry.

    The connection is tested step by step before anything is saved. The check results are in the
    artifact `probe-<name>`. After the run, the registry is in the overview.
    """
    desired_registry = Registry(
        name=name,
        kind=registry.type,
        address=await _parse_address(name, registry),
        credential=registry_block_reference(credentials),
        pull_credential=registry_block_reference(pull_credentials, "pull_credentials"),
        allow_push=allow_push,
        tls=tls,
        client_certificate=certificate_block_reference(client_certificate),
        token_service=_parse_token_service(registry),
        proxy=parse_proxy(proxy),
        proxy_credential=registry_block_reference(proxy_credentials, "proxy_credentials"),
        pull_addresses=parse_pull_addresses(pull_addresses) or (),
        drift_policy=drift_policy,
        description=description,
        count_storage=count_storage,
    )
    _check_credentials(desired_registry)
    documents = block_document_ids(
        credentials, pull_credentials, client_certificate, proxy_credentials
    )
    approved_origins = new_credential_origins(desired_registry, documents)
    return await _probe_and_save(desired_registry, approved_origins, test_only=test_only)


async def _probe_and_save(
    desired_registry: Registry, approved_origins: Sequence[CredentialOrigin], *, test_only: bool
) -> State[None]:
    name = desired_registry.name
    async with share_clients():
        records = await in_transaction(load_integration_records, desired_registry)
        check_available(desired_registry, records.candidates)
        await check_connection(desired_registry, records, approved_origins)
        if test_only:
            return Completed(message=messages.can_be_integrated(name))
        result = await save_and_reconcile(desired_registry, approved_origins)
    await publish_and_send(StatePages(overview=True))
    return final_state(result)


async def save_and_reconcile(
    registry: Registry,
    approved_origins: Sequence[CredentialOrigin] = (),
    steps: RegistrySteps = AS_TASKS,
) -> RegistryRunResult:
    """Save a new registry that was probed, and run its first reconcile.

    Args:
        registry: the registry.
        approved_origins: origins that the current request approves for the credentials.
        steps: see `reconcile`.

    Raises:
        InvalidRequest: another registry has its name or address now; nothing was saved.
    """
    entry = AuditEntry(subject=registry.name, action="registry.integrated", after=registry.address)

    def save(session: Session, context: RunContext) -> None:
        save_new_registry(session, registry, entry, context, approved_origins)

    async with hold_registry(registry.name, save) as (context, registry_state):
        return await reconcile(
            registry.name,
            context,
            steps,
            is_new_registry=True,
            registry_state=registry_state,
            release=True,
        )


async def check_connection(
    registry: Registry,
    records: IntegrationRecords,
    approved_origins: Sequence[CredentialOrigin],
    *,
    is_one_of_many: bool = False,
) -> None:
    """Probe a registry, publish the check results, and check that it is no duplicate.

    Args:
        registry: the desired registry, not saved yet.
        records: what is on record that concerns it.
        approved_origins: origins that the current request approves for the credentials.
        is_one_of_many: whether the run is about many registries: there is no task run for each,
            and only failed checks are published, once.

    Raises:
        InvalidRequest: a check failed, or the registry is integrated already under another name
            and address; nothing was saved.
    """
    origins = [*records.origins, *approved_origins]
    subject = f"{registry.capabilities.label} at {registry.address}"
    checks = await (probe.fn if is_one_of_many else probe)(registry, origins)
    await _publish_probe_report(registry.name, subject, checks, is_one_of_many=is_one_of_many)
    existing = await find_duplicate(registry, records.robots, origins)
    if existing:
        label = registry.capabilities.label
        raise InvalidRequest(messages.duplicate(registry.name, registry.address, label, existing))


async def _publish_probe_report(
    name: str, subject: str, checks: Sequence[CheckResult], *, is_one_of_many: bool = False
) -> None:
    summary = probe_summary(checks)
    markdown = probe_page(name, subject, checks, summary)
    page = Page(f"probe-{name}", markdown, markdown, "Connection checks, step by step")
    if not is_one_of_many:
        await publish_artifact(page.key, page.markdown, page.description)
    if first_failure(checks):
        if is_one_of_many:
            await publish_news(page)
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
    check_proxy(registry)


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
