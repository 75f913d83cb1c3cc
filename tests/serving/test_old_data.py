"""A data directory of an earlier version is served as if it had always been this one's."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from deployments import block_key
from deployments.environment import HOST, prepare
from tests.served import (
    free_port,
    served,
    start,
    stop,
    temporary_folder,
    wait_until_answered,
    wait_until_told,
)

_BLOCK = {"value": "kept since then"}


@contextmanager
def _unguarded_server(folder: Path) -> Iterator[httpx.Client]:
    """A Prefect server on the same data as it was started before: no password, no key of ours."""
    prepare(folder / "data")
    port = free_port()
    process = start(
        folder / "unguarded.log",
        *("-m", "prefect", "server", "start", "--host", HOST, "--port", str(port)),
        PREFECT_HOME=str(folder / "data" / "prefect"),
        PREFECT_SERVER_ANALYTICS_ENABLED="false",
        DO_NOT_TRACK="1",
    )
    try:
        wait_until_told(process, folder / "unguarded.log", "dashboard")
        with httpx.Client(base_url=f"http://{HOST}:{port}/api", timeout=60) as client:
            wait_until_answered(process, client)
            yield client
    finally:
        stop(process)


def _save(api: httpx.Client) -> None:
    """Save a block of a type that the server knows by itself."""
    kind = api.get("/block_types/slug/secret").raise_for_status().json()["id"]
    wanted = {"block_schemas": {"block_type_id": {"any_": [kind]}}}
    schema = api.post("/block_schemas/filter", json=wanted).raise_for_status().json()[0]["id"]
    block = {"block_type_id": kind, "block_schema_id": schema, "name": "old", "data": _BLOCK}
    api.post("/block_documents/", json=block).raise_for_status()


def _saved(api: httpx.Client) -> Any:
    asked = {"include_secrets": True}
    (block,) = api.post("/block_documents/filter", json=asked).raise_for_status().json()
    return block["data"]


def test_saved_blocks_stay_readable_and_their_key_leaves_the_database() -> None:
    with temporary_folder() as name:
        folder = Path(name)
        with _unguarded_server(folder) as api:
            _save(api)
        with served(folder) as product:
            url = f"{product.url}/api"
            with httpx.Client(base_url=url, auth=product.auth, timeout=60) as api:
                assert _saved(api) == _BLOCK
        key = (folder / "data" / block_key.FILE_NAME).read_bytes().strip()
        files = [path for path in folder.rglob("*") if path.is_file()]
        assert [path.name for path in files if key in path.read_bytes()] == [block_key.FILE_NAME]


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "api.password").write_text("operator:guess\n")
    (data / "api.password").chmod(0o640)
    with pytest.raises(RuntimeError, match=r"chmod 600 .*api\.password"), served(tmp_path):
        pass
