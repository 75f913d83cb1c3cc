"""What earlier versions published is deleted, and nothing else."""

from collections.abc import AsyncIterator

import pytest
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import ArtifactCreate
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from deployments import old_artifacts
from deployments.old_artifacts import delete_old_artifacts

pytestmark = pytest.mark.usefixtures("prefect_server")

OLD = {
    "registry-prod": "Harbor at https://harbor.test",
    "registry-two": "Docker Registry at http://registry.test:5000",
    "workspace-red": "Spaces that the workspace can pull, and its namespaces",
    "cluster-eu": "Namespaces and their pull secrets",
    "verdict-prod": "Connection checks, step by step",
}
OTHERS = {
    "registry-of-others": "Something else on this server",
    "plan-registry-prod": "Harbor at https://harbor.test",
    "probe-prod": "Connection checks, step by step",
    "overview": "All registries",
}


@pytest.fixture
async def client() -> AsyncIterator[PrefectClient]:
    async with get_client() as prefect_client:
        for _ in range(3):
            for key, description in (OLD | OTHERS).items():
                artifact = ArtifactCreate(
                    key=key, type="markdown", description=description, data="page"
                )
                await prefect_client.create_artifact(artifact)
        yield prefect_client


async def _keys(client: PrefectClient) -> set[str]:
    key_filter = ArtifactFilter(key=ArtifactFilterKey(any_=[*OLD, *OTHERS]))
    latest = await client.read_latest_artifacts()
    versions = await client.read_artifacts(artifact_filter=key_filter)
    keys = {artifact.key for artifact in latest} & {*OLD, *OTHERS}
    assert keys == {artifact.key for artifact in versions}
    return keys


async def test_old_pages_are_deleted_with_all_their_versions(
    client: PrefectClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(old_artifacts, "_PAGE_SIZE", 2)
    assert await delete_old_artifacts(client) == 3 * len(OLD)
    assert await _keys(client) == set(OTHERS)
    assert await delete_old_artifacts(client) == 0


async def test_one_deployment_deletes_a_bounded_number(
    client: PrefectClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(old_artifacts, "_MAX_VERSIONS", 4)
    counts = [await delete_old_artifacts(client) for _ in range(5)]
    assert counts == [4, 4, 4, 3, 0]
    assert await _keys(client) == set(OTHERS)
