"""What the tests of the store share: a registry that is integrated, and other processes."""

from collections.abc import Callable
from datetime import datetime
from multiprocessing.process import BaseProcess
from typing import Any

from sqlmodel import Session, SQLModel, col, select

from flows.operations.integration import save_new_registry
from models.core.audit import AuditEntry
from models.core.runs.context import RunContext
from models.registries.registry import Registry
from models.tables import AuditRow
from tasks.store.session import run_in_transaction
from tests.support import processes
from tests.support.builders import NOW, registry
from tests.support.databases import DATABASE
from tests.support.processes import preload

preload("tasks.store.migrate", "tasks.store.leases")

INTEGRATED = AuditEntry(subject="prod", action="registry.integrated")


def integrate(
    spec: Registry | None = None, entry: AuditEntry = INTEGRATED, at: datetime = NOW
) -> None:
    """Add a registry as the flow does."""
    run_in_transaction(
        save_new_registry, spec or registry(), entry, RunContext(now=at, flow_run="run-1")
    )


def rows(kind: type[SQLModel]) -> list[Any]:
    """Return all rows of a table, as they are stored."""

    def read(session: Session) -> list[Any]:
        return list(session.exec(select(kind)))

    return run_in_transaction(read)


def audit_entries() -> list[tuple[str, str]]:
    """Return (what, subject) of all audit rows, oldest first."""

    def read(session: Session) -> list[tuple[str, str]]:
        audit_rows = session.exec(select(AuditRow).order_by(col(AuditRow.id)))
        return [(row.what, row.subject) for row in audit_rows]

    return run_in_transaction(read)


def start(url: str, work: Callable[..., None], *args: object) -> BaseProcess:
    """Do `work` in another process, with the database at `url`."""
    return processes.start({DATABASE: url}, work, *args)
