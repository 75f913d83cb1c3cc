"""Integrate a registry: prove first, save last, then look for the first time."""

from collections.abc import Sequence
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

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
    canonical,
)
from flows.forms.schema import shown
from flows.operations.reconcile_registry import PATIENCE, reconcile
from flows.overview import refresh_overview
from flows.registries.reconcile import ended
from flows.runs import ends_plainly, run_id
from models.core.audit import Entry
from models.core.errors import InputRefused
from models.registries.condition import Verdict
from models.registries.credential_origin import CredentialOrigin, given_origins
from models.registries.health import address_refusal, failed
from models.registries.registry import VERIFY, DriftPolicy, Kind, Registry
from tasks import clock
from tasks.pages.probe import conclusion_of, verdict_page
from tasks.prefect.artifacts import publish
from tasks.prefect.events import announce
from tasks.registries.identify import find_twin
from tasks.registries.probe import probe
from tasks.secrets.credentials import document_ids, reference_to
from tasks.store.leases import leased
from tasks.store.registries import registries
from tasks.store.session import stored


@flow(name="integrate-registry", flow_run_name="integrate {name}", persist_result=False)
@ends_plainly
async def integrate_registry(
    name: NameField,
    registry: RegistryForm,
    credentials: CredentialsField = None,
    pull_credentials: PullCredentialsField = None,
    tls: TlsField = VERIFY,
    description: DescriptionField = "",
    drift_policy: DriftPolicyField = DriftPolicy.ENFORCE,
    test_only: Annotated[
        bool, shown("Test only", "Prove the connection and save nothing.")
    ] = False,
) -> State[None]:
    """Integrate an external Harbor or Docker Registry.

    The connection is proved step by step before anything is saved; the verdict is the artifact
    `verdict-<name>`. When the run ends, the registry is in the overview.
    """
    wanted = Registry(
        name=name,
        kind=Kind(registry.type),
        address=await _address(name, registry),
        credential=reference_to(credentials),
        pull_credential=reference_to(pull_credentials, "pull_credentials"),
        tls=tls,
        token_service=_token_service(registry),
        drift_policy=drift_policy,
        description=description,
    )
    _check_credentials(wanted)
    await stored(registries.check_free, wanted)
    given = given_origins(wanted, document_ids(credentials, pull_credentials))
    await prove(wanted, given)
    await check_twin(wanted, given)
    if test_only:
        return Completed(message=f"{name} can be integrated; nothing was saved (test only)")
    entry = Entry(subject=name, what="registry.integrated", after=wanted.address)
    async with leased(name, patience=PATIENCE) as holder:
        at, run = clock.now(), run_id()
        await stored(registries.add, wanted, entry, at=at, flow_run=run, given=given)
        report = await reconcile(name, holder, first=True)
    await refresh_overview(name)
    await announce()
    return ended(report)


async def prove(wanted: Registry, given: Sequence[CredentialOrigin]) -> None:
    """Probe a registry as it is meant to be, and publish the verdict.

    Args:
        wanted: as it is meant to be.
        given: where the person who asks permits its credentials to be sent.

    Raises:
        InputRefused: a step failed; nothing was saved.
    """
    what = f"{wanted.kind.label} at {wanted.address}"
    await _publish_verdict(wanted.name, what, await probe(wanted, given))


async def check_twin(wanted: Registry, given: Sequence[CredentialOrigin]) -> None:
    """Make sure that a Harbor is not on record already under another name and address.

    Args:
        wanted: as it is meant to be.
        given: see `prove`.

    Raises:
        InputRefused: it is; the message says which and what to do.
    """
    twin = await find_twin(wanted, given)
    if twin:
        raise InputRefused(
            f"{wanted.name} was not saved: {wanted.address} is another address of the Harbor that "
            f"is integrated as {twin!r}, whose robot accounts are there. To change its address run "
            f"update-registry for {twin!r}; to start anew run remove-registry for it first"
        )


async def _publish_verdict(name: str, what: str, verdicts: Sequence[Verdict]) -> None:
    conclusion = conclusion_of(verdicts)
    page = verdict_page(name, what, verdicts, conclusion)
    await publish(f"verdict-{name}", page, "What was proved step by step")
    if failed(verdicts):
        raise InputRefused(f"{name} was not saved. {conclusion}")


async def _address(name: str, form: HarborForm | DockerForm) -> str:
    """Return the address in its canonical spelling, or end with a verdict that says why not."""
    try:
        return canonical(form.address)
    except InputRefused as refusal:
        what = f"{Kind(form.type).label} at an address that is none"
        await _publish_verdict(name, what, [address_refusal(str(refusal))])
        raise


def _token_service(form: HarborForm | DockerForm) -> str | None:
    named = form.token_service if isinstance(form, DockerForm) else None
    return canonical(named) if named else None


def _check_credentials(wanted: Registry) -> None:
    if wanted.kind is Kind.HARBOR and wanted.credential is None:
        raise InputRefused(
            "a Harbor needs credentials of an administrator: choose or add a registry-credentials "
            "block"
        )
    check_puller(wanted)


def check_puller(wanted: Registry) -> None:
    """Make sure that what namespaces shall receive is meant for them.

    Raises:
        InputRefused: a Harbor has pull credentials, or a Docker Registry hands out its own.
    """
    if wanted.pull_credential is None:
        return
    if wanted.kind is Kind.HARBOR:
        raise InputRefused(
            "pull credentials are for a Docker Registry; in a Harbor a robot account is made for "
            "each workspace: leave them out"
        )
    if wanted.pull_credential == wanted.credential:
        raise InputRefused(
            "the pull credentials are the registry's own: every entitled namespace would receive "
            "them. Choose a user that may only pull"
        )
