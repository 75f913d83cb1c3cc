"""Publish pages as Prefect artifacts. Each key keeps its history of versions."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from prefect.artifacts import acreate_markdown_artifact

from models.core.runs.publication import Publication, is_publication_due
from models.core.settings import get_settings
from tasks import clock

_LINK_START = "[Open in the console]("


@dataclass(frozen=True, slots=True)
class Page:
    """A page that shows state.

    Attributes:
        key: key of the artifact.
        markdown: the page.
        digest_source: the content that justifies a new version, without times.
        description: description of the artifact.
        path: path of the console's page about the same.
    """

    key: str
    markdown: str
    digest_source: str
    description: str
    path: str = "/"


async def publish_artifact(key: str, page: str, description: str, path: str = "/") -> None:
    """Publish a page as a new version of the artifact `key`.

    Args:
        key: key of the artifact.
        page: the page; it opens with a link to the console.
        description: description of the artifact.
        path: path of the console's page about the same, see `console_path`.
    """
    markdown = f"{_LINK_START}{get_settings().console_url}{path})\n\n{page}"
    await acreate_markdown_artifact(markdown=markdown, key=key, description=description)


def remove_console_link(markdown: str) -> str:
    """Return the page of an artifact without the link to the console, which shows it itself."""
    return markdown.partition("\n\n")[2] if markdown.startswith(_LINK_START) else markdown


def console_path(*segments: str, **query: str) -> str:
    """Return a path of the console, with each segment quoted: `/registries/<name>`."""
    path = "/" + "/".join(quote(segment, safe="") for segment in segments)
    return f"{path}?{urlencode(query, quote_via=quote)}" if query else path


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
            await publish_artifact(page.key, page.markdown, page.description, page.path)
            digests[page.key] = digest
    return digests
