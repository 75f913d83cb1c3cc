"""Blocks with credentials that a form of the console saves, and deletes if nothing uses them.

Each carries a mark in its data. A block without the mark, that a person saved, is never deleted.
"""

import json
import secrets
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect.blocks.core import Block
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import BlockDocumentCreate
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import BlockDocument, StateType
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from pydantic import SecretStr
from sqlmodel import Session

from models.core.form_blocks import START_TIME, FormBlock, find_abandoned
from models.registries.registry import BlockRef
from tasks import clock
from tasks.prefect.api import prefect_client
from tasks.secrets.blocks import list_block_documents
from tasks.secrets.cluster_credentials import ClusterCredentials
from tasks.secrets.credentials import RegistryCredentials
from tasks.store.access.clusters import list_clusters
from tasks.store.registries.registries import list_registries
from tasks.store.session import in_snapshot

_MARK = "console_form"
_SLUG = RegistryCredentials.get_block_type_slug()
_KUBECONFIG_SLUG = ClusterCredentials.get_block_type_slug()
_FLOWS = ["integrate-registry", "update-registry", "register-cluster"]
"""The flows whose parameters name the credentials that they use; none has a schedule."""

_FLOWS_WITH_DOCUMENTS = ["apply-configuration"]
"""The flows that take credentials from documents, so their parameters name none of them."""

_UNFINISHED = [
    StateType.SCHEDULED,
    StateType.PENDING,
    StateType.RUNNING,
    StateType.PAUSED,
    StateType.CANCELLING,
]
_PAGE_SIZE = 200
_MAX_DELETIONS = 100
"""A sweep has a time-out; the next one goes on."""


async def save_form_credentials(registry: str, username: str, password: SecretStr) -> str:
    """Save credentials under a new name, which begins with that of the registry; return the id.

    Raises:
        PrefectUnavailable: the Prefect API does not answer.
    """
    data = {"username": username, "password": password.get_secret_value()}
    return await _save(RegistryCredentials, registry, data)


async def save_form_kubeconfig(cluster: str, kubeconfig: SecretStr) -> str:
    """Save a kubeconfig under a new name, which begins with that of the cluster; return the id.

    Raises:
        PrefectUnavailable: the Prefect API does not answer.
    """
    return await _save(ClusterCredentials, cluster, {"kubeconfig": kubeconfig.get_secret_value()})


async def _save(kind: type[Block], owner: str, data: Mapping[str, str]) -> str:
    async with prefect_client() as client:
        await kind.register_type_and_schema(client=client)
        block_type = await client.read_block_type_by_slug(kind.get_block_type_slug())
        schema = await client.get_most_recent_block_schema_for_block_type(block_type.id)
        name = owner
        while True:
            document = BlockDocumentCreate(
                name=name,
                data={**data, _MARK: "yes"},
                block_type_id=block_type.id,
                block_schema_id=schema.id if schema else None,
            )
            try:
                saved = await client.create_block_document(document, include_secrets=False)
            except ObjectAlreadyExists:
                name = f"{owner}-{secrets.token_hex(3)}"
            else:
                return str(saved.id)


async def list_saved_credentials() -> tuple[str, ...]:
    """Return the names of saved registry credentials, sorted.

    Raises:
        PrefectUnavailable: the Prefect API does not answer.
    """
    async with prefect_client() as client:
        documents = await list_block_documents(client, _SLUG)
    return tuple(sorted(document.name for document in documents if document.name))


async def discard_form_credentials(block_id: str) -> bool:
    """Delete the block of a form whose run has ended, unless a registry or cluster uses it.

    Returns:
        Whether it was deleted; a block without the mark never is.
    """
    async with prefect_client() as client:
        try:
            document = await client.read_block_document(UUID(block_id), include_secrets=False)
        except (ObjectNotFound, ValueError):
            return False
        return await _delete_abandoned(client, [document], timedelta())


async def sweep_form_credentials() -> bool:
    """Delete the blocks of forms that were abandoned: a console died, or nobody saw the run end."""
    async with prefect_client() as client:
        documents = await list_block_documents(client, _SLUG)
        documents += await list_block_documents(client, _KUBECONFIG_SLUG)
        return await _delete_abandoned(client, documents, START_TIME)


async def _delete_abandoned(
    client: PrefectClient, documents: list[BlockDocument], min_age: timedelta
) -> bool:
    blocks = [
        FormBlock(id=str(document.id), name=document.name or "", made_at=document.created)
        for document in documents
        if _MARK in document.data and document.created
    ]
    if not blocks:
        return False
    # In this order: see find_abandoned.
    runs = await _read_unfinished_parameters(client)
    names = await in_snapshot(_list_used_names)
    now = clock.now() + START_TIME - min_age
    abandoned = find_abandoned(blocks, names, runs, now) if runs is not None else ()
    for block in abandoned[:_MAX_DELETIONS]:
        with suppress(ObjectNotFound):  # another sweep deleted it
            await client.delete_block_document(UUID(block.id))
    return bool(abandoned)


def _list_used_names(session: Session) -> set[str]:
    """Return the names of blocks of both types: one too many keeps a block, and loses none."""
    records = list_registries(session)
    names = {name for record in records for name in record.registry.permitted_blocks}
    references = [cluster.credential for cluster in list_clusters(session)]
    return names | {ref.name for ref in references if isinstance(ref, BlockRef)}


async def _read_unfinished_parameters(client: PrefectClient) -> list[str] | None:
    """Return the parameters of unfinished runs as text; None if they cannot tell what is used."""
    states = FlowRunFilterState(type=FlowRunFilterStateType(any_=_UNFINISHED))
    due = FlowRunFilterExpectedStartTime(before_=clock.now())  # a schedule always has future runs
    runs: list[Any] = await client.read_flow_runs(
        flow_filter=FlowFilter(name=FlowFilterName(any_=_FLOWS_WITH_DOCUMENTS)),
        flow_run_filter=FlowRunFilter(state=states, expected_start_time=due),
        limit=1,
    )
    if runs:
        return None
    runs = await client.read_flow_runs(
        flow_filter=FlowFilter(name=FlowFilterName(any_=_FLOWS)),
        flow_run_filter=FlowRunFilter(state=states),
        limit=_PAGE_SIZE,
    )
    return [json.dumps(run.parameters) for run in runs] if len(runs) < _PAGE_SIZE else None
