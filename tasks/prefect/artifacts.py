"""Publish pages as Prefect artifacts. Each key keeps its history of versions."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from prefect.artifacts import acreate_markdown_artifact

from models.core.runs.publication import Publication, is_publication_due
from tasks import clock


@dataclass(frozen=True, slots=True)
class Page:
    """A page that shows state.

    Attributes:
        key: key of the artifact.
        markdown: the page.
        digest_source: the content that justifies a new version, without times.
        description: description of the artifact.
    """

    key: str
    markdown: str
    digest_source: str
    description: str


async def publish_artifact(key: str, page: str, description: str) -> None:
    """Publish a page as a new version of the artifact `key`."""
    await acreate_markdown_artifact(markdown=page, key=key, description=description)


async def publish_changed(
    pages: Iterable[Page], publications: Mapping[str, Publication]
) -> dict[str, str]:
    """Publish the pages that changed, or whose last version is older than an hour.

    Args:
        pages: the pages.
        publications: the last published versions, see `list_publications`.

    Returns:
        Digests of the published pages, by key; save them with `save_publications`.
    """
    now, digests = clock.now(), {}
    for page in pages:
        digest = hashlib.sha256(page.digest_source.encode()).hexdigest()
        if is_publication_due(publications.get(page.key), digest, now):
            await publish_artifact(page.key, page.markdown, page.description)
            digests[page.key] = digest
    return digests
