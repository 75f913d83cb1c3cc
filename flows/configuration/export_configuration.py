"""Export what is on record as a configuration file."""

import re

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.runs import report_errors
from models.configuration.export import export_document
from tasks.prefect.artifacts import publish_artifact
from tasks.store.configuration import load_world
from tasks.store.session import in_transaction


@flow(name="export-configuration", persist_result=False)
@report_errors
async def export_configuration() -> State[None]:
    """Publish all registries, spaces, clusters, workspaces and bindings as a YAML document.

    The artifact `configuration-export` has the document. It names credentials and contains none.
    """
    world = await in_transaction(load_world)
    document = export_document(world)
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", document)), default=0))
    page = f"{fence}yaml\n{document}{fence}\n"
    await publish_artifact("configuration-export", page, "All that is on record, as a document")
    return Completed(message=f"{len(world.registries)} registries exported")
