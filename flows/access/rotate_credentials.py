"""Rotate robot accounts' secrets without a gap: make, deliver everywhere, check, retire."""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Annotated

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from pydantic import Field
from sqlmodel import Session

from flows.forms.schema import Text, shown
from flows.operations.reconcile_registry import PATIENCE, PLAIN, reconcile
from flows.operations.sync_clusters import sync_clusters
from flows.operations.workspace_pages import publish_workspaces
from flows.overview import publish_registries
from flows.runs import contained, ends_plainly
from models.core.errors import InputRefused
from models.core.plural import amount
from models.core.settings import settings
from tasks import clock
from tasks.concurrency import for_each
from tasks.prefect.events import announce
from tasks.secrets.robot_secrets import open_vault
from tasks.store.access import workspaces
from tasks.store.leases import leased
from tasks.store.registries import registries, robots
from tasks.store.session import stored
from tasks.store.state import rotation_due

_Optional = Annotated[str | None, Field(pattern=r"^[a-z0-9-]*$", max_length=63), Text()]


@flow(name="rotate-credentials", persist_result=False)
@ends_plainly
async def rotate_credentials(
    registry: Annotated[
        _Optional,
        shown("Registry", "Leave it empty for all of them. Example: harbor-prod", default=""),
    ] = None,
    workspace: Annotated[
        _Optional,
        shown("Workspace", "Leave it empty for all of them. Example: team-a", default=""),
    ] = None,
    overdue_only: Annotated[
        bool,
        shown("Overdue only", "Only secrets older than ROTATION_DAYS (90, if not set otherwise)."),
    ] = False,
) -> State[None]:
    """Give robot accounts new secrets.

    The second robot account is made and delivered to every namespace; the first goes some minutes
    (SUPERSEDED_MINUTES) after it is proved that the second is accepted and is everywhere. A run
    that is cut short is finished by the next reconcile, and nobody loses a pull meanwhile.
    """
    due = await stored(_due, registry or None, workspace or None, overdue_only=overdue_only)
    if not due:
        return Completed(message="no robot account is due for a new secret")
    await open_vault()
    many = sum(len(each) for each in due.values())
    first = await reconcile_some(due)
    clusters = await sync_clusters(patience=PATIENCE)
    second = await reconcile_some(dict.fromkeys(due, frozenset[str]()))
    await publish_registries(sorted(due))
    await publish_workspaces(sorted({name for each in due.values() for name in each}))
    await announce()
    where = amount(len(due), "registry")
    told = f"new secrets for {amount(many, 'robot account')} on {where}"
    waiting = await stored(_waiting, sorted(due))
    if waiting:
        minutes = f"{settings().superseded_minutes:g} minutes"
        told += f"; {waiting} replaced, kept until every namespace has had the new secret {minutes}"
    problems = [*first, *(one.problem for one in clusters if one.problem), *second]
    if problems:
        return Failed(message=f"{told}; {'; '.join(problems[:5])}")
    return Completed(message=told)


@task(name="rotate-batch", cache_policy=NO_CACHE, persist_result=False)
async def reconcile_some(wanted: Mapping[str, frozenset[str]]) -> list[str]:
    """Reconcile registries side by side, some of their workspaces with new secrets.

    Returns:
        What went wrong, for people.
    """

    def one(name: str) -> Awaitable[str]:
        return contained(name, _reconcile(name, wanted[name]), str)

    places = asyncio.Semaphore(settings().registries_at_once)
    return [problem for problem in await for_each(wanted, one, places) if problem]


async def _reconcile(name: str, rotate: frozenset[str]) -> str:
    async with leased(name, patience=PATIENCE) as holder:
        return (await reconcile(name, holder, PLAIN, rotate=rotate)).problem


def _due(
    session: Session, registry: str | None, workspace: str | None, *, overdue_only: bool
) -> dict[str, frozenset[str]]:
    """Return the workspaces that get a new secret, by registry.

    Raises:
        InputRefused: the registry or the workspace is not known.
    """
    if registry is not None:
        registries.dossier(session, registry)
    if workspace is not None:
        workspaces.check_known(session, [workspace])
    if overdue_only:
        found = rotation_due(session, settings().rotation_age, clock.now())
    else:
        found = {}
        for grant in robots.grants(session):
            if grant.workspace:
                found[grant.registry] = found.get(grant.registry, frozenset()) | {grant.workspace}
    chosen = {
        name: frozenset(each if workspace is None else each & {workspace})
        for name, each in found.items()
        if registry in (None, name)
    }
    due = {name: each for name, each in chosen.items() if each}
    if not due and not overdue_only and (registry or workspace):
        raise InputRefused("no robot account was ever made for that; bind a space first")
    return due


def _waiting(session: Session, names: list[str]) -> int:
    known = [one for one in robots.grants(session) if one.workspace and one.registry in names]
    return len(known) - len({(one.registry, one.workspace) for one in known})
