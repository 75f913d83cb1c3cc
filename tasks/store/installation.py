"""Who we are among installations of this service, and whether the key in force is the right one."""

import secrets

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from models.tables import GrantRow, InstallationRow
from tasks.secrets.cipher import Vault


def installation(session: Session) -> str:
    """Return eight hexadecimal digits that mark what this installation makes, drawn once."""
    return _row(session).name


def _row(session: Session) -> InstallationRow:
    row = session.get(InstallationRow, 1)
    if row is not None:
        return row
    try:
        with session.begin_nested():
            session.add(InstallationRow(name=secrets.token_hex(4)))
    except IntegrityError:  # another process drew first
        session.expire_all()
    return session.get_one(InstallationRow, 1)


def check_key(session: Session, vault: Vault) -> None:
    """Make sure that the key in force opens what was sealed before, and note the first key.

    Raises:
        InputRefused: it is another key; nothing is changed.
    """
    row = _row(session)
    if not row.canary:
        session.refresh(row, with_for_update=True)  # another process may note its key just now
    if row.canary:
        vault.open(row.canary)
        return
    row.canary = vault.canary()
    session.add(row)


def sealed_before(session: Session) -> bool:
    """Whether anything was ever sealed here, so that a key must be around."""
    return bool(_row(session).canary)


def reseal(session: Session, vault: Vault) -> int:
    """Encrypt anew, with the newest key, whatever an older one sealed; return how many secrets.

    Each secret is looked at: a process that still ran with the older key may have kept one since.

    Raises:
        InputRefused: one of them cannot be opened; nothing is changed.
    """
    check_key(session, vault)
    row = _row(session)
    if not vault.newest(row.canary):
        row.canary = vault.canary()
        session.add(row)
    rows = session.exec(select(GrantRow).with_for_update())
    old = [grant for grant in rows if not vault.newest(grant.sealed)]
    for grant in old:
        grant.sealed = vault.reseal(grant.sealed)
        session.add(grant)
    return len(old)
