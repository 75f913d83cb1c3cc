"""Plan a configuration: parse the documents, load the records, check the credentials."""

import asyncio
from typing import NamedTuple

from models.configuration.credential_check import (
    check_credentials,
    entries_to_check,
    references_of,
)
from models.configuration.parse import ParsedDocument, parse_documents
from models.configuration.plan import ConfigurationPlan
from models.configuration.planner import PlanOptions, plan_configuration
from models.configuration.things import World
from models.core.settings import get_settings
from tasks.configuration.declared_credentials import read_declared_credentials
from tasks.configuration.files import Sources
from tasks.store.configuration import load_world
from tasks.store.session import in_transaction


class PlannedConfiguration(NamedTuple):
    """A plan with what it was made from."""

    documents: tuple[ParsedDocument, ...]
    world: World
    plan: ConfigurationPlan


async def plan_sources(
    sources: Sources, *, prune: bool = False, allow_large: bool = False
) -> PlannedConfiguration:
    """Plan documents.

    Raises:
        InvalidRequest: a document is invalid; the message has one line for each error.
    """
    documents = await asyncio.to_thread(parse_documents, sources.texts)
    return await plan_documents(documents, sources, prune=prune, allow_large=allow_large)


async def plan_documents(
    documents: tuple[ParsedDocument, ...],
    sources: Sources,
    *,
    prune: bool = False,
    allow_large: bool = False,
) -> PlannedConfiguration:
    """Plan documents that were parsed already, with the records as they are now.

    Raises:
        InvalidRequest: two documents declare one thing.
    """
    world = await in_transaction(load_world)
    limits = None if allow_large else get_settings().change_limits
    options = PlanOptions(sources.scope, prune, limits)
    plan = plan_configuration(documents, world, options)
    entries = entries_to_check(plan, documents, world)
    credentials = await read_declared_credentials(references_of(entries.values()))
    objections = check_credentials(entries, credentials, documents)
    if objections:
        plan = plan_configuration(documents, world, options._replace(objections=objections))
    return PlannedConfiguration(documents, world, plan)
