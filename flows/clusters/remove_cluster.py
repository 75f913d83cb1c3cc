"""Remove a cluster from this service: withdraw what is ours there, then forget it."""

from collections.abc import Sequence
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.forms.fields import KnownCluster
from flows.forms.schema import shown
from flows.operations.reconcile_registry import PATIENCE
from flows.operations.workspace_pages import publish_workspaces
from flows.runs import ends_plainly, run_id
from models.clusters.cluster import SECRET_NAME
from models.clusters.pull_secret_plan import plan_deliveries
from models.core.errors import ClusterError
from models.core.plural import amount
from models.core.settings import settings
from tasks import clock
from tasks.clusters.apply import apply_deliveries
from tasks.clusters.connect import opened_cluster
from tasks.pages.binding import named
from tasks.prefect.events import announce
from tasks.secrets.cipher import no_vault
from tasks.store.access import clusters, managed_harbors
from tasks.store.installation import installation
from tasks.store.leases import leased
from tasks.store.session import stored


@flow(name="remove-cluster", flow_run_name="remove cluster {name}", persist_result=False)
@ends_plainly
async def remove_cluster(
    name: KnownCluster,
    confirm: Annotated[
        bool, shown("Confirm", "Off: only say what would be withdrawn, and change nothing.")
    ] = False,
) -> State[None]:
    """Withdraw our pull secrets from a cluster and forget it. The cluster itself is not touched.

    One that is out of reach is forgotten all the same; the message says what stays behind there.
    Managed Harbors whose password lies in it cannot be entered afterwards, until it is registered
    again or update-registry gives them credentials.
    """
    async with leased(clusters.lease_key(name), patience=PATIENCE):
        known = await stored(clusters.known, name)
        held = [one for one in known.deliveries if one.fingerprint]
        locked = _locked_out(await stored(managed_harbors.adopted_in, name))
        if not confirm:
            return Completed(
                message=f"cluster {name} has {amount(len(held), 'pull secret')} of ours, which "
                f"would be withdrawn{locked}; run it again with 'Confirm' on to do so"
            )
        problem = await _withdraw(known)
        why = problem or "by hand, everything of ours is withdrawn"
        await stored(clusters.remove, name, why, at=clock.now(), flow_run=run_id())
    await publish_workspaces()
    await announce()
    if problem:
        return Failed(message=f"cluster {name} is forgotten, but {problem}{locked}")
    return Completed(message=f"cluster {name} is forgotten, its pull secrets are withdrawn{locked}")


def _locked_out(registries: Sequence[str]) -> str:
    if not registries:
        return ""
    return (
        f"; passwords of managed Harbors lie in it: {named(registries)} cannot be entered without "
        "it, until it is registered again or update-registry gives them credentials"
    )


async def _withdraw(known: clusters.Known) -> str:
    """Withdraw everything of ours; return what stayed behind, and where."""
    places = sorted(one.namespace for one in known.deliveries if one.fingerprint)
    behind = f"the Secret {SECRET_NAME} may stay behind in: {', '.join(places[:50]) or 'none'}"
    us = await stored(installation)
    try:
        async with opened_cluster(
            known.cluster, fingerprint=no_vault().fingerprint, installation=us
        ) as client:
            snapshot = await client.look(settings().labels)
            if snapshot.unseen is not None:
                return f"it cannot be read ({snapshot.unseen.message}); {behind}"
            plan = plan_deliveries(known.cluster, snapshot, {}, known.deliveries)
            outcomes = await apply_deliveries(plan, client, {})
    except ClusterError as error:
        return f"it cannot be read ({error.said}); {behind}"
    failed = [outcome for outcome in outcomes if not outcome.done]
    listed = ", ".join(f"{one.change.namespace} ({one.message})" for one in failed[:20])
    return f"the Secret {SECRET_NAME} stays behind in: {listed}" if failed else ""
