"""When runs of flows last ended."""

import asyncio
from collections.abc import Iterable
from datetime import datetime

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.sorting import FlowRunSort

from tasks.prefect.api import DEFAULT_SECONDS, prefect_client

_ENDED = FlowRunFilter(
    state=FlowRunFilterState(
        # A crashed run, or one that was cancelled because others are running, did no work.
        type=FlowRunFilterStateType(any_=[StateType.COMPLETED, StateType.FAILED])
    )
)


async def list_last_ends(
    flows: Iterable[str], seconds: float = DEFAULT_SECONDS
) -> dict[str, datetime]:
    """Return when the last run of each flow ended (UTC); flows without a run are omitted.

    Args:
        flows: names of the flows.
        seconds: time-out of all requests together.

    Raises:
        PrefectUnavailable: the Prefect API does not answer.
    """
    names = list(flows)
    async with prefect_client(seconds) as client:
        ends = await asyncio.gather(*(_last_end(client, name) for name in names))
    return {name: end for name, end in zip(names, ends, strict=True) if end is not None}


async def _last_end(client: PrefectClient, flow: str) -> datetime | None:
    runs = await client.read_flow_runs(
        flow_filter=FlowFilter(name=FlowFilterName(any_=[flow])),
        flow_run_filter=_ENDED,
        sort=FlowRunSort.END_TIME_DESC,
        limit=1,
    )
    return runs[0].end_time if runs else None
