"""The list of registries, and names of registries for pickers."""

from datetime import datetime

from sqlmodel import Session, col, select

from models.core.limits import PollPolicy
from models.overview.lists import ListPage, ListQuery, RegistryQuery
from models.overview.overview import RegistryStatistics
from models.overview.registry_list import select_registries
from models.tables import RegistryRow
from tasks.store.lists.search import contains
from tasks.store.registries import statistics


def list_registries(
    session: Session, query: RegistryQuery, policy: PollPolicy, now: datetime
) -> ListPage[RegistryStatistics]:
    """Return a page of registries, with the health that can be relied on now.

    All registries are read, which are few: their health follows from their conditions.
    """
    return select_registries(
        (registry.as_of(policy, now) for registry in statistics.list_registry_statistics(session)),
        query,
    )


def list_names(session: Session, query: ListQuery) -> tuple[str, ...]:
    """Return names of registries, sorted: at most a page of those that a search finds."""
    names = (
        select(RegistryRow.name)
        .where(contains(query.search, col(RegistryRow.name)))
        .order_by(col(RegistryRow.name))
    )
    return tuple(session.exec(names.offset(query.offset).limit(query.limit)))
