"""The last published version of each page."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import delete
from sqlmodel import Session, col, select

from models.core.runs.publication import Publication
from models.tables import PublicationRow


def list_publications(session: Session) -> dict[str, Publication]:
    """Return the last version of each page, by artifact key."""
    return {
        row.key: Publication(digest=row.digest, at=row.at)
        for row in session.exec(select(PublicationRow))
    }


def save_publications(session: Session, digests: Mapping[str, str], at: datetime) -> None:
    """Save the digests of pages that were published, by artifact key."""
    for key, digest in digests.items():
        session.merge(PublicationRow(key=key, digest=digest, at=at))


def delete_publications(session: Session, keys: Iterable[str]) -> None:
    """Forget the last version of pages, so that the next one is published whatever it says."""
    session.connection().execute(delete(PublicationRow).where(col(PublicationRow.key).in_(keys)))
