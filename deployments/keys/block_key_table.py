"""Block key in table `configuration`, where a Prefect server without a key stores one."""

import json

from prefect.server.database import provide_database_interface
from sqlalchemy import inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

_KEY_COLUMNS = {"key": "ENCRYPTION_KEY"}


async def read_key() -> str | None:
    """Return the key stored in the server's database; None if there is none."""
    engine = await provide_database_interface().engine()
    async with engine.connect() as connection:
        if not await _has_tables(connection):
            return None
        query = text("SELECT value FROM configuration WHERE key = :key")
        value = (await connection.execute(query, _KEY_COLUMNS)).scalar()
    if value is None:
        return None
    return str((json.loads(value) if isinstance(value, str) else value)["fernet_key"])


async def delete_key() -> None:
    """Delete the key from the server's database, and overwrite it in an SQLite file."""
    engine = await provide_database_interface().engine()
    async with engine.connect() as connection:
        sqlite = connection.dialect.name == "sqlite"
        if sqlite:
            await connection.execute(text("PRAGMA secure_delete = ON"))  # overwrites freed pages
        await connection.execute(text("DELETE FROM configuration WHERE key = :key"), _KEY_COLUMNS)
        await connection.commit()
        if sqlite:
            await connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))


async def has_saved_blocks() -> bool:
    """Return whether the server's database contains encrypted blocks."""
    engine = await provide_database_interface().engine()
    async with engine.connect() as connection:
        if not await _has_tables(connection):
            return False
        return bool(
            (await connection.execute(text("SELECT count(*) FROM block_document"))).scalar()
        )


async def close() -> None:
    """Close the connections to the server's database."""
    await (await provide_database_interface().engine()).dispose()


async def _has_tables(connection: AsyncConnection) -> bool:
    return await connection.run_sync(lambda sync: inspect(sync).has_table("configuration"))
