"""`wait`: end as soon as this version can run: current schema, Prefect API, deployed flows.

An init container of workers and consoles: during an upgrade they start after the migration.
"""

import asyncio
import os
import sys
import time

from deployments.definitions import load_definitions
from deployments.environment import PROJECT_DIR
from models.core.errors import IntegrationError
from models.core.plural import pluralize
from tasks.prefect.api import prefect_client
from tasks.store.session import in_transaction

_DEFAULT_SECONDS = 600.0
_PAUSE_SECONDS = 2.0


async def find_obstacle() -> str:
    """Return why a worker or a console of this version cannot work yet; empty if it can."""
    try:
        await in_transaction(lambda session: None)  # the first transaction checks the schema
    except IntegrationError as error:
        return f"database: {error}"
    except Exception as error:  # the text could contain a password
        return f"database: cannot be read ({type(error).__name__})"
    try:
        async with prefect_client() as client:
            deployments = await client.read_deployments(limit=200)
    except IntegrationError as error:
        return f"Prefect API: {error}"
    names = {deployment.entrypoint for deployment in deployments}
    missing = [
        definition["entrypoint"]
        for definition in load_definitions()
        if definition["entrypoint"] not in names
    ]
    return f"{pluralize(len(missing), 'flow')} not deployed yet" if missing else ""


async def wait(seconds: float) -> int:
    """Wait; print each new obstacle once."""
    deadline, last = time.monotonic() + seconds, ""
    while obstacle := await find_obstacle():
        if obstacle != last:
            print(f"Waiting: {obstacle}", flush=True)
            last = obstacle
        if time.monotonic() > deadline:
            print(f"Gave up after {seconds:.0f} s: {obstacle}", file=sys.stderr)
            return 1
        await asyncio.sleep(_PAUSE_SECONDS)
    return 0


if __name__ == "__main__":
    os.chdir(PROJECT_DIR)
    sys.exit(asyncio.run(wait(float(os.environ.get("WAIT_SECONDS") or _DEFAULT_SECONDS))))
