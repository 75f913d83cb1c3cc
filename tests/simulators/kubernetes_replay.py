"""Playing a recorded scenario to an emulated cluster, and what of the answers is compared.

The samples were recorded on a kube-apiserver 1.31.4 with etcd and the controllers of namespaces
and ServiceAccounts. What differs from run to run is replaced by a word. Where a step acts, the same
objects were made on the recorded server; `managedFields` were left out there. Two things
were changed later in what the server had echoed: the `env` of goharbor's chart was removed, which
has none by default, and the services that the CRD requires were added to HarborClusters.
"""

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from deployments.simulators.kubernetes import RbacRule, SimulatedCluster

SAMPLES = Path(__file__).parents[1] / "samples" / "kubernetes.jsonl"
SOURCES = SAMPLES.with_name("kubernetes-sources.jsonl")

Json = dict[str, Any]

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_PLACEHOLDERS = {
    "uid": "UID",
    "resourceVersion": "VERSION",
    "creationTimestamp": "TIME",
    "deletionTimestamp": "TIME",
    "lastTransitionTime": "TIME",
    "lastUpdateTime": "TIME",
    "continue": "CONTINUE",
}
_EXCLUDED = frozenset({"remainingItemCount", "time"})


def read_steps(samples: Path = SAMPLES) -> list[Json]:
    """Read the scenario."""
    return [json.loads(line) for line in samples.read_text(encoding="utf-8").splitlines()]


def normalize(part: Any, key: str = "") -> Any:
    """Replace what differs from run to run."""
    if isinstance(part, dict):
        if key == "status" and "phase" in part:
            return {"phase": part["phase"]}
        return {
            name: normalize(value, name) for name, value in part.items() if name not in _EXCLUDED
        }
    if isinstance(part, list):
        items = [normalize(item, key) for item in part]
        return (
            sorted(items, key=lambda entry: entry["manager"]) if key == "managedFields" else items
        )
    if key in _PLACEHOLDERS:
        return _PLACEHOLDERS[key]
    if isinstance(part, str):
        text = re.sub(r'User "[^"]+"', 'User "USER"', _UUID.sub("UID", part))
        return re.sub(r"\(\d+\)", "(VERSION)", text)
    return part


class Replay:
    """Plays steps to a cluster; a step may name what the last answers held."""

    def __init__(self, cluster: SimulatedCluster) -> None:
        self._cluster = cluster
        self._known = {"$large": _content(1_048_576), "$huge": _content(2_500_000)}
        self._tokens = {
            "user": cluster.token,
            "admin": cluster.admin_token,
            "stranger": "of-nobody",
        }

    def play(self, steps: list[Json]) -> Iterator[tuple[Json, int, Any]]:
        """Yield each request's step, with the status and body of its answer."""
        with httpx.Client(base_url=self._cluster.url) as client:
            for step in steps:
                if "rules" in step:
                    self._cluster.limit_rights(
                        *(RbacRule(rule[0], *map(tuple, rule[1:])) for rule in step["rules"])
                    )
                elif "terminate" in step:
                    self._cluster.terminate_namespace(step["terminate"])
                elif "compact" in step:
                    self._cluster.expire_lists()
                elif "act" in step:
                    getattr(self._cluster, step["act"])(*step["args"], **step.get("with", {}))
                else:
                    response = self._ask(client, step)
                    text = "json" not in response.headers["content-type"]
                    body = response.text if text else self._learn(response.json())
                    yield step, response.status_code, body

    def _ask(self, client: httpx.Client, step: Json) -> httpx.Response:
        headers = {}
        if step["who"] in self._tokens:
            headers["Authorization"] = f"Bearer {self._tokens[step['who']]}"
        if step["content"]:
            headers["Content-Type"] = step["content"]
        body = None if step["body"] is None else self._fill(json.dumps(step["body"]))
        path = self._fill(step["path"])
        return client.request(step["method"], path, headers=headers, content=body)

    def _fill(self, text: str) -> str:
        for name, value in self._known.items():
            text = text.replace(name, value)
        return text

    def _learn(self, body: Json) -> Json:
        metadata = body.get("metadata", {})
        if "uid" in metadata:
            self._known |= {"$uid": metadata["uid"], "$version": metadata["resourceVersion"]}
        if "continue" in metadata:
            self._known["$continue"] = metadata["continue"]
        if "items" in body:  # the recording machine had other namespaces
            body["items"] = [item for item in body["items"] if _is_ours(item["metadata"])]
        return body


def _is_ours(metadata: Json) -> bool:
    name: str = metadata.get("namespace") or metadata["name"]
    return name.startswith("ri-")


def _content(length: int) -> str:
    return base64.b64encode(json.dumps({"auths": {"x" * length: {}}}).encode()).decode()
