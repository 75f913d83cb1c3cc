"""Blocks that lack something, as Prefect lets a person save them: each stops nobody but its own."""

import json
import sqlite3
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import BlockDocumentUpdate
from sqlalchemy import text

from flows.overview import compute_overview
from models.core.reasons import Reason
from tasks.store.session import run_in_transaction
from tests.support.helpers import (
    Server,
    add_registry,
    expect_success,
    harbor_with,
    make_storage_due,
    reconcile_all_now,
    record_of,
    spaces_of,
)
from tests.support.platform import add_cluster, cluster_with, sync

BROKEN_BLOCKS: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "has no 'User name'"),
    "password": ({"username": "admin"}, "has no 'Password'"),
    "empty": ({"username": "admin", "password": ""}, "has no 'Password'"),
    "null": ({"username": None, "password": "Harbor12345"}, "has no 'User name'"),
    "list": ({"username": ["admin"], "password": "Harbor12345"}, "no usable text in 'User name'"),
    "object": ({"username": "admin", "password": {"a": 1}}, "no usable text in 'Password'"),
    "colon": ({"username": "ad:min", "password": "Harbor12345"}, "a colon or a control character"),
    "nul": ({"username": "ad\x00min", "password": "Harbor12345"}, "a colon or a control character"),
}


async def overwrite_block(slug: str, name: str, data: dict[str, Any]) -> None:
    """Save a block as Prefect's API lets anybody: nothing of it is checked."""
    async with get_client() as client:
        document = await client.read_block_document_by_name(name, slug)
        assert document.data is not None
        update = BlockDocumentUpdate(data=data, merge_existing_data=False)
        await client.update_block_document(document.id, update)


def corrupt_block(server: Server, name: str) -> None:
    """Store a block as if it had been encrypted with another key."""
    with sqlite3.connect(server.database) as connection:
        data = json.dumps("gAAAAA-of-another-key")
        changed = connection.execute(
            "UPDATE block_document SET data = ? WHERE name = ?", (data, name)
        )
        assert changed.rowcount == 1
    connection.close()


async def test_registries_with_broken_blocks_hold_up_nobody(
    name: str, prefect_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    names = {case: f"{name}-{case}" for case in (*BROKEN_BLOCKS, "spoiled")}
    with harbor_with("team") as good, harbor_with() as other:
        await add_registry(name, good.url)
        for registry_name in names.values():
            await add_registry(registry_name, other.url)
            run_in_transaction(_free_address, registry_name)
        for case, (data, _) in BROKEN_BLOCKS.items():
            await overwrite_block("registry-credentials", names[case], data)
        corrupt_block(prefect_server, names["spoiled"])
        good.simulator.projects["team"].public = True
        state = await reconcile_all_now()
        assert f"{len(names) + 1} of {len(names) + 1} registries were due" in (state.message or "")
        assert "unexpected" not in (state.message or "")
        make_storage_due()
        await expect_success(compute_overview)
    assert spaces_of(name)["team"].observed == "public"
    assert Reason.CREDENTIALS_MISSING not in _reasons(name)
    for case, (_, expected) in BROKEN_BLOCKS.items():
        message = _reasons(names[case])[Reason.CREDENTIALS_MISSING]
        assert expected in message
        assert f"the block registry-credentials/{names[case]}" in message
        assert "fill in the field" in message
        assert "Harbor12345" not in message
    assert "Prefect cannot read the block" in caplog.text
    assert Reason.CREDENTIALS_MISSING not in _reasons(names["spoiled"])


def _free_address(session: Any, name: str) -> None:
    """Let another registry have the same Harbor: its address is taken once only."""
    session.connection().execute(
        text("UPDATE registry SET address = :address WHERE name = :name"),
        {"address": f"http://{name}.invalid", "name": name},
    )


def _reasons(name: str) -> dict[str, str]:
    """What each reason among a registry's conditions says."""
    return {condition.reason: condition.message for condition in record_of(name).conditions}


@pytest.mark.parametrize("data", [{}, {"kubeconfig": ""}, {"kubeconfig": {"apiVersion": "v1"}}])
async def test_clusters_with_broken_blocks_hold_up_nobody(name: str, data: dict[str, Any]) -> None:
    bad, good = f"{name}-bad", f"{name}-good"
    with cluster_with(shop="red") as bad_cluster, cluster_with(till="red") as good_cluster:
        await add_cluster(bad, bad_cluster)
        await add_cluster(good, good_cluster)
        await overwrite_block("cluster-credentials", bad, data)
        good_cluster.add_namespace("lab", {"registry-integration.io/workspace": "red"})
        reports = await sync()
    assert "'Kubeconfig'" in reports[bad].unavailable_reason
    assert f"the block cluster-credentials/{bad}" in reports[bad].unavailable_reason
    assert reports[good].unavailable_reason == ""
    assert {namespace.name for namespace in reports[good].namespaces if namespace.workspace} == {
        "till",
        "lab",
    }


async def test_a_cluster_whose_block_cannot_be_decrypted_holds_up_nobody(
    name: str, prefect_server: Server
) -> None:
    bad, good = f"{name}-bad", f"{name}-good"
    with cluster_with(shop="red") as bad_cluster, cluster_with(till="red") as good_cluster:
        await add_cluster(bad, bad_cluster)
        await add_cluster(good, good_cluster)
        corrupt_block(prefect_server, bad)
        reports = await sync()
    assert "Prefect cannot read the block" in reports[bad].unavailable_reason
    assert reports[good].unavailable_reason == ""
