"""The served product is cut off while flows are running, and comes back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployments.environment import HOME
from deployments.keys import block_key
from deployments.simulators.faults import Delay, Fault
from tests.deploying.prefect_api import Api
from tests.real.debian_postgres import running_debian_postgres
from tests.serving.checkouts import copy_checkout, tree_of
from tests.serving.machine import Start, saved_data, started, unguarded_server
from tests.support.helpers import PASSWORD, Place, harbor_at
from tests.support.product_server import temporary_folder

SCHEDULED = ("reconcile-all", "compute-overview", "sync-namespaces", "discover-managed-harbors")
LIMITED = ("reconcile-all", "compute-overview")
_HANG = Fault(Delay(600), times=None)


@pytest.fixture
def folder() -> Iterator[Path]:
    with temporary_folder() as name:
        yield Path(name)


def _integrate(api: Api, place: Place) -> None:
    block = api.save_block("registry-credentials", "hub", username="admin", password=PASSWORD)
    registry = {"type": "harbor", "address": place.url}
    api.done("integrate-registry", name="hub", registry=registry, credentials=block)


def _cut_off(run: Start, place: Place) -> list[str]:
    """Let flows hang that each hold a slot, and kill the product."""
    place.faults.add(_HANG)
    runs = run.hang(*LIMITED)
    run.kill()
    place.faults.clear()
    return runs


def _is_back(run: Start, cut_off: list[str]) -> None:
    assert run.states(*cut_off) == {"CRASHED"}
    for flow in SCHEDULED:
        run.wait_until_completed(flow)
    run.api.done("rotate-credentials", overdue_only=True)


def test_from_checkout_to_checkout_on_old_data(folder: Path, tmp_path: Path) -> None:
    other = copy_checkout(tmp_path / "other")
    _change(other / "flows" / "rotate_credentials.py", "no robot account is due", "none is due")
    trees = tree_of(HOME), tree_of(other)
    kept = {"value": "kept since then"}
    with unguarded_server(folder) as before:
        _save_secret(before, kept)
    with harbor_at("web") as place:
        with started(folder) as run:
            assert saved_data(run.api)["old"] == kept
            key = (run.product.data_dir / block_key.FILE_NAME).read_bytes().strip()
            assert _files_with(key, folder) == [block_key.FILE_NAME]
            _integrate(run.api, place)
            cut_off = _cut_off(run, place)
        with started(folder, other) as run:
            _is_back(run, cut_off)
            assert "none is due" in run.api.done("rotate-credentials")
            place.faults.add(_HANG)
            cut_off = run.hang(*LIMITED)
            assert run.stop() == []
            place.faults.clear()
        with started(folder) as run:
            _is_back(run, cut_off)
            assert "no robot account is due" in run.api.done("rotate-credentials")
    assert (tree_of(HOME), tree_of(other)) == trees


def _change(file: Path, text: str, other: str) -> None:
    content = file.read_text()
    assert text in content
    file.write_text(content.replace(text, other))


def _save_secret(api: Api, data: dict[str, Any]) -> None:
    kind = api.ask("GET", "/block_types/slug/secret")["id"]
    of_kind = {"block_schemas": {"block_type_id": {"any_": [kind]}}}
    schema = api.ask("POST", "/block_schemas/filter", of_kind)[0]["id"]
    block = {"block_type_id": kind, "block_schema_id": schema, "name": "old", "data": data}
    api.ask("POST", "/block_documents/", block)


def _files_with(content: bytes, folder: Path) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path.name for path in files if content in path.read_bytes()]


def test_after_a_power_cut_on_postgresql(folder: Path) -> None:
    with (
        running_debian_postgres("ours", "prefects") as (ours, prefects),
        harbor_at("web") as place,
    ):
        environment = {
            "REGISTRY_INTEGRATION_DATABASE_URL": ours.replace(":", "+psycopg:", 1),
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": prefects.replace(":", "+asyncpg:", 1),
        }
        with started(folder, HOME, **environment) as run:
            _integrate(run.api, place)
            cut_off = _cut_off(run, place)
        with started(folder, HOME, **environment) as run:
            _is_back(run, cut_off)
