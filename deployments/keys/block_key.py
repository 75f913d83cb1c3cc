"""The key that the Prefect server encrypts saved blocks with, kept apart from its database."""

import asyncio
from pathlib import Path

from cryptography.fernet import Fernet

from tasks.secrets.key_files import create_secret_file, read_secret_file, sync_directory

BLOCK_KEY_FILE_NAME = "blocks.key"


class BlockKeyMissing(Exception):
    """Blocks were saved with a key that is not there any more; the message says what to do."""


def load_block_key(data_dir: Path) -> str:
    """Return the key of a data directory; the first call makes it.

    A server that was started without a key wrote one into the database that holds the blocks: that
    one moves into the file, and saved blocks stay readable. The steps can be interrupted anywhere.

    Raises:
        BlockKeyMissing: the database holds blocks, and there is no key.
        InputRefused: other users can read the file.
    """
    path, draft = data_dir / BLOCK_KEY_FILE_NAME, data_dir / f"{BLOCK_KEY_FILE_NAME}.new"
    if not path.exists():
        asyncio.run(_create_key(draft, path, interrupted=draft.exists()))
        draft.rename(path)
        sync_directory(data_dir)
    return read_secret_file(path).strip()


async def _create_key(draft: Path, path: Path, *, interrupted: bool) -> None:
    """Put the key into the draft, and nowhere else."""
    from deployments.keys import block_key_table as table  # noqa: PLC0415 - imports Prefect's server

    try:
        if (key := await table.read_key()) is not None:
            _write_key(draft, key)
            await table.delete_key()
        elif not interrupted:
            if await table.has_saved_blocks():
                raise BlockKeyMissing(
                    f"the key of the saved blocks is missing: put {path} back from a backup, or "
                    "set PREFECT_SERVER_ENCRYPTION_KEY"
                )
            _write_key(draft, Fernet.generate_key().decode())
    finally:
        await table.close()


def _write_key(draft: Path, key: str) -> None:
    draft.unlink(missing_ok=True)  # of a start that was interrupted before the key was deleted
    create_secret_file(draft, f"{key}\n")
