"""The vault in force, and what it keeps: robot accounts' secrets on record."""

from collections.abc import Iterable, Mapping

from pydantic import SecretStr

from models.core.errors import InputRefused
from models.core.settings import settings
from models.registries.robots import Grant
from tasks.registries.protocol import Keep
from tasks.secrets.cipher import WRONG_KEY, Vault, make_key_file, vault_of
from tasks.store import installation
from tasks.store.registries import robots
from tasks.store.session import stored, transact


async def open_vault() -> Vault:
    """Return the vault with the keys in force, once they are proved to be the right ones.

    Raises:
        InputRefused: there is no key, or it is another one; nothing is changed.
    """
    vault = vault_of(settings())
    await stored(installation.check_key, vault)
    return vault


def ready_keys() -> str:
    """Make a key file if there is no key yet, and encrypt anew what an older key sealed.

    Returns:
        What was done, for people; empty if all was ready.

    Raises:
        InputRefused: the key that was used before is missing, or is another one. Nothing is made
            or changed then.
    """
    now, told = settings(), ""
    if not now.secret_keys.get_secret_value() and not now.key_file.is_file():
        if transact(installation.sealed_before):
            raise InputRefused(f"there is no key any more ({now.key_file}): {WRONG_KEY}")
        make_key_file(now.key_file)
        told = f"made a key for robot accounts' secrets: {now.key_file}. Back it up"
    many = transact(installation.reseal, vault_of(now))
    return f"encrypted {many} secrets with the newest key" if many else told


def keeping(vault: Vault) -> Keep:
    """Return what puts a robot account and its secret on record, sealed, the moment it is made."""

    async def keep(grant: Grant, secret: SecretStr) -> None:
        await stored(robots.keep, grant, vault.seal(secret))

    return keep


async def secrets_of(
    registry: str, wanted: Iterable[Grant], vault: Vault
) -> Mapping[int, SecretStr]:
    """Open the secrets of some robot accounts of one registry, by their ids.

    Raises:
        InputRefused: one cannot be opened with the key in force.
    """
    sealed = await stored(robots.sealed, registry)
    return {
        grant.robot_id: vault.open(sealed[registry, grant.robot_id])
        for grant in wanted
        if (registry, grant.robot_id) in sealed
    }
