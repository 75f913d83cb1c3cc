"""Remove this service from all registries and clusters, before it is uninstalled."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated, NamedTuple

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from sqlmodel import Session

from flows.clusters.remove_cluster import delete_cluster
from flows.forms.schema import form_field
from flows.operations.access_changes import sync_targets
from flows.operations.state_pages import StatePages, publish_and_send
from flows.registries.remove import delete_registry
from flows.runs import isolate_failure, report_errors
from models.access.access_summary import describe_pending
from models.core.errors import InvalidRequest
from models.core.plural import pluralize
from models.core.settings import get_settings
from tasks.store.access import clusters
from tasks.store.registries import registries
from tasks.store.session import in_transaction


class _Names(NamedTuple):
    registries: tuple[str, ...]
    clusters: tuple[str, ...]


class _Outcome(NamedTuple):
    message: str
    is_complete: bool


@flow(name="decommission", flow_run_name="decommission", persist_result=False)
@report_errors
async def decommission_all(
    registry_count: Annotated[
        int | None,
        form_field(
            "Number of registries",
            "Empty: show what would be removed; change nothing. To remove it, enter the number of "
            "registries that this shows.",
        ),
    ] = None,
) -> State[None]:
    """Remove all registries and clusters from this service, and its objects from them.

    Like remove-registry and remove-cluster for each of them: bindings, robot accounts, pull secrets
    and records are deleted; spaces, images, visibility and the audit stay. Registries go first,
    because the password of a managed Harbor is in its cluster. What cannot be removed is named with
    the reason, and does not stop the others; a run that was killed is continued by the next.
    """
    names = await in_transaction(_list_names)
    summary = (
        f"{pluralize(len(names.registries), 'registry')} and "
        f"{pluralize(len(names.clusters), 'cluster')}"
    )
    if registry_count is None:
        return Completed(message=f"{summary} would be removed: {_join(names)}")
    if registry_count != len(names.registries):
        raise InvalidRequest(
            f"{summary} would be removed, and the number entered is {registry_count}: nothing was "
            f"changed. Enter {len(names.registries)} to remove them"
        )
    outcomes = [
        *await _remove_each("registry", names.registries, _delete_registry),
        *await _remove_each("cluster", names.clusters, delete_cluster),
        await _sync_remaining_clusters(),
    ]
    await publish_and_send(StatePages(overview=True))
    problems = [outcome.message for outcome in outcomes if not outcome.is_complete]
    if problems:
        return Failed(message="; ".join([f"not everything of {summary} was removed", *problems]))
    return Completed(message=f"{summary} removed; this service can be uninstalled")


def _list_names(session: Session) -> _Names:
    records = registries.list_registries(session)
    return _Names(
        tuple(record.registry.name for record in records),
        tuple(cluster.name for cluster in clusters.list_clusters(session)),
    )


def _join(names: _Names) -> str:
    return ", ".join([*names.registries, *names.clusters]) or "nothing is left"


async def _delete_registry(name: str) -> tuple[str, bool]:
    # Removing a cluster deletes all pull secrets there, with the logins of all registries.
    return await delete_registry(name, syncs_clusters=False)


async def _sync_remaining_clusters() -> _Outcome:
    """Take the logins out of pull secrets in clusters that could not be removed."""
    targets = await sync_targets()
    pending = describe_pending(targets, get_settings().poll_policy.interval)
    return _Outcome(f"the removal of logins is {pending}", is_complete=not pending)


async def _remove_each(
    kind: str, names: Iterable[str], delete: Callable[[str], Awaitable[tuple[str, bool]]]
) -> list[_Outcome]:
    # One after the other, so that few requests are made at once.
    return [
        await isolate_failure(
            f"{kind} {name}",
            _remove(name, delete),
            lambda message: _Outcome(message, is_complete=False),
        )
        for name in names
    ]


async def _remove(name: str, delete: Callable[[str], Awaitable[tuple[str, bool]]]) -> _Outcome:
    return _Outcome(*await delete(name))
