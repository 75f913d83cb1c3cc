"""Carry a change of access through: first the registry, then the clusters, then what is left."""

from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from sqlmodel import Session

from flows.operations.reconcile_registry import AS_TASKS, PATIENCE, Report, Stages, reconcile
from flows.operations.sync_clusters import ClusterReport, sync_clusters
from models.access.rotation import youngest
from models.core.base import Value
from models.registries.registry import Kind
from tasks.store.registries import registries, robots
from tasks.store.session import stored


class Effect(Value):
    """What came of a change of access.

    Attributes:
        reports: the runs on the registry, in order.
        clusters: the runs on clusters.
    """

    reports: tuple[Report, ...]
    clusters: tuple[ClusterReport, ...] = ()

    @property
    def report(self) -> Report:
        """The first run on the registry, in which changes are made."""
        return self.reports[0]

    @property
    def problem(self) -> str:
        """What a person must look at; a cluster out of reach is a state, and follows later."""
        told = [report.problem for report in self.reports]
        told += [report.problem for report in self.clusters]
        return "; ".join([problem for problem in told if problem][:3])

    @property
    def unread(self) -> str:
        """Which clusters are out of reach."""
        return "; ".join(one.unread for one in self.clusters if one.unread)

    @property
    def where(self) -> str:
        """Where it has its effect already, if not everywhere."""
        return " where clusters can be read" if self.unread else ""

    def ended(self, said: str) -> State[None]:
        """Return the state in which a flow ends that has this effect."""
        said += "".join(f"; {report.remark}" for report in self.reports if report.remark)
        if self.problem:
            return Failed(message=f"{said}; {self.problem}")
        later = f"; what is out of reach follows when it is back: {self.unread}"
        return Completed(message=said + (later if self.unread else ""))


async def carry_through(
    registry: str,
    holder: str,
    stages: Stages = AS_TASKS,
    *,
    allow_large: bool = False,
    rotate: frozenset[str] = frozenset(),
) -> Effect:
    """Reconcile a registry, let pull secrets follow, and retire robot accounts that were replaced.

    Raises:
        Busy: another run took over the lease on the registry.
    """
    reports = [await reconcile(registry, holder, stages, allow_large=allow_large, rotate=rotate)]
    clusters = await sync_clusters(patience=PATIENCE)
    if await stored(_retiring, registry):
        reports.append(await reconcile(registry, holder, stages))
    return Effect(reports=tuple(reports), clusters=clusters)


async def share(registry: str) -> tuple[ClusterReport, ...]:
    """Let pull secrets follow a space's visibility, where that decides who receives them.

    A Harbor lets everybody pull what is public; a Docker Registry's pull-only user is handed out.
    """
    found = (await stored(registries.dossier, registry)).registry
    if found.kind is Kind.DOCKER and found.pull_credential is not None:
        return await sync_clusters(patience=PATIENCE)
    return ()


def _retiring(session: Session, registry: str) -> bool:
    known = robots.grants(session, registry)
    return len(known) > len(youngest(known))
