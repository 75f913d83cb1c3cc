"""From pressing the button to a registry in the overview, on the product as a user has it."""

import json
import statistics
import time
import urllib.error
import urllib.request
from http import HTTPStatus
from typing import Any

from tests.benchmarks.simulated import PASSWORD, harbors
from tests.support.product_server import ProductServer, serve_product

RUNS = 10


def test_integrate_from_button_to_end() -> None:
    with harbors(RUNS, 50) as urls, serve_product() as product:
        api = f"{product.url}/api"
        _authorize(product)
        block = _block(api)
        deployment = _get(f"{api}/deployments/name/integrate-registry/default")["id"]
        seconds = [_integrate(api, deployment, block, n, url) for n, url in enumerate(urls)]
    summary = f"median {statistics.median(seconds):.1f} s, worst {max(seconds):.1f} s"
    print(f"\n  create_flow_run of integrate-registry to its end, {RUNS} runs: {summary}")


def _integrate(api: str, deployment: str, block: str, number: int, url: str) -> float:
    started = time.perf_counter()
    parameters = {
        "name": f"harbor-{number}",
        "registry": {"type": "harbor", "address": url},
        "credentials": {"$ref": {"block_document_id": block}},
    }
    run = _post(f"{api}/deployments/{deployment}/create_flow_run", {"parameters": parameters})
    while True:
        state = _get(f"{api}/flow_runs/{run['id']}")["state"]
        if state["type"] in ("COMPLETED", "FAILED", "CRASHED"):
            assert state["type"] == "COMPLETED", state
            return time.perf_counter() - started
        time.sleep(0.05)


def _block(api: str) -> str:
    kind = _get(f"{api}/block_types/slug/registry-credentials")["id"]
    of_kind = {"block_schemas": {"block_type_id": {"any_": [kind]}}}
    schema = _post(f"{api}/block_schemas/filter", of_kind)
    document = {
        "name": "bench",
        "block_type_id": kind,
        "block_schema_id": schema[0]["id"],
        "data": {"username": "admin", "password": PASSWORD},
    }
    return str(_post(f"{api}/block_documents/", document)["id"])


def _get(url: str) -> Any:
    return _ask(urllib.request.Request(url))


def _post(url: str, body: dict[str, Any]) -> Any:
    headers = {"Content-Type": "application/json"}
    return _ask(urllib.request.Request(url, json.dumps(body).encode(), headers))


def _authorize(product: ProductServer) -> None:
    """Send the password with every request from now on."""
    passwords = urllib.request.HTTPPasswordMgrWithPriorAuth()
    passwords.add_password(None, product.url, *product.auth, is_authenticated=True)
    opener = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(passwords))
    urllib.request.install_opener(opener)


def _ask(request: urllib.request.Request) -> Any:
    """Ask, and ask again while Prefect's SQLite is locked, as a person presses again."""
    for last in (False, False, False, False, True):
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            if last or error.code != HTTPStatus.SERVICE_UNAVAILABLE:
                raise
            time.sleep(0.2)
    return None
