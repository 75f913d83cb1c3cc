"""Integrate a registry: prove first, save last, then look for the first time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed
from sqlmodel import Session

from flows.forms.fields import (
    CredentialsField,
    DescriptionField,
    DockerForm,
    DriftPolicyField,
    HarborForm,
    NameField,
    PullCredentialsField,
    RegistryForm,
    TlsField,
    canonicalize_address,
)
from flows.forms.schema import form_field
from flows.operations.reconcile_registry import LEASE_WAIT_SECONDS, reconcile
from flows.overview import refresh_overview
from flows.registries.reconcile import final_state
from flows.runs import flow_run_id, report_errors
from models.core.audit import AuditEntry
from models.core.errors import InvalidRequest
from models.registries.condition import CheckResult
from models.registries.credential_origin import CredentialOrigin, new_credential_origins
from models.registries.health import first_failure, invalid_address_check
from models.registries.registry import SYSTEM_CA, DriftPolicy, Kind, Registry
from tasks import clock
from tasks.pages.probe import probe_page, probe_summary
from tasks.prefect.artifacts import publish_artifact
from tasks.prefect.events import send_events
from tasks.registries.identify import find_duplicate
from tasks.registries.probe import probe
from tasks.secrets.credentials import block_document_ids, registry_block_reference
from tasks.store.leases import lease
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
        bool, form_field("Test only", "Prove the connection and save nothing.")
    ] = False,
) -> State[None]:
    """Integrate an external Harbor or Docker Registry.

    The connection is proved step by step before anything is saved; the verdict is the artifact
    `verdict-<name>`. When the run ends, the registry is in the overview.
    """
    desired_registry = Registry(
        name=name,
        kind=Kind(registry.type),
        address=await _parse_address(name, registry),
        credential=registry_block_reference(credentials),
        pull_credential=registry_block_reference(pull_credentials, "pull_credentials"),
        tls=tls,
        token_service=_parse_token_service(registry),
        drift_policy=drift_policy,
        description=description,
    )
    _check_credentials(desired_registry)
    await in_transaction(registries.ensure_available, desired_registry)
    approved_origins = new_credential_origins(
        desired_registry, block_document_ids(credentials, pull_credentials)
    )
    await probe_registry(desired_registry, approved_origins)
    await check_duplicate_harbor(desired_registry, approved_origins)
    if test_only:
        return Completed(message=f"{name} can be integrated; nothing was saved (test only)")
    async with lease(name, wait_seconds=LEASE_WAIT_SECONDS) as lease_id:
        await in_transaction(_save, desired_registry, approved_origins, clock.now(), flow_run_id())
        report = await reconcile(name, lease_id, first=True)
    await refresh_overview(name)
    await send_events()
    return final_state(report)


def _save(
    session: Session,
    registry: Registry,
    approved_origins: Sequence[CredentialOrigin],
    at: datetime,
    run: str,
) -> None:
    entry = AuditEntry(subject=registry.name, action="registry.integrated", after=registry.address)
    registries.add_registry(
        session, registry, entry, at=at, flow_run=run, approved_origins=approved_origins
    )


async def probe_registry(registry: Registry, approved_origins: Sequence[CredentialOrigin]) -> None:
    """Probe a registry as it is meant to be, and publish the verdict.

    Args:
        registry: as it is meant to be.
        approved_origins: where the person who asks permits its credentials to be sent.

    Raises:
        InputRefused: a step failed; nothing was saved.
    """
    subject = f"{registry.kind.label} at {registry.address}"
    await _publish_probe_report(registry.name, subject, await probe(registry, approved_origins))


async def check_duplicate_harbor(
    registry: Registry, approved_origins: Sequence[CredentialOrigin]
) -> None:
    """Make sure that a Harbor is not on record already under another name and address.

    Args:
        registry: as it is meant to be.
        approved_origins: see `probe_registry`.

    Raises:
        InputRefused: it is; the message says which and what to do.
    """
    twin = await find_duplicate(registry, approved_origins)
    if twin:
        raise InvalidRequest(
            f"{registry.name} was not saved: {registry.address} is another address of the Harbor "
            f"that is integrated as {twin!r}, whose robot accounts are there. To change its "
            f"address run update-registry for {twin!r}; to start anew run remove-registry for it "
            "first"
        )


async def _publish_probe_report(name: str, subject: str, checks: Sequence[CheckResult]) -> None:
    summary = probe_summary(checks)
    page = probe_page(name, subject, checks, summary)
    await publish_artifact(f"verdict-{name}", page, "What was proved step by step")
    if first_failure(checks):
        raise InvalidRequest(f"{name} was not saved. {summary}")


async def _parse_address(name: str, form: HarborForm | DockerForm) -> str:
    """Return the address in its canonical spelling, or end with a verdict that says why not."""
    try:
        return canonicalize_address(form.address)
    except InvalidRequest as error:
        subject = f"{Kind(form.type).label} at an address that is none"
        await _publish_probe_report(name, subject, [invalid_address_check(str(error))])
        raise


def _parse_token_service(form: HarborForm | DockerForm) -> str | None:
    address = form.token_service if isinstance(form, DockerForm) else None
    return canonicalize_address(address) if address else None


def _check_credentials(registry: Registry) -> None:
    if registry.kind is Kind.HARBOR and registry.credential is None:
        raise InvalidRequest(
            "a Harbor needs credentials of an administrator: choose or add a registry-credentials "
            "block"
        )
    check_pull_user(registry)


def check_pull_user(registry: Registry) -> None:
    """Make sure that what namespaces shall receive is meant for them.

    Raises:
        InputRefused: a Harbor has pull credentials, or a Docker Registry hands out its own.
    """
    if registry.pull_credential is None:
        return
    if registry.kind is Kind.HARBOR:
        raise InvalidRequest(
            "pull credentials are for a Docker Registry; in a Harbor a robot account is made for "
            "each workspace: leave them out"
        )
    if registry.pull_credential == registry.credential:
        raise InvalidRequest(
            "the pull credentials are the registry's own: every entitled namespace would receive "
            "them. Choose a user that may only pull"
        )
