"""Update a registry: the new values are proved before they replace the old ones."""

from collections.abc import Iterable

from prefect import flow
from prefect.client.schemas.objects import State

from flows.forms.fields import (
    KnownRegistry,
    NewAddressField,
    NewCredentialsField,
    NewDescriptionField,
    NewDriftPolicyField,
    NewPullCredentialsField,
    NewTlsField,
    NewTokenServiceField,
    canonical,
)
from flows.forms.schema import NONE
from flows.operations.access_changes import carry_through
from flows.operations.reconcile_registry import PATIENCE
from flows.overview import refresh_overview
from flows.registries.integrate import check_puller, check_twin, prove
from flows.registries.reconcile import ended
from flows.runs import ends_plainly, run_id
from models.core.audit import Entry
from models.core.errors import InputRefused
from models.registries.credential_origin import check_given_again, extended, given_origins
from models.registries.registry import Registry
from tasks import clock
from tasks.prefect.events import announce
from tasks.secrets.credentials import document_ids, reference_to
from tasks.store.leases import leased
from tasks.store.registries import credential_origins, registries
from tasks.store.session import stored


@flow(name="update-registry", flow_run_name="update {name}", persist_result=False)
@ends_plainly
async def update_registry(
    name: KnownRegistry,
    address: NewAddressField = None,
    credentials: NewCredentialsField = None,
    pull_credentials: NewPullCredentialsField = None,
    tls: NewTlsField = None,
    token_service: NewTokenServiceField = None,
    description: NewDescriptionField = None,
    drift_policy: NewDriftPolicyField = None,
) -> State[None]:
    """Change what is given and keep the rest.

    The registry is probed with the new values first; if a step fails, the old ones stay. A changed
    password needs no update: edit the block, it is read at each use. A new address needs the
    credentials again: they are sent to the addresses only that they were given for.
    """
    puller = None if isinstance(pull_credentials, str) else pull_credentials
    tokens = None if token_service == NONE else token_service
    changes = {
        "address": canonical(address) if address else None,
        "credential": reference_to(credentials),
        "pull_credential": reference_to(puller, "pull_credentials"),
        "tls": tls,
        "token_service": canonical(tokens) if tokens else None,
        "description": description,
        "drift_policy": drift_policy,
    }
    given: dict[str, object] = {key: one for key, one in changes.items() if one is not None}
    taken_away = {"pull_credential": pull_credentials, "token_service": token_service}
    given |= {field: None for field, said in taken_away.items() if said == NONE}
    if not given:
        raise InputRefused("nothing was given to change: fill in at least one field")
    async with leased(name, patience=PATIENCE) as holder:
        before = (await stored(registries.dossier, name)).registry
        after = Registry.model_validate({**before.model_dump(), **given})
        check_puller(after)
        check_given_again(before, after, given)
        await stored(registries.check_address, after)
        permitted = given_origins(after, document_ids(credentials, puller))
        permitted += extended(await stored(credential_origins.known, before), before, after)
        await prove(after, permitted)
        await check_twin(after, permitted)
        entry, at = _entry(before, after, given), clock.now()
        await stored(registries.replace, after, entry, at=at, flow_run=run_id(), given=permitted)
        effect = await carry_through(name, holder)
    await refresh_overview(name)
    await announce()
    return effect.ended(f"{name} is updated") if effect.problem else ended(effect.report)


def _entry(before: Registry, after: Registry, given: Iterable[str]) -> Entry:
    return Entry(
        subject=after.name,
        what="registry.updated",
        before=before.address,
        after=after.address,
        why=f"changed: {', '.join(sorted(given))}",
    )
