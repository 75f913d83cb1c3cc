"""`python -m deployments.deploy`: block types, work pool and deployments, on the Prefect server.

With `--recover` also what a server needs that was killed: see `deployments.worker.dead_runs`.
"""

import asyncio
import os
import runpy
import sys

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectAlreadyExists
from prefect.workers.process import ProcessWorker

from deployments.definitions import BLOCKS, definitions
from deployments.environment import HOME, POOL
from deployments.worker.dead_runs import recover


async def prepare_server(*, recovering: bool) -> None:
    """Make what the deployments need."""
    if recovering and (dead := await recover("it was running when the server was stopped")):
        print(f"{dead} runs were cut off; the schedule starts them again.", flush=True)
    for block in BLOCKS:
        await block.aregister_type_and_schema()
    async with get_client() as client:
        await _make_pool(client)
        await _resume_what_was_served(client)


async def _make_pool(client: PrefectClient) -> None:
    """Make the work pool; unlike `prefect work-pool create` this asks nobody for templates."""
    template = ProcessWorker.get_default_base_job_template()
    pool = WorkPoolCreate(name=POOL, type=ProcessWorker.type, base_job_template=template)
    try:
        await client.create_work_pool(pool)
    except ObjectAlreadyExists:
        return


async def _resume_what_was_served(client: PrefectClient) -> None:
    """Unpause deployments of versions without a work pool: those paused them when they ended."""
    ours = {definition["entrypoint"] for definition in definitions()}
    for deployment in await client.read_deployments(limit=200):
        if deployment.paused and not deployment.work_pool_name and deployment.entrypoint in ours:
            await client.resume_deployment(deployment.id)


if __name__ == "__main__":
    os.chdir(HOME)
    asyncio.run(prepare_server(recovering="--recover" in sys.argv))
    sys.argv = ["prefect", "deploy", "--all", "--no-prompt"]
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)
