"""Publish pages as Prefect artifacts. Each key keeps its history of versions."""

import hashlib
from datetime import datetime, timedelta

from prefect.artifacts import acreate_markdown_artifact
from sqlmodel import Session

from models.tables import PublicationRow
from tasks import clock
from tasks.store.session import in_transaction

_MAX_AGE = timedelta(hours=1)
"""An unchanged page is republished after this time, so that the times on it stay recent."""


async def publish_artifact(key: str, page: str, description: str) -> None:
    """Publish a page as a new version of the artifact `key`."""
    await acreate_markdown_artifact(markdown=page, key=key, description=description)


async def publish_if_changed(key: str, page: str, digest_source: str, description: str) -> bool:
    """Publish a page unless its last version, less than an hour old, has the same digest source.

    Args:
        key: key of the artifact.
        page: the page, as Markdown.
        digest_source: the content that justifies a new version, without times.
        description: description of the artifact.

    Returns:
        Whether a new version was published.
    """
    digest = hashlib.sha256(digest_source.encode()).hexdigest()
    if not await in_transaction(_has_changed, key, digest, clock.now()):
        return False
    await publish_artifact(key, page, description)
    await in_transaction(_save_digest, key, digest, clock.now())
    return True


def _has_changed(session: Session, key: str, digest: str, now: datetime) -> bool:
    row = session.get(PublicationRow, key)
    return row is None or row.digest != digest or now - row.at > _MAX_AGE


def _save_digest(session: Session, key: str, digest: str, now: datetime) -> None:
    session.merge(PublicationRow(key=key, digest=digest, at=now))
