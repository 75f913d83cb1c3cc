"""What namespaces pull with, and what opens clusters, lies nowhere in the clear."""

import base64
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from prefect.logging.handlers import APILogHandler
from sqlmodel import Session, text

from deployments.simulators.faults import Answer, Cut, Fault
from flows.access.explain_access import explain_access
from flows.access.rotate_credentials import rotate_credentials
from flows.clusters.register_cluster import register_cluster
from flows.clusters.sync_namespaces import sync_namespaces
from flows.overview import compute_overview
from models.tables import GrantRow
from tasks.secrets.cluster_credentials import ClusterCredentials
from tasks.store.session import transact
from tests.flows.access.test_access_docker import SECRET, docker_at, docker_known
from tests.flows.conftest import KEY
from tests.support.helpers import Server, block, ended, integrate
from tests.support.platform import Platform, a_minute, bound, passed, platform, registered, unbound
from tests.tasks.store.tools import rows


def _spellings(secret: str) -> set[bytes]:
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
    for library in ("kubernetes_asyncio", "aiohttp", "httpx", "httpcore", "sqlalchemy"):
        caplog.set_level(logging.DEBUG, library)
    with docker_at("team") as url:
        async with platform(name, "team-a", "team-b") as p:
            secrets = {p.cluster.token, KEY, SECRET}
            await docker_known(f"{name}-d", url, await _puller(name))
            await registered("eu", p.cluster)
            await integrate(f"{name}-x", p.place.url.replace("127.0.0.1", "localhost"))
            await bound(f"{name}-d", ["team"], "red")
            await bound(name, ["team-a"], "red")
            secrets |= _all_of(p)
            await ended(rotate_credentials, name)
            secrets |= _all_of(p)
            passed(minutes=11)
            await a_minute(name)
            await _faults(p)
            secrets |= _all_of(p)
            await ended(explain_access, "eu", "shop", f"{name}/team-a")
            await ended(compute_overview)
            await unbound(name, ["team-a"], "red")
            secrets |= _all_of(p)
    await APILogHandler.aflush()

    assert len(secrets) >= 7
    sought = {word for secret in secrets for word in _spellings(secret)}
    files = _files(prefect_server.database, Path(database.removeprefix("sqlite:///")))
    assert any(name.encode() in content for content in files.values())
    found = [(file.name, word) for file, held in files.items() for word in sought if word in held]
    assert found == []
    assert not any(word.decode("latin-1") in caplog.text for word in sought)
    assert all(row.sealed.startswith("gAAAA") for row in rows(GrantRow))


async def _puller(name: str) -> str:
    await block(f"{name}-pull", "puller", SECRET)
    return f"{name}-pull"


def _all_of(p: Platform) -> set[str]:
    """The secrets that Harbor knows now, and each word that the cluster was given."""
    held = [p.cluster.secret(each) or {} for each in ("shop", "till", "lab")]
    logins = [one for each in held for one in each.get("auths", {}).values()]
    told = {one[key] for one in logins for key in ("password", "auth")}
    return told | {robot.secret for robot in p.place.harbor.robots.values()}


async def _faults(p: Platform) -> None:
    """Everything goes wrong that is answered with, or fails at, a secret."""
    p.cluster.delete_secret("shop")
    quoted: dict[str, Any] = {
        "kind": "Status",
        "reason": "Invalid",
        "message": f"Invalid value: {' '.join(_all_of(p))}",
    }
    headers = (("Content-Type", "application/json"),)
    refused = Answer(422, json.dumps(quoted).encode(), headers)
    p.cluster.faults.add(Fault(refused, "PATCH", ".*/secrets/.*"))
    state = await ended(sync_namespaces)
    assert "1 of 1 changes failed" in (state.message or "")
    _sql("CREATE TRIGGER full BEFORE INSERT ON robot_grant BEGIN SELECT RAISE(ABORT, 'full'); END")
    state = await ended(rotate_credentials, p.name)
    assert "unforeseen" in (state.message or "")
    _sql("DROP TRIGGER full")
    p.place.faults.add(Fault(Cut(20), "POST", ".*/robots"))
    await bound(p.name, ["team-b"], "blue")
    other = p.cluster.kubeconfig_with(f"{p.cluster.token}x")
    state = await ended(register_cluster, "us", await _other_block(other))
    assert not state.is_completed()


async def _other_block(kubeconfig: str) -> dict[str, Any]:
    await ClusterCredentials(kubeconfig=kubeconfig).save("us", overwrite=True)
    return {"$ref": {"block_document_slug": "cluster-credentials/us"}}


def _sql(statement: str) -> None:
    def run(session: Session) -> None:
        session.connection().execute(text(statement))

    transact(run)
