"""The served product is cut off while flows are running, and comes back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployments.environment import PROJECT_DIR
from deployments.keys import block_key
from deployments.simulators.faults import Delay, Fault
from tests.deploying.prefect_api import Api
from tests.real.debian_postgres import running_debian_postgres
from tests.serving.checkouts import copy_checkout, tree_of
from tests.serving.machine import ProductRun, run_product, saved_data, unguarded_server
from tests.support.helpers import PASSWORD, HarborServer, harbor_with
from tests.support.product_server import temporary_folder

SCHEDULED = ("reconcile-all", "compute-overview", "sync-namespaces", "discover-managed-harbors")
LIMITED = ("reconcile-all", "compute-overview")
_HANG = Fault(Delay(600), times=None)


@pytest.fixture
def folder() -> Iterator[Path]:
    with temporary_folder() as name:
        yield Path(name)


def _integrate(api: Api, harbor: HarborServer) -> None:
    block = api.save_block("registry-credentials", "hub", username="admin", password=PASSWORD)
    registry = {"type": "harbor", "address": harbor.url}
    api.run("integrate-registry", name="hub", registry=registry, credentials=block)


def _kill_with_hanging_runs(run: ProductRun, harbor: HarborServer) -> list[str]:
    """Let flows hang that each hold a slot, and kill the product."""
    harbor.faults.add(_HANG)
    runs = run.start_hanging_runs(*LIMITED)
    run.kill()
    harbor.faults.clear()
    return runs


def _check_recovered(run: ProductRun, run_ids: list[str]) -> None:
    assert run.states(*run_ids) == {"CRASHED"}
    for flow in SCHEDULED:
        run.wait_until_completed(flow)
    run.api.run("rotate-credentials", overdue_only=True)


def test_from_checkout_to_checkout_on_old_data(folder: Path, tmp_path: Path) -> None:
    other = copy_checkout(tmp_path / "other")
    _replace_text(
        other / "flows" / "access" / "messages.py", "no robot account is due", "none is due"
    )
    trees = tree_of(PROJECT_DIR), tree_of(other)
    secret_data = {"value": "kept since then"}
    with unguarded_server(folder) as old_api:
        _save_secret(old_api, secret_data)
    with harbor_with("web") as harbor:
        with run_product(folder) as run:
            assert saved_data(run.api)["old"] == secret_data
            key = (run.product.data_dir / block_key.BLOCK_KEY_FILE_NAME).read_bytes().strip()
            assert _files_with(key, folder) == [block_key.BLOCK_KEY_FILE_NAME]
            _integrate(run.api, harbor)
            run_ids = _kill_with_hanging_runs(run, harbor)
        with run_product(folder, other) as run:
            _check_recovered(run, run_ids)
            assert "none is due" in run.api.run("rotate-credentials")
            harbor.faults.add(_HANG)
            run_ids = run.start_hanging_runs(*LIMITED)
            assert run.stop() == []
            harbor.faults.clear()
        with run_product(folder) as run:
            _check_recovered(run, run_ids)
            assert "no robot account is due" in run.api.run("rotate-credentials")
    assert (tree_of(PROJECT_DIR), tree_of(other)) == trees


def _replace_text(file: Path, text: str, replacement: str) -> None:
    content = file.read_text()
    assert text in content
    file.write_text(content.replace(text, replacement))


def _save_secret(api: Api, data: dict[str, Any]) -> None:
    kind = api.request("GET", "/block_types/slug/secret")["id"]
    of_kind = {"block_schemas": {"block_type_id": {"any_": [kind]}}}
    schema = api.request("POST", "/block_schemas/filter", of_kind)[0]["id"]
    block = {"block_type_id": kind, "block_schema_id": schema, "name": "old", "data": data}
    api.request("POST", "/block_documents/", block)


def _files_with(content: bytes, folder: Path) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path.name for path in files if content in path.read_bytes()]


def test_after_a_power_cut_on_postgresql(folder: Path) -> None:
    with (
        running_debian_postgres("ours", "prefects") as (service_url, prefect_url),
        harbor_with("web") as harbor,
    ):
        environment = {
            "REGISTRY_INTEGRATION_DATABASE_URL": service_url.replace(":", "+psycopg:", 1),
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": prefect_url.replace(":", "+asyncpg:", 1),
        }
        with run_product(folder, PROJECT_DIR, **environment) as run:
            _integrate(run.api, harbor)
            run_ids = _kill_with_hanging_runs(run, harbor)
        with run_product(folder, PROJECT_DIR, **environment) as run:
            _check_recovered(run, run_ids)
