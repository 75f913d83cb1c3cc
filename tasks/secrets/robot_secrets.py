"""The vault in force, and what it keeps: robot accounts' secrets on record."""

from collections.abc import Iterable, Mapping

from pydantic import SecretStr

from models.core.errors import InvalidRequest
from models.core.settings import get_settings
from models.registries.robots import RobotAccount
from tasks.registries.protocol import SaveSecret
from tasks.secrets.cipher import WRONG_KEY_MESSAGE, Cipher, cipher_from, create_key_file
from tasks.store import installation
from tasks.store.registries import robots
from tasks.store.session import in_transaction, run_in_transaction


async def load_cipher() -> Cipher:
    """Return the vault with the keys in force, once they are proved to be the right ones.

    Raises:
        InputRefused: there is no key, or it is another one; nothing is changed.
    """
    cipher = cipher_from(get_settings())
    await in_transaction(installation.check_key, cipher)
    return cipher


def ensure_keys() -> str:
    """Make a key file if there is no key yet, and encrypt anew what an older key sealed.

    Returns:
        What was done, for people; empty if all was ready.

    Raises:
        InputRefused: the key that was used before is missing, or is another one. Nothing is made
            or changed then.
    """
    settings, message = get_settings(), ""
    if not settings.secret_keys.get_secret_value() and not settings.key_file.is_file():
        if run_in_transaction(installation.has_encrypted_secrets):
            raise InvalidRequest(
                f"there is no key any more ({settings.key_file}): {WRONG_KEY_MESSAGE}"
            )
        create_key_file(settings.key_file)
        message = f"made a key for robot accounts' secrets: {settings.key_file}. Back it up"
    count = run_in_transaction(installation.reencrypt_secrets, cipher_from(settings))
    return f"encrypted {count} secrets with the newest key" if count else message


def secret_saver(cipher: Cipher) -> SaveSecret:
    """Return what puts a robot account and its secret on record, sealed, the moment it is made."""

    async def save(robot_account: RobotAccount, secret: SecretStr) -> None:
        await in_transaction(robots.save_robot, robot_account, cipher.encrypt(secret))

    return save


async def decrypt_secrets(
    registry: str, robot_accounts: Iterable[RobotAccount], cipher: Cipher
) -> Mapping[int, SecretStr]:
    """Open the secrets of some robot accounts of one registry, by their ids.

    Raises:
        InputRefused: one cannot be opened with the key in force.
    """
    encrypted_secrets = await in_transaction(robots.encrypted_secrets, registry)
    return {
        robot_account.robot_id: cipher.decrypt(encrypted_secrets[registry, robot_account.robot_id])
        for robot_account in robot_accounts
        if (registry, robot_account.robot_id) in encrypted_secrets
    }
