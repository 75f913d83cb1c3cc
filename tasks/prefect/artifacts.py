"""Publish pages as Prefect artifacts, under fixed keys, each with its history."""

import hashlib
from datetime import datetime, timedelta

from prefect.artifacts import acreate_markdown_artifact
from sqlmodel import Session

from models.tables import PublicationRow
from tasks import clock
from tasks.store.session import in_transaction

_MAX_AGE = timedelta(hours=1)


async def publish_artifact(key: str, page: str, description: str) -> None:
    """Write a page as a new version of the artifact `key`."""
    await acreate_markdown_artifact(markdown=page, key=key, description=description)


async def publish_if_changed(key: str, page: str, digest_source: str, description: str) -> bool:
    """Write a page only if `digest_source`, the part of it that matters, is not as last written.

    A page is written anew after an hour in any case, so that its times do not grow old.
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
