"""Prefect's API as a platform uses it: plain HTTP, behind basic auth."""

import json
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx

MAX_WAIT_SECONDS = 240.0
FINAL_STATES = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
_COMPARED_FIELDS = (
    *("description", "tags", "entrypoint", "paused", "parameters", "parameter_openapi_schema"),
    *("enforce_parameter_schema", "concurrency_options", "job_variables"),
)
_VARIABLE_FIELDS = {"id", "created", "updated", "deployment_id", "anchor_date", "lease_id"}


class Api:
    """Requests to one Prefect server, again while its SQLite is locked."""

    def __init__(self, url: str, auth: str) -> None:
        user, _, password = auth.partition(":")
        self._client = httpx.Client(base_url=url, auth=(user, password), timeout=60)

    def request(self, method: str, path: str, body: object = None) -> Any:
        """Send a request, and return what was answered."""
        for _ in range(50):
            response = self._client.request(method, path, json=body)
            if response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            time.sleep(0.2)
        assert response.is_success, f"{method} {path}: {response.status_code} {response.text}"
        return response.json() if response.content else None

    def wait_until_healthy(self) -> None:
        """Wait until the server answers."""
        deadline = time.monotonic() + MAX_WAIT_SECONDS
        while True:
            with suppress(httpx.TransportError):
                if self._client.get("/health").is_success:
                    return
            assert time.monotonic() < deadline, "the server does not become healthy"
            time.sleep(0.2)

    def deployment(self, flow: str) -> dict[str, Any]:
        """The deployment of a flow."""
        deployment: dict[str, Any] = self.request("GET", f"/deployments/name/{flow}/default")
        return deployment

    def start(self, flow: str, parameters: dict[str, Any], key: str | None = None) -> str:
        """Start a run of a flow, and return its id."""
        body = {"parameters": parameters, **({"idempotency_key": key} if key else {})}
        path = f"/deployments/{self.deployment(flow)['id']}/create_flow_run"
        return str(self.request("POST", path, body)["id"])

    def runs(self, flow: str) -> list[dict[str, Any]]:
        """The runs of a flow, the oldest first."""
        query = {"flows": {"name": {"any_": [flow]}}, "sort": "EXPECTED_START_TIME_ASC"}
        runs: list[dict[str, Any]] = self.request("POST", "/flow_runs/filter", query)
        return runs

    def wait_for_runs(self, *runs: str, pause: float = 0.3) -> list[str]:
        """Wait until runs have ended well, and return what each said."""
        deadline = time.monotonic() + MAX_WAIT_SECONDS
        while True:
            states = [self.request("GET", f"/flow_runs/{run}")["state"] for run in runs]
            if all(state["type"] in FINAL_STATES for state in states):
                break
            assert time.monotonic() < deadline, states
            time.sleep(pause)
        assert {state["type"] for state in states} == {"COMPLETED"}, states
        return [state["message"] or "" for state in states]

    def run(self, flow: str, **parameters: Any) -> str:
        """Run a flow, and return what it said."""
        return self.wait_for_runs(self.start(flow, parameters))[0]

    def wait_for_event_runs(self, flow: str, count: int) -> list[dict[str, Any]]:
        """Wait until a flow has so many runs, and return them."""
        deadline = time.monotonic() + MAX_WAIT_SECONDS
        while len(runs := self.runs(flow)) < count:
            assert time.monotonic() < deadline, f"{len(runs)} of {count} runs of {flow}"
            time.sleep(0.3)
        return runs

    def send(self, event: str, resource: str, **payload: str) -> None:
        """Send an event."""
        body = {
            "id": str(uuid4()),
            "occurred": datetime.now(UTC).isoformat(),
            "event": event,
            "resource": {"prefect.resource.id": resource},
            "payload": payload,
        }
        self.request("POST", "/events", [body])

    def save_block(self, kind: str, name: str, **data: str) -> dict[str, Any]:
        """Save a block of a registered type, and return the reference that a run is given."""
        block_type = self.request("GET", f"/block_types/slug/{kind}")["id"]
        query = {"block_schemas": {"block_type_id": {"any_": [block_type]}}}
        (schema,) = self.request("POST", "/block_schemas/filter", query)
        document = {"block_type_id": block_type, "block_schema_id": schema["id"]}
        self.request("POST", "/block_documents/", {**document, "name": name, "data": data})
        return {"$ref": {"block_document_slug": f"{kind}/{name}"}}

    def view(self) -> dict[str, Any]:
        """What the server has of each deployment, save where and by whom it is run."""
        flows = {
            flow["id"]: flow["name"]
            for flow in self.request("POST", "/flows/filter", {"limit": 200})
        }
        automations = self.request("POST", "/automations/filter", {})
        deployments = self.request("POST", "/deployments/filter", {"limit": 200})
        return {
            f"{flows[deployment['flow_id']]}/{deployment['name']}": _describe(
                deployment, automations
            )
            for deployment in deployments
        }


def _describe(deployment: dict[str, Any], automations: Iterable[dict[str, Any]]) -> Any:
    limit = deployment["global_concurrency_limit"]
    description = {
        **{key: deployment[key] for key in _COMPARED_FIELDS},
        "limit": limit and limit["limit"],
        "schedules": deployment["schedules"],
        "automations": [
            automation for automation in automations if deployment["id"] in json.dumps(automation)
        ],
    }
    return _without_ids(description)


def _without_ids(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_ids(value[key]) for key in value if key not in _VARIABLE_FIELDS}
    return [_without_ids(item) for item in value] if isinstance(value, list) else value
