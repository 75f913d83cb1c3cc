"""Delete the artifacts that earlier versions published and that nothing brings up to date."""

import re
from contextlib import suppress
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    ArtifactCollectionFilter,
    ArtifactCollectionFilterKey,
    ArtifactFilter,
    ArtifactFilterKey,
)
from prefect.client.schemas.sorting import ArtifactCollectionSort, ArtifactSort
from prefect.exceptions import ObjectNotFound

_OLD_PAGES = {
    "registry-": re.compile(r"(Harbor|Docker Registry) at https?://\S+"),
    "workspace-": re.compile(r"Spaces that the workspace can pull, and its namespaces"),
    "cluster-": re.compile(r"Namespaces and their pull secrets"),
    "verdict-": re.compile(r"Connection checks, step by step"),
}
"""Descriptions by the start of the key: other users of the server may have such keys, too."""

_PAGE_SIZE = 200
_MAX_VERSIONS = 5_000
"""Versions that one deployment deletes; the next one deletes the others."""


async def delete_old_artifacts(client: PrefectClient) -> int:
    """Delete the pages of state that the console shows since; return the number of versions."""
    count = 0
    for start in _OLD_PAGES:
        for key in await _read_old_keys(client, start):
            if count >= _MAX_VERSIONS:
                return count
            ids = (await _read_versions(client, key))[: _MAX_VERSIONS - count]
            for id_ in ids:
                with suppress(ObjectNotFound):
                    await client.delete_artifact(id_)
            count += len(ids)
    return count


async def _read_old_keys(client: PrefectClient, start: str) -> list[str]:
    keys, offset = list[str](), 0
    key_filter = ArtifactCollectionFilter(key=ArtifactCollectionFilterKey(like_=start))
    while page := await client.read_latest_artifacts(
        artifact_filter=key_filter,
        sort=ArtifactCollectionSort.KEY_ASC,
        limit=_PAGE_SIZE,
        offset=offset,
    ):
        offset += len(page)
        keys += [
            artifact.key
            for artifact in page
            if artifact.key.startswith(start)
            and _OLD_PAGES[start].fullmatch(artifact.description or "")
        ]
    return keys


async def _read_versions(client: PrefectClient, key: str) -> list[UUID]:
    """Return the ids of all versions of an artifact, the oldest first.

    The newest one is what the UI shows: it is deleted last, so that no older one takes its place.
    """
    ids = list[UUID]()
    key_filter = ArtifactFilter(key=ArtifactFilterKey(any_=[key]))
    while page := await client.read_artifacts(
        artifact_filter=key_filter,
        sort=ArtifactSort.CREATED_DESC,
        limit=_PAGE_SIZE,
        offset=len(ids),
    ):
        ids += [artifact.id for artifact in page]
    return ids[::-1]
