"""Encryption key of saved blocks in Prefect, stored outside of the server's database."""

import asyncio
from pathlib import Path

from cryptography.fernet import Fernet

from tasks.secrets.key_files import create_secret_file, read_secret_file, sync_directory

BLOCK_KEY_FILE_NAME = "blocks.key"


class BlockKeyMissing(Exception):
    """The key of saved blocks is missing; the message contains how to restore it."""


def load_block_key(data_dir: Path) -> str:
    """Return the block key of a data directory; the first call creates it.

    A Prefect server without a key generates one and stores it in the database with the blocks. Such
    a key is moved to the file, so that saved blocks stay readable. An interrupted call can be
    repeated.

    Raises:
        BlockKeyMissing: the database contains blocks, but there is no key.
        InvalidRequest: other users can read the file.
    """
    path, new_path = data_dir / BLOCK_KEY_FILE_NAME, data_dir / f"{BLOCK_KEY_FILE_NAME}.new"
    if not path.exists():
        asyncio.run(_create_key(new_path, path, interrupted=new_path.exists()))
        new_path.rename(path)
        sync_directory(data_dir)
    return read_secret_file(path).strip()


async def _create_key(new_path: Path, path: Path, *, interrupted: bool) -> None:
    from deployments.keys import block_key_table as table  # noqa: PLC0415 - imports Prefect's server

    try:
        if (key := await table.read_key()) is not None:
            _write_key(new_path, key)
            await table.delete_key()
        elif not interrupted:
            if await table.has_saved_blocks():
                raise BlockKeyMissing(
                    f"the encryption key of the saved blocks is missing: restore {path} from a "
                    "backup, or set PREFECT_SERVER_ENCRYPTION_KEY"
                )
            _write_key(new_path, Fernet.generate_key().decode())
    finally:
        await table.close()


def _write_key(new_path: Path, key: str) -> None:
    new_path.unlink(missing_ok=True)  # left by a call interrupted before the key was deleted
    create_secret_file(new_path, f"{key}\n")
