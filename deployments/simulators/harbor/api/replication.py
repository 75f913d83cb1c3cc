"""Remote registries and replication policies: little more than lists."""

from __future__ import annotations

from deployments.simulators.harbor import rights
from deployments.simulators.harbor.api.projects import remote_registry_json
from deployments.simulators.harbor.state import RemoteRegistry
from deployments.simulators.harbor.web import validation
from deployments.simulators.harbor.web.query import page_response, parse_paging
from deployments.simulators.harbor.web.request import HarborRequest
from deployments.simulators.harbor.web.responses import (
    HarborError,
    HarborResponse,
    created_response,
    list_response,
)
from deployments.simulators.harbor.web.routing import BASE_PATH, Route


async def list_all(call: HarborRequest) -> HarborResponse:
    """GET /registries."""
    page_request = parse_paging(call)
    rights.require_system(call, "registry", "list")
    rows = list(call.harbor.registries.values())
    return page_response(call, page_request, rows, _to_json)


def _to_json(remote: RemoteRegistry) -> dict[str, object]:
    return dict(sorted((remote_registry_json(remote) | {"credential": {}}).items()))


async def add(call: HarborRequest) -> HarborResponse:
    """POST /registries. No ping: a duplicate name is the only error."""
    payload = validation.parse_body(call, "registry", validation.ANY_SHAPE)
    rights.require_system(call, "registry", "create")
    name, harbor = str(payload.get("name", "")), call.harbor
    if any(remote.name == name for remote in harbor.registries.values()):
        raise HarborError("CONFLICT", f"registry {name} already exists")
    id = harbor.next_id("registry")
    harbor.registries[id] = RemoteRegistry(
        id, name, str(payload.get("url", "")), str(payload.get("type", "")),
        bool(payload.get("insecure")), harbor.clock(),
    )  # fmt: skip
    return created_response(f"{BASE_PATH}/registries/{id}")


async def list_policies(call: HarborRequest) -> HarborResponse:
    """GET /replication/policies: always empty."""
    parse_paging(call)
    rights.require_system(call, "replication-policy", "list")
    return list_response([], 0, None)


REMOTE_ROUTES = [
    Route("GET", "/registries", list_all),
    Route("POST", "/registries", add),
    Route("GET", "/replication/policies", list_policies),
]
