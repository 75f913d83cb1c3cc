"""Publish pages as Prefect artifacts, under fixed keys, each with its history."""

import hashlib
from datetime import datetime, timedelta

from prefect.artifacts import acreate_markdown_artifact
from sqlmodel import Session

from models.tables import PublicationRow
from tasks import clock
from tasks.store.session import stored

_ANYHOW = timedelta(hours=1)


async def publish(key: str, page: str, description: str) -> None:
    """Write a page as a new version of the artifact `key`."""
    await acreate_markdown_artifact(markdown=page, key=key, description=description)


async def publish_if_news(key: str, page: str, news: str, description: str) -> bool:
    """Write a page only if `news`, the part of it that matters, is not what was last written.

    A page is written anew after an hour in any case, so that its times do not grow old.
    """
    digest = hashlib.sha256(news.encode()).hexdigest()
    if not await stored(_is_news, key, digest, clock.now()):
        return False
    await publish(key, page, description)
    await stored(_note, key, digest, clock.now())
    return True


def _is_news(session: Session, key: str, digest: str, now: datetime) -> bool:
    row = session.get(PublicationRow, key)
    return row is None or row.digest != digest or now - row.at > _ANYHOW


def _note(session: Session, key: str, digest: str, now: datetime) -> None:
    session.merge(PublicationRow(key=key, digest=digest, at=now))
