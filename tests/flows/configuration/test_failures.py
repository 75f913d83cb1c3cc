"""One failure: what needs it is skipped, other registries go on, and only news is published."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from flows.configuration.apply_configuration import apply_configuration
from models.core.settings import get_settings
from models.registries.space import Visibility
from tests.flows.configuration.test_apply import save_block
from tests.support.helpers import expect_failure, harbor_with, registry_names, spaces_of
from tests.support.platform import bindings_of

DEAD = 5


class SilentServers:
    """Servers that accept connections and never answer; which of them had one at a time."""

    def __init__(self) -> None:
        self.urls: list[str] = []
        self.open: set[int] = set()
        self.peak = 0

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[None]:
        async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.open.add(number)
            self.peak = max(self.peak, len(self.open))
            while await reader.read(4096):
                pass
            self.open.discard(number)
            writer.close()

        number = len(self.urls)
        server = await asyncio.start_server(hold, "127.0.0.1", 0)
        self.urls.append(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        yield
        server.close()


async def count_artifacts(key: str) -> int:
    """Return how many versions of an artifact there are."""
    async with get_client() as client:
        filters = ArtifactFilter(key=ArtifactFilterKey(any_=[key]))
        return len(await client.read_artifacts(artifact_filter=filters))


async def test_dead_registries_wait_together_and_what_needs_them_is_skipped(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_INTEGRATION_READ_SECONDS", "1.5")
    get_settings.cache_clear()
    silent = SilentServers()
    async with AsyncExitStack() as stack:
        for _ in range(DEAD):
            await stack.enter_async_context(silent.serve())
        harbor = stack.enter_context(harbor_with("team-a"))
        await save_block(name, harbor.url, *silent.urls)
        dead = [f"{name}-dead-{number}" for number in range(DEAD)]
        addresses = dict(zip([*dead, name], [*silent.urls, harbor.url], strict=True))
        lines = ["registries:"]
        lines += [
            f"  {key}: {{type: harbor, address: '{url}', credential: {{block: {name}}}}}"
            for key, url in addresses.items()
        ]
        lines += ["spaces:", *(f"  {key}: {{team-a: private}}" for key in addresses)]
        lines += ["workspaces: {red: {}}", "bindings:"]
        lines += [
            f"- {{registry: {key}, spaces: [team-a], workspaces: [red]}}" for key in addresses
        ]
        text = "\n".join(lines)
        message = await expect_failure(apply_configuration, document=text, name=f"{name}.yaml")
        assert registry_names() == [name]
        assert spaces_of(name)["team-a"].desired is Visibility.PRIVATE
        assert [binding.space for binding in bindings_of(name)] == ["team-a"]
        assert silent.peak == DEAD
        for key in dead:
            assert f"skipped, because registry {key} failed: 1 space, 1 binding" in message
            assert message.count(f"{key} was not saved") == 1
        keys = (f"configuration-{name}-yaml", f"probe-{dead[0]}")
        await expect_failure(apply_configuration, document=text, name=f"{name}.yaml")
        counts = [await count_artifacts(key) for key in keys]
        again = await expect_failure(apply_configuration, document=text, name=f"{name}.yaml")
        assert "nothing to do; 15 not made" in again
        assert [await count_artifacts(key) for key in keys] == counts == [2, 1]
