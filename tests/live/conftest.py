"""The servers that the environment names."""

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr

from models.registry import VERIFY, BlockRef, Kind, OwnAuthority, Registry, SystemTrust
from tasks.credentials import RegistryCredentials
from tasks.registries.protocol import Credential
from tasks.registries.tls import context_for
from tests.flows.conftest import database, name, prefect_server

__all__ = ["database", "name", "prefect_server"]


class Live:
    """One server: where it is and who we are to it."""

    def __init__(self, kind: Kind, prefix: str) -> None:
        self.kind = kind
        self.url = os.environ.get(f"{prefix}_URL", "")
        if not self.url:
            pytest.skip(f"{prefix}_URL is not set, see tests/live/README.md")
        user = os.environ.get(f"{prefix}_USERNAME", "")
        secret = SecretStr(os.environ.get(f"{prefix}_PASSWORD", ""))
        self.credential = Credential(user, secret) if user else None

    @property
    def tls(self) -> SystemTrust | OwnAuthority:
        path = os.environ.get("LIVE_CA_FILE")
        return OwnAuthority(bundle=Path(path).read_text()) if path else VERIFY

    @property
    def registry(self) -> Registry:
        ref = BlockRef(name="live") if self.credential else None
        return Registry(name="live", kind=self.kind, address=self.url, credential=ref, tls=self.tls)

    async def block(self) -> RegistryCredentials | None:
        """Save the credential as a block of the tests' own Prefect server."""
        if self.credential is None:
            return None
        block = RegistryCredentials(
            username=self.credential.username, password=self.credential.password
        )
        await block.save("live", overwrite=True)
        return block


@pytest.fixture
def live_harbor() -> Live:
    return Live(Kind.HARBOR, "HARBOR")


@pytest.fixture
def live_docker() -> Live:
    return Live(Kind.DOCKER, "DOCKER_REGISTRY")


@pytest.fixture
def harbor_console(live_harbor: Live) -> Iterator[httpx.Client]:
    """Harbor's own API, as somebody else uses it beside us."""
    known = live_harbor.credential
    assert known is not None, "HARBOR_USERNAME and HARBOR_PASSWORD are needed"
    auth = (known.username, known.password.get_secret_value())
    verify = context_for(live_harbor.tls)
    base = f"{live_harbor.url.rstrip('/')}/api/v2.0"
    with httpx.Client(auth=auth, verify=verify, base_url=base, timeout=30) as client:
        yield client


@pytest.fixture
def project(harbor_console: httpx.Client) -> Iterator[str]:
    """A name for a project, which is deleted in the end if it was created."""
    wanted = f"ri-live-{uuid4().hex[:10]}"
    yield wanted
    harbor_console.cookies.clear()
    harbor_console.delete(f"/projects/{wanted}", headers={"X-Is-Resource-Name": "true"})
