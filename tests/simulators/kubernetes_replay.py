"""Playing a recorded scenario to an emulated cluster, and what of the answers is compared.

The samples were recorded on a kube-apiserver 1.31.4 with etcd and the controllers of namespaces
and ServiceAccounts. What differs from run to run is replaced by a word. Where a step acts, the same
objects were made on the recorded server; `managedFields` were left out there.
"""

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from deployments.simulators.kubernetes import EmulatedCluster, Rule

SAMPLES = Path(__file__).parents[1] / "samples" / "kubernetes.jsonl"
SOURCES = SAMPLES.with_name("kubernetes-sources.jsonl")

Json = dict[str, Any]

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_WORDS = {
    "uid": "UID",
    "resourceVersion": "VERSION",
    "creationTimestamp": "TIME",
    "deletionTimestamp": "TIME",
    "lastTransitionTime": "TIME",
    "lastUpdateTime": "TIME",
    "continue": "CONTINUE",
}
_LEFT_OUT = frozenset({"remainingItemCount", "time"})


def recorded(samples: Path = SAMPLES) -> list[Json]:
    """Read the scenario."""
    return [json.loads(line) for line in samples.read_text(encoding="utf-8").splitlines()]


def normal(part: Any, key: str = "") -> Any:
    """Replace what differs from run to run."""
    if isinstance(part, dict):
        if key == "status" and "phase" in part:
            return {"phase": part["phase"]}
        return {name: normal(one, name) for name, one in part.items() if name not in _LEFT_OUT}
    if isinstance(part, list):
        listed = [normal(one, key) for one in part]
        return sorted(listed, key=lambda one: one["manager"]) if key == "managedFields" else listed
    if key in _WORDS:
        return _WORDS[key]
    if isinstance(part, str):
        text = re.sub(r'User "[^"]+"', 'User "USER"', _UUID.sub("UID", part))
        return re.sub(r"\(\d+\)", "(VERSION)", text)
    return part


class Replay:
    """Plays steps to a cluster; a step may name what the last answers held."""

    def __init__(self, cluster: EmulatedCluster) -> None:
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
                    self._cluster.limit(
                        *(Rule(one[0], *map(tuple, one[1:])) for one in step["rules"])
                    )
                elif "terminate" in step:
                    self._cluster.terminate(step["terminate"])
                elif "compact" in step:
                    self._cluster.compact()
                elif "act" in step:
                    getattr(self._cluster, step["act"])(*step["args"], **step.get("with", {}))
                else:
                    answer = self._ask(client, step)
                    text = "json" not in answer.headers["content-type"]
                    seen = answer.text if text else self._seen(answer.json())
                    yield step, answer.status_code, seen

    def _ask(self, client: httpx.Client, step: Json) -> httpx.Response:
        headers = {}
        if step["who"] in self._tokens:
            headers["Authorization"] = f"Bearer {self._tokens[step['who']]}"
        if step["content"]:
            headers["Content-Type"] = step["content"]
        body = None if step["body"] is None else self._filled(json.dumps(step["body"]))
        path = self._filled(step["path"])
        return client.request(step["method"], path, headers=headers, content=body)

    def _filled(self, text: str) -> str:
        for name, value in self._known.items():
            text = text.replace(name, value)
        return text

    def _seen(self, answer: Json) -> Json:
        metadata = answer.get("metadata", {})
        if "uid" in metadata:
            self._known |= {"$uid": metadata["uid"], "$version": metadata["resourceVersion"]}
        if "continue" in metadata:
            self._known["$continue"] = metadata["continue"]
        if "items" in answer:  # the recording machine had other namespaces
            answer["items"] = [one for one in answer["items"] if _is_ours(one["metadata"])]
        return answer


def _is_ours(metadata: Json) -> bool:
    name: str = metadata.get("namespace") or metadata["name"]
    return name.startswith("ri-")


def _content(length: int) -> str:
    return base64.b64encode(json.dumps({"auths": {"x" * length: {}}}).encode()).decode()
