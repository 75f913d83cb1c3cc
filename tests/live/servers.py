"""A registry that the environment names."""

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from models.registries.registry import SYSTEM_CA, BlockRef, CustomCA, Kind, Registry, SystemCA
from tasks.registries.protocol import Credential
from tasks.secrets.credentials import RegistryCredentials


class LiveServer:
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
    def tls(self) -> SystemCA | CustomCA:
        path = os.environ.get("LIVE_CA_FILE")
        return CustomCA(bundle=Path(path).read_text()) if path else SYSTEM_CA

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
