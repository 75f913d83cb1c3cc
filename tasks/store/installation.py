"""Identity of this installation, and encryption of the stored secrets."""

import secrets

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from models.tables import InstallationRow, RobotAccountRow
from tasks.secrets.cipher import Cipher


def get_installation(session: Session) -> str:
    """Return the id of this installation: eight hexadecimal digits, generated once.

    Robot accounts and Kubernetes objects of this installation carry it.
    """
    return _get_row(session).name


def _get_row(session: Session) -> InstallationRow:
    row = session.get(InstallationRow, 1)
    if row is not None:
        return row
    try:
        with session.begin_nested():
            session.add(InstallationRow(name=secrets.token_hex(4)))
    except IntegrityError:  # another process generated it first
        session.expire_all()
    return session.get_one(InstallationRow, 1)


def lock_installation(session: Session) -> None:
    """Let no other transaction pass this point until this one ends."""
    session.refresh(_get_row(session), with_for_update=True)


def check_key(session: Session, cipher: Cipher) -> None:
    """Ensure that the configured key decrypts the stored secrets. The first key is registered.

    Raises:
        InvalidRequest: it is a different key; nothing is changed.
    """
    row = _get_row(session)
    if not row.canary:
        session.refresh(
            row, with_for_update=True
        )  # another process may register its key at the same time
    if row.canary:
        cipher.decrypt(row.canary)
        return
    row.canary = cipher.key_check()
    session.add(row)


def get_key_check(session: Session) -> str:
    """Return the text that only the key in use decrypts; empty if no key was used yet."""
    return _get_row(session).canary


def has_encrypted_secrets(session: Session) -> bool:
    """Return whether secrets were ever encrypted, so that a key must exist."""
    return bool(_get_row(session).canary)


def reencrypt_secrets(session: Session, cipher: Cipher) -> int:
    """Re-encrypt secrets of older keys with the newest key, and return how many there were.

    Secrets that someone emptied, because all keys were lost, are left until they are rotated.

    Raises:
        InvalidRequest: a secret cannot be decrypted; nothing is changed.
    """
    check_key(session, cipher)
    row = _get_row(session)
    if not cipher.is_current(row.canary):
        row.canary = cipher.key_check()
        session.add(row)
    # Check every row: a process that still ran with the older key may have saved one since.
    rows = session.exec(select(RobotAccountRow).with_for_update())
    old = [row for row in rows if row.sealed and not cipher.is_current(row.sealed)]
    for robot_row in old:
        robot_row.sealed = cipher.reencrypt(robot_row.sealed)
        session.add(robot_row)
    return len(old)
