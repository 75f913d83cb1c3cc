"""What the tests of the store share: a registry that is integrated, and other processes."""

from collections.abc import Callable
from datetime import datetime
from multiprocessing.process import BaseProcess
from typing import Any

from sqlmodel import Session, SQLModel, col, select

from models.core.audit import Entry
from models.registries.registry import Registry
from models.tables import AuditRow
from tasks.store.registries import registries
from tasks.store.session import transact
from tests.support import processes
from tests.support.builders import NOW, registry
from tests.support.databases import DATABASE
from tests.support.processes import preload

preload("tasks.store.migrate", "tasks.store.leases")

INTEGRATED = Entry(subject="prod", what="registry.integrated")


def integrate(one: Registry | None = None, entry: Entry = INTEGRATED, at: datetime = NOW) -> None:
    """Add a registry as the flow does."""
    transact(registries.add, one or registry(), entry, at=at, flow_run="run-1")


def rows(kind: type[SQLModel]) -> list[Any]:
    """Return all rows of a table, as they are stored."""

    def read(session: Session) -> list[Any]:
        return list(session.exec(select(kind)))

    return transact(read)


def audited() -> list[tuple[str, str]]:
    """Return (what, subject) of all audit rows, oldest first."""

    def read(session: Session) -> list[tuple[str, str]]:
        found = session.exec(select(AuditRow).order_by(col(AuditRow.id)))
        return [(row.what, row.subject) for row in found]

    return transact(read)


def start(url: str, work: Callable[..., None], *args: object) -> BaseProcess:
    """Do `work` in another process, with the database at `url`."""
    return processes.start({DATABASE: url}, work, *args)
