"""Remote registries and replication policies: listed, and little more."""

from __future__ import annotations

from deployments.simulators.harbor import rights
from deployments.simulators.harbor.api.projects import shown_registry
from deployments.simulators.harbor.state import RemoteRegistry
from deployments.simulators.harbor.web import validation
from deployments.simulators.harbor.web.query import page_of, paging
from deployments.simulators.harbor.web.request import Call
from deployments.simulators.harbor.web.responses import Answer, Refusal, created, page_answer
from deployments.simulators.harbor.web.routing import BASE, Route


async def list_all(call: Call) -> Answer:
    """GET /registries."""
    asked = paging(call)
    rights.require_system(call, "registry", "list")
    rows = list(call.harbor.registries.values())
    return page_of(call, asked, rows, _shown)


def _shown(remote: RemoteRegistry) -> dict[str, object]:
    return dict(sorted((shown_registry(remote) | {"credential": {}}).items()))


async def add(call: Call) -> Answer:
    """POST /registries. Nothing is pinged here: a name once taken is the only refusal."""
    given = validation.body(call, "registry", validation.ANYTHING)
    rights.require_system(call, "registry", "create")
    name, harbor = str(given.get("name", "")), call.harbor
    if any(known.name == name for known in harbor.registries.values()):
        raise Refusal("CONFLICT", f"registry {name} already exists")
    id = harbor.next_id("registry")
    harbor.registries[id] = RemoteRegistry(
        id, name, str(given.get("url", "")), str(given.get("type", "")),
        bool(given.get("insecure")), harbor.clock(),
    )  # fmt: skip
    return created(f"{BASE}/registries/{id}")


async def policies(call: Call) -> Answer:
    """GET /replication/policies: there are none."""
    paging(call)
    rights.require_system(call, "replication-policy", "list")
    return page_answer([], 0, None)


ROUTES = [
    Route("GET", "/registries", list_all),
    Route("POST", "/registries", add),
    Route("GET", "/replication/policies", policies),
]
