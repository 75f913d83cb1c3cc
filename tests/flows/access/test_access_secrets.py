"""What namespaces pull with, and what opens clusters, lies nowhere in the clear."""

import base64
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from prefect.logging.handlers import APILogHandler
from sqlmodel import Session, text

from deployments.simulators.faults import CutConnection, Fault, Respond
from flows.access.explain_access import explain_access
from flows.access.rotate_credentials import rotate_credentials
from flows.clusters.register_cluster import register_cluster
from flows.clusters.sync_namespaces import sync_namespaces
from flows.overview import compute_overview
from models.tables import RobotAccountRow
from tasks.secrets.cluster_credentials import ClusterCredentials
from tasks.store.session import run_in_transaction
from tests.flows.access.test_access_docker import SECRET, add_docker_registry, docker_with
from tests.flows.conftest import KEY
from tests.support.helpers import Server, integrate, run_flow, save_credentials
from tests.support.platform import (
    Platform,
    advance_time,
    bind,
    platform,
    register,
    run_schedules,
    unbind,
)
from tests.tasks.store.tools import rows


def _encodings(secret: str) -> set[bytes]:
    """A secret as it is, and as base64 has it wherever it begins in what is encoded."""
    plain = secret.encode()
    encoded = {base64.b64encode(b"x" * shift + plain)[4:-4] for shift in range(3)}
    return {plain, secret.encode("utf-16-le"), *encoded}


def _files(*databases: Path) -> dict[Path, bytes]:
    """Read databases with their write-ahead logs."""
    return {
        file: file.read_bytes()
        for database in databases
        for file in database.parent.glob(f"{database.name}*")
    }


async def test_neither_robots_secrets_nor_tokens_nor_keys_are_anywhere_in_the_clear(
    name: str, database: str, prefect_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    for library in ("httpx", "httpcore", "httpcore.http11", "httpcore.connection", "sqlalchemy"):
        caplog.set_level(logging.DEBUG, library)
    with docker_with("team") as url:
        async with platform(name, "team-a", "team-b") as p:
            secrets = {p.cluster.token, KEY, SECRET}
            await add_docker_registry(f"{name}-d", url, await _save_puller(name))
            await register("eu", p.cluster)
            await integrate(f"{name}-x", p.harbor.url.replace("127.0.0.1", "localhost"))
            await bind(f"{name}-d", ["team"], "red")
            await bind(name, ["team-a"], "red")
            secrets |= _current_secrets(p)
            await run_flow(rotate_credentials, name)
            secrets |= _current_secrets(p)
            advance_time(minutes=11)
            await run_schedules(name)
            await _provoke_faults(p)
            secrets |= _current_secrets(p)
            await run_flow(explain_access, "eu", "shop", f"{name}/team-a")
            await run_flow(compute_overview)
            await unbind(name, ["team-a"], "red")
            secrets |= _current_secrets(p)
    await APILogHandler.aflush()

    assert len(secrets) >= 7
    needles = {word for secret in secrets for word in _encodings(secret)}
    files = _files(prefect_server.database, Path(database.removeprefix("sqlite:///")))
    assert any(name.encode() in content for content in files.values())
    leaks = [
        (file.name, word) for file, content in files.items() for word in needles if word in content
    ]
    assert leaks == []
    assert not any(word.decode("latin-1") in caplog.text for word in needles)
    assert all(row.sealed.startswith("gAAAA") for row in rows(RobotAccountRow))


async def _save_puller(name: str) -> str:
    await save_credentials(f"{name}-pull", "puller", SECRET)
    return f"{name}-pull"


def _current_secrets(p: Platform) -> set[str]:
    """The secrets that Harbor knows now, and each word that the cluster was given."""
    secrets = [p.cluster.secret(namespace) or {} for namespace in ("shop", "till", "lab")]
    logins = [login for secret in secrets for login in secret.get("auths", {}).values()]
    values = {login[key] for login in logins for key in ("password", "auth")}
    return values | {robot.secret for robot in p.harbor.simulator.robots.values()}


async def _provoke_faults(p: Platform) -> None:
    """Everything goes wrong that is answered with, or fails at, a secret."""
    p.cluster.delete_secret("shop")
    error_body: dict[str, Any] = {
        "kind": "Status",
        "reason": "Invalid",
        "message": f"Invalid value: {' '.join(_current_secrets(p))}",
    }
    headers = (("Content-Type", "application/json"),)
    refusal = Respond(422, json.dumps(error_body).encode(), headers)
    p.cluster.faults.add(Fault(refusal, "PATCH", ".*/secrets/.*"))
    state = await run_flow(sync_namespaces)
    assert "1 of 1 changes failed" in (state.message or "")
    _sql("CREATE TRIGGER full BEFORE INSERT ON robot_grant BEGIN SELECT RAISE(ABORT, 'full'); END")
    state = await run_flow(rotate_credentials, p.name)
    assert "unexpected" in (state.message or "")
    _sql("DROP TRIGGER full")
    p.harbor.faults.add(Fault(CutConnection(20), "POST", ".*/robots"))
    await bind(p.name, ["team-b"], "blue")
    other = p.cluster.kubeconfig_with_token(f"{p.cluster.token}x")
    state = await run_flow(register_cluster, "us", await _other_block(other))
    assert not state.is_completed()


async def _other_block(kubeconfig: str) -> dict[str, Any]:
    await ClusterCredentials(kubeconfig=kubeconfig).save("us", overwrite=True)
    return {"$ref": {"block_document_slug": "cluster-credentials/us"}}


def _sql(statement: str) -> None:
    def run(session: Session) -> None:
        session.connection().execute(text(statement))

    run_in_transaction(run)
