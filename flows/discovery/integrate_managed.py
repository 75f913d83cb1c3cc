"""Integrate a managed Harbor as soon as the platform reports its creation."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from pydantic import Field
from sqlmodel import Session

from flows.discovery import messages
from flows.forms.fields import ExistingClusterField
from flows.forms.schema import form_field
from flows.operations.managed_harbors import hold_discovery, reconcile_managed_harbors
from flows.operations.reconcile_registry import LEASE_WAIT_SECONDS
from flows.operations.state_pages import StatePages, publish_and_send
from flows.runs import report_errors
from models.clusters.cluster import Cluster
from models.core.errors import IntegrationError, LeaseHeld
from models.core.names import NamespaceName
from models.core.settings import get_settings
from models.discovery.managed_harbor import AdoptionState, ManagedHarborRecord
from models.discovery.trust import TrustedObject
from tasks import clock
from tasks.discovery.find import find_managed_harbors
from tasks.http.shared import share_clients
from tasks.store.access import clusters, managed_harbors, trusted_objects
from tasks.store.session import in_transaction

_MIN_PAUSE, _MAX_PAUSE = 1.0, 20.0

Attempt = Callable[[], Awaitable[tuple[ManagedHarborRecord | None, str]]]
"""Returns the record of a Harbor, and why its cluster could not be read."""


@flow(
    name="integrate-managed-harbor",
    flow_run_name="integrate {cluster}/{namespace}/{name}",
    persist_result=False,
)
@report_errors
async def integrate_managed_harbor(
    cluster: ExistingClusterField,
    namespace: Annotated[NamespaceName, form_field("Namespace", "Namespace of the Harbor.")],
    name: Annotated[
        str,
        Field(min_length=1, max_length=253),
        form_field("Name", "Name of the HarborCluster or of the Helm release."),
    ],
    adopt_again: Annotated[
        bool, form_field("Adopt again", "Integrate it even if it was removed by a user before.")
    ] = False,
    take_over: Annotated[
        bool,
        form_field(
            "Take over",
            "If it is already integrated by a user, link it to that registry, provided that the "
            "password in its own Secret is valid there. The registry is not changed.",
        ),
    ] = False,
    uid: Annotated[
        str,
        Field(max_length=63),
        form_field(
            "UID",
            "UID of the HarborCluster or of the core Deployment. If given, only this object is "
            "trusted; otherwise the first object of that name that appears within one hour.",
        ),
    ] = "",
) -> State[None]:
    """Integrate one managed Harbor now; wait until it is ready, up to a limit.

    This run declares trust in this one object, in any namespace. The flow is idempotent: it may
    run twice, too early, or for a Harbor that is already integrated. If the Harbor is not ready in
    time, discover-managed-harbors integrates it later.
    """
    host_cluster = (await in_transaction(clusters.get_cluster, cluster)).cluster
    trusted_object = TrustedObject(
        cluster=cluster, namespace=namespace, name=name, uid=uid, trusted_at=clock.now()
    )
    await in_transaction(trusted_objects.save, [trusted_object])
    pending_states = {AdoptionState.WAITING} | ({AdoptionState.UNTRUSTED} if uid else set())
    attempt = partial(
        _adopt_if_ready, host_cluster, namespace, name, adopt_again=adopt_again, take_over=take_over
    )
    return await _integrate(f"{cluster}/{namespace}/{name}", attempt, pending_states)


async def _integrate(
    ref: str, attempt: Attempt, pending_states: Collection[AdoptionState]
) -> State[None]:
    try:
        harbor, unreachable = await _poll(attempt, pending_states)
    except LeaseHeld as error:
        return Failed(message=messages.locked(ref, error.conflict.message))
    names = [harbor.registry] if harbor is not None and harbor.registry else []
    await publish_and_send(StatePages(overview=bool(names)))
    return _final_state(ref, harbor, unreachable)


async def _poll(
    attempt: Attempt, pending_states: Collection[AdoptionState]
) -> tuple[ManagedHarborRecord | None, str]:
    """Repeat the attempt until the Harbor is ready or time is up; return the last result."""
    deadline, pause = time.monotonic() + get_settings().managed_wait_seconds, _MIN_PAUSE
    while True:
        harbor, unreachable = await attempt()
        ready = harbor is not None and harbor.state not in pending_states
        if ready or time.monotonic() + pause > deadline:
            return harbor, unreachable
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, _MAX_PAUSE)


async def _adopt_if_ready(
    host_cluster: Cluster, namespace: str, name: str, *, adopt_again: bool, take_over: bool
) -> tuple[ManagedHarborRecord | None, str]:
    """Observe the cluster once, and apply the plan for this Harbor.

    Returns:
        The record of the Harbor, and why the cluster or a source could not be read.
    """
    held = hold_discovery(host_cluster.name, wait_seconds=LEASE_WAIT_SECONDS)
    async with share_clients(), held as (context, trust):
        section = await find_managed_harbors(host_cluster, trust)
        if adopt_again:
            await in_transaction(_include, host_cluster.name, namespace, name)
        result = await reconcile_managed_harbors(
            host_cluster, section, context, only=(namespace, name), take_over=take_over
        )
    if result.failures:
        raise IntegrationError(result.failures[0])
    if result.plan.refusals:
        ref = f"{host_cluster.name}/{namespace}/{name}"
        raise IntegrationError(f"{ref}: {result.plan.refusals[0]}")
    records = await in_transaction(managed_harbors.list_harbor_records)
    key = host_cluster.name, namespace, name
    matches = [
        record
        for record in records
        if (record.ref.cluster, record.ref.namespace, record.ref.name) == key
    ]
    matches.sort(key=lambda record: record.state is AdoptionState.UNTRUSTED)
    return (matches[0] if matches else None), result.unavailable_reason


def _include(session: Session, cluster: str, namespace: str, name: str) -> None:
    for record in managed_harbors.list_harbor_records(session):
        if record.is_excluded(cluster, namespace, name):
            managed_harbors.delete_harbor_record(session, record.ref)


def _final_state(ref: str, harbor: ManagedHarborRecord | None, unreachable: str) -> State[None]:
    if unreachable and (harbor is None or harbor.state is AdoptionState.UNTRUSTED):
        return Failed(message=messages.cluster_unavailable(ref, unreachable))
    if harbor is None:
        return Failed(message=messages.not_found(ref))
    if harbor.state is AdoptionState.UNTRUSTED:
        return Failed(message=messages.not_trusted(ref))
    if harbor.state is AdoptionState.ADOPTED:
        return Completed(message=messages.integrated(ref, harbor.registry))
    if harbor.state is AdoptionState.WAITING:
        return Completed(message=messages.not_ready(ref, harbor.message))
    return Failed(message=f"{ref} is {harbor.state}: {harbor.message}")
