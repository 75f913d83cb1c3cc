"""Open a cluster for one run, and carry out what is planned there."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from itertools import groupby

from prefect import get_run_logger
from pydantic import SecretStr

from models.cluster import Cluster
from models.delivery import ClusterChange, ClusterOutcome, DeliveryPlan
from models.errors import Busy, ClusterError
from models.reason import Reason
from models.settings import settings
from tasks.bounds import Bounds
from tasks.concurrency import Deadline, OverTime, side_by_side
from tasks.kubernetes.credentials import kubeconfigs_of, pick_kubeconfig
from tasks.kubernetes.protocol import ClusterClient, ClusterWriter
from tasks.kubernetes.wire import Fingerprint


@asynccontextmanager
async def opened_cluster(
    cluster: Cluster,
    *,
    fingerprint: Fingerprint,
    installation: str,
    kubeconfigs: Mapping[str, SecretStr] | None = None,
) -> AsyncIterator[ClusterClient]:
    """Open one client for one cluster and one run.

    Args:
        cluster: whom to open.
        fingerprint: digests what pull secrets hold.
        installation: which Secrets are ours.
        kubeconfigs: those that were read before, by block name; None reads them now.

    Raises:
        ClusterError: the kubeconfig cannot be read, or is not usable.
    """
    if kubeconfigs is None:
        kubeconfigs = await kubeconfigs_of([cluster])
    kubeconfig = pick_kubeconfig(cluster, kubeconfigs)
    bounds = Bounds.of_cluster(settings())
    # What speaks to clusters takes a second to import, which a run without any need not pay; in a
    # thread, so that the others go on.
    await asyncio.to_thread(import_module, "tasks.kubernetes.connecting")
    from tasks.kubernetes.connecting import connect  # noqa: PLC0415 - see above

    async with connect(
        cluster, kubeconfig, bounds, fingerprint=fingerprint, installation=installation
    ) as client:
        yield client


async def apply_deliveries(
    plan: DeliveryPlan, writer: ClusterWriter, contents: Mapping[str, str]
) -> tuple[ClusterOutcome, ...]:
    """Make a plan's changes: namespaces side by side, one after the other within each.

    What is not done when the time of an operation is over is left to the next run.

    Args:
        plan: withdrawals first, then deliveries.
        writer: whom to do it to; it bounds how much is done at once.
        contents: what pull secrets shall hold, by namespace.

    Raises:
        Busy: the run lost its lease; the rest is not done.
    """
    outcomes: list[ClusterOutcome] = []
    end = Deadline("applying the changes", settings().operation_seconds)
    for _, changes in groupby(plan.changes, key=lambda change: change.narrows):
        by_namespace: dict[str, list[ClusterChange]] = {}
        for change in changes:
            by_namespace.setdefault(change.namespace, []).append(change)
        works = (_in_turn(writer, each, contents, end) for each in by_namespace.values())
        outcomes += [outcome for done in await side_by_side(*works) for outcome in done]
    return tuple(outcomes)


async def _in_turn(
    writer: ClusterWriter,
    changes: list[ClusterChange],
    contents: Mapping[str, str],
    end: Deadline,
) -> list[ClusterOutcome]:
    """Make one namespace's changes; the next run makes what was not made.

    What is not delivered is not handed out either, but a Secret is deleted in any case.
    """
    outcomes: list[ClusterOutcome] = []
    for change in changes:
        outcomes.append(await _make(writer, change, contents, end))
        if not (outcomes[-1].done or change.narrows):
            break
    return outcomes


async def _make(
    writer: ClusterWriter, change: ClusterChange, contents: Mapping[str, str], end: Deadline
) -> ClusterOutcome:
    try:
        return await end.run(writer.make(change, contents))
    except OverTime as over:
        said, reason = f"{over}; the next run goes on", Reason.TIMED_OUT
        return ClusterOutcome(change=change, done=False, reason=reason, message=said)
    except ClusterError as error:
        return ClusterOutcome(change=change, done=False, reason=error.reason, message=error.said)
    except Busy:  # the lease is lost: nothing more may be changed, and nothing saved
        raise
    except Exception as error:  # a fault of ours must not lose the outcomes of the others
        get_run_logger().exception("%s: unforeseen", change.namespace)
        said = f"unforeseen {type(error).__name__}, see the run's log"
        reason = Reason.UNFORESEEN
        return ClusterOutcome(change=change, done=False, reason=reason, message=said)
