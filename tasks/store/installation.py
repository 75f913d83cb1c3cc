"""Who we are among installations of this service, and whether the key in force is the right one."""

import secrets

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from models.tables import InstallationRow, RobotAccountRow
from tasks.secrets.cipher import Cipher


def get_installation(session: Session) -> str:
    """Return eight hexadecimal digits that mark what this installation makes, drawn once."""
    return _get_row(session).name


def _get_row(session: Session) -> InstallationRow:
    row = session.get(InstallationRow, 1)
    if row is not None:
        return row
    try:
        with session.begin_nested():
            session.add(InstallationRow(name=secrets.token_hex(4)))
    except IntegrityError:  # another process drew first
        session.expire_all()
    return session.get_one(InstallationRow, 1)


def check_key(session: Session, cipher: Cipher) -> None:
    """Make sure that the key in force opens what was sealed before, and note the first key.

    Raises:
        InputRefused: it is another key; nothing is changed.
    """
    row = _get_row(session)
    if not row.canary:
        session.refresh(row, with_for_update=True)  # another process may note its key just now
    if row.canary:
        cipher.decrypt(row.canary)
        return
    row.canary = cipher.key_check()
    session.add(row)


def has_encrypted_secrets(session: Session) -> bool:
    """Whether anything was ever sealed here, so that a key must be around."""
    return bool(_get_row(session).canary)


def reencrypt_secrets(session: Session, cipher: Cipher) -> int:
    """Encrypt anew, with the newest key, whatever an older one sealed; return how many secrets.

    Each secret is looked at: a process that still ran with the older key may have kept one since.

    Raises:
        InputRefused: one of them cannot be opened; nothing is changed.
    """
    check_key(session, cipher)
    row = _get_row(session)
    if not cipher.is_current(row.canary):
        row.canary = cipher.key_check()
        session.add(row)
    rows = session.exec(select(RobotAccountRow).with_for_update())
    old = [robot_row for robot_row in rows if not cipher.is_current(robot_row.sealed)]
    for robot_row in old:
        robot_row.sealed = cipher.reencrypt(robot_row.sealed)
        session.add(robot_row)
    return len(old)
