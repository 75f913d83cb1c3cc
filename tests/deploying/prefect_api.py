"""Prefect's API as a platform uses it: plain HTTP, behind basic auth."""

import json
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx

PATIENCE = 240.0
ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
_SAME = (
    *("description", "tags", "entrypoint", "paused", "parameters", "parameter_openapi_schema"),
    *("enforce_parameter_schema", "concurrency_options", "job_variables"),
)
_NOT_THE_SAME = {"id", "created", "updated", "deployment_id", "anchor_date", "lease_id"}


class Api:
    """Requests to one Prefect server, again while its SQLite is locked."""

    def __init__(self, url: str, auth: str) -> None:
        user, _, password = auth.partition(":")
        self._client = httpx.Client(base_url=url, auth=(user, password), timeout=60)

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Send a request, and return what was answered."""
        for _ in range(50):
            answer = self._client.request(method, path, json=body)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            time.sleep(0.2)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def wait_until_healthy(self) -> None:
        """Wait until the server answers."""
        deadline = time.monotonic() + PATIENCE
        while True:
            with suppress(httpx.TransportError):
                if self._client.get("/health").is_success:
                    return
            assert time.monotonic() < deadline, "the server does not become healthy"
            time.sleep(0.2)

    def deployment(self, flow: str) -> dict[str, Any]:
        """The deployment of a flow."""
        found: dict[str, Any] = self.ask("GET", f"/deployments/name/{flow}/default")
        return found

    def start(self, flow: str, parameters: dict[str, Any], key: str | None = None) -> str:
        """Start a run of a flow, and return its id."""
        asked = {"parameters": parameters, **({"idempotency_key": key} if key else {})}
        path = f"/deployments/{self.deployment(flow)['id']}/create_flow_run"
        return str(self.ask("POST", path, asked)["id"])

    def runs(self, flow: str) -> list[dict[str, Any]]:
        """The runs of a flow, the oldest first."""
        asked = {"flows": {"name": {"any_": [flow]}}, "sort": "EXPECTED_START_TIME_ASC"}
        found: list[dict[str, Any]] = self.ask("POST", "/flow_runs/filter", asked)
        return found

    def ended(self, *runs: str) -> list[str]:
        """Wait until runs have ended well, and return what each said."""
        deadline = time.monotonic() + PATIENCE
        while True:
            states = [self.ask("GET", f"/flow_runs/{run}")["state"] for run in runs]
            if all(state["type"] in ENDED for state in states):
                break
            assert time.monotonic() < deadline, states
            time.sleep(0.3)
        assert {state["type"] for state in states} == {"COMPLETED"}, states
        return [state["message"] or "" for state in states]

    def done(self, flow: str, **parameters: Any) -> str:
        """Run a flow, and return what it said."""
        return self.ended(self.start(flow, parameters))[0]

    def started_by_event(self, flow: str, many: int) -> list[dict[str, Any]]:
        """Wait until a flow has so many runs, and return them."""
        deadline = time.monotonic() + PATIENCE
        while len(found := self.runs(flow)) < many:
            assert time.monotonic() < deadline, f"{len(found)} of {many} runs of {flow}"
            time.sleep(0.3)
        return found

    def send(self, event: str, resource: str, **payload: str) -> None:
        """Send an event."""
        one = {
            "id": str(uuid4()),
            "occurred": datetime.now(UTC).isoformat(),
            "event": event,
            "resource": {"prefect.resource.id": resource},
            "payload": payload,
        }
        self.ask("POST", "/events", [one])

    def save_block(self, kind: str, name: str, **data: str) -> dict[str, Any]:
        """Save a block of a registered type, and return the reference that a run is given."""
        block_type = self.ask("GET", f"/block_types/slug/{kind}")["id"]
        of_type = {"block_schemas": {"block_type_id": {"any_": [block_type]}}}
        (schema,) = self.ask("POST", "/block_schemas/filter", of_type)
        asked = {"block_type_id": block_type, "block_schema_id": schema["id"]}
        self.ask("POST", "/block_documents/", {**asked, "name": name, "data": data})
        return {"$ref": {"block_document_slug": f"{kind}/{name}"}}

    def view(self) -> dict[str, Any]:
        """What the server has of each deployment, save where and by whom it is run."""
        flows = {
            one["id"]: one["name"] for one in self.ask("POST", "/flows/filter", {"limit": 200})
        }
        automations = self.ask("POST", "/automations/filter", {})
        found = self.ask("POST", "/deployments/filter", {"limit": 200})
        return {f"{flows[one['flow_id']]}/{one['name']}": _told(one, automations) for one in found}


def _told(one: dict[str, Any], automations: Iterable[dict[str, Any]]) -> Any:
    limit = one["global_concurrency_limit"]
    told = {
        **{key: one[key] for key in _SAME},
        "limit": limit and limit["limit"],
        "schedules": one["schedules"],
        "automations": [each for each in automations if one["id"] in json.dumps(each)],
    }
    return _without_ids(told)


def _without_ids(told: Any) -> Any:
    if isinstance(told, dict):
        return {key: _without_ids(told[key]) for key in told if key not in _NOT_THE_SAME}
    return [_without_ids(each) for each in told] if isinstance(told, list) else told
