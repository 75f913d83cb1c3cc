"""`python -m deployments.deploy`: create block types, work pool and deployments in Prefect.

`--recover` also cleans up after a server that was killed: see `deployments.worker.dead_runs`.
"""

import asyncio
import os
import runpy
import sys
from contextlib import suppress

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.settings import get_current_settings
from prefect.workers.process import ProcessWorker

from deployments.definitions import BLOCK_TYPES, load_definitions
from deployments.environment import PROJECT_DIR, WORK_POOL
from deployments.notifications import create_notifications
from deployments.old_artifacts import delete_old_artifacts
from deployments.prefect_api import api_url_error
from deployments.worker.dead_runs import crash_all_runs
from models.core.plural import pluralize

_RENAMED_SCHEDULES = (("sync-namespaces/default", "every-minute", "every-20-seconds"),)
"""Deployments, slugs of schedules that earlier versions had, and their present slugs."""


async def prepare_server(*, recovering: bool) -> None:
    """Create the block types and the work pool; with `recovering`, crash unfinished runs first."""
    if recovering and (dead := await crash_all_runs("it was running when the server was stopped")):
        print(
            f"{pluralize(dead, 'run')} interrupted by the last stop; the schedule runs them again.",
            flush=True,
        )
    for block in BLOCK_TYPES:
        await block.aregister_type_and_schema()
    async with get_client() as client:
        await _create_work_pool(client)
        await _resume_served_deployments(client)
        await _rename_schedules(client)
        if summary := await create_notifications(client):
            print(summary, flush=True)
        if count := await delete_old_artifacts(client):
            print(f"{pluralize(count, 'version')} of former pages of state deleted.", flush=True)


async def _create_work_pool(client: PrefectClient) -> None:
    # `prefect work-pool create` would request base job templates over the network.
    template = ProcessWorker.get_default_base_job_template()
    pool = WorkPoolCreate(name=WORK_POOL, type=ProcessWorker.type, base_job_template=template)
    try:
        await client.create_work_pool(pool)
    except ObjectAlreadyExists:
        return


async def _resume_served_deployments(client: PrefectClient) -> None:
    # Versions before the work pool paused their deployments when they stopped.
    entrypoints = {definition["entrypoint"] for definition in load_definitions()}
    for deployment in await client.read_deployments(limit=200):
        if (
            deployment.paused
            and not deployment.work_pool_name
            and deployment.entrypoint in entrypoints
        ):
            await client.resume_deployment(deployment.id)


async def _rename_schedules(client: PrefectClient) -> None:
    # `prefect deploy` updates the schedule with the same slug, keeps others, and pauses none. It
    # runs after this: there is a schedule at any moment, and a paused one stays paused.
    for deployment_name, old_slug, slug in _RENAMED_SCHEDULES:
        with suppress(ObjectNotFound):
            deployment = await client.read_deployment_by_name(deployment_name)
            slugs = {schedule.slug: schedule.id for schedule in deployment.schedules}
            if old_slug not in slugs:
                continue
            if slug in slugs:
                await client.delete_deployment_schedule(deployment.id, slugs[old_slug])
            else:
                await client.update_deployment_schedule(deployment.id, slugs[old_slug], slug=slug)


if __name__ == "__main__":
    os.chdir(PROJECT_DIR)
    url = get_current_settings().api.url
    if url and (error := api_url_error(url)):
        sys.exit(f"Deploying failed: {error}")
    asyncio.run(prepare_server(recovering="--recover" in sys.argv))
    sys.argv = ["prefect", "deploy", "--all", "--no-prompt"]
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)
