"""Encrypted secrets of robot accounts in the database, and their encryption keys."""

from collections.abc import Iterable, Mapping
from functools import partial

from pydantic import SecretStr
from sqlmodel import Session

from models.access.rotation import Departure
from models.core.errors import InvalidRequest
from models.core.plural import pluralize
from models.core.settings import get_settings
from models.registries.robots import RobotAccount
from tasks.registries.protocol import SaveSecret
from tasks.secrets.cipher import WRONG_KEY_MESSAGE, Cipher, cipher_from, create_key_file
from tasks.store import installation
from tasks.store.access import clusters, departures
from tasks.store.registries import robots
from tasks.store.session import in_transaction, run_in_transaction


async def load_cipher(key_check: str = "") -> Cipher:
    """Return a cipher with the current keys, after checking them against the database.

    Args:
        key_check: text that the key in use decrypts, if it was read already, see
            `installation.get_key_check`; empty to read it, and to register the first key.

    Raises:
        InvalidRequest: there is no key, or it is not the key in use; nothing is changed.
    """
    cipher = cipher_from(get_settings())
    if key_check:
        cipher.decrypt(key_check)
    else:
        await in_transaction(installation.check_key, cipher)
    return cipher


def ensure_keys() -> str:
    """Create a key file if there is no key yet, and reencrypt secrets of older keys.

    Returns:
        A message about what was done; empty if nothing was.

    Raises:
        InvalidRequest: the key in use is missing or differs; nothing is created or changed.
    """
    settings, message = get_settings(), ""
    if not settings.secret_keys.get_secret_value() and not settings.key_file.is_file():
        if run_in_transaction(installation.has_encrypted_secrets):
            raise InvalidRequest(
                f"the key file {settings.key_file} is missing: {WRONG_KEY_MESSAGE}"
            )
        create_key_file(settings.key_file)
        message = f"created a key for robot account secrets: {settings.key_file}. Back it up"
    count = run_in_transaction(installation.reencrypt_secrets, cipher_from(settings))
    secrets = pluralize(count, "secret")
    return f"encrypted {secrets} with the newest key" if count else message


def secret_saver(cipher: Cipher) -> SaveSecret:
    """Return a callback that saves a new robot account with its encrypted secret."""

    async def save(robot_account: RobotAccount, secret: SecretStr) -> None:
        await in_transaction(save_new_robot, robot_account, cipher.encrypt(secret))

    return save


def save_new_robot(session: Session, robot_account: RobotAccount, ciphertext: str) -> None:
    """Save a robot account with its encrypted secret, which no namespace has yet.

    A refused robot account keeps its id when its secret is replaced, and a Harbor that was
    installed again counts its ids from the start: logins on record are those of the secret before.
    """
    clusters.forget_login(
        session, robot_account.workspace, robot_account.registry, robot_account.robot_id
    )
    robots.save_robot(session, robot_account, ciphertext)
    rotate = partial(Departure.rotate, secret_created_at=robot_account.secret_created_at)
    departures.update_departures(
        session, [robot_account.workspace], rotate, registry=robot_account.registry
    )


async def decrypt_secrets(
    registry: str, robot_accounts: Iterable[RobotAccount], cipher: Cipher
) -> Mapping[int, SecretStr]:
    """Return the decrypted secrets of robot accounts of one registry, by robot id.

    Robot accounts without a saved secret are omitted.

    Raises:
        InvalidRequest: a secret cannot be decrypted with the current keys.
    """
    encrypted_secrets = await in_transaction(robots.encrypted_secrets, registry)
    return {
        robot_account.robot_id: cipher.decrypt(encrypted_secrets[registry, robot_account.robot_id])
        for robot_account in robot_accounts
        if (registry, robot_account.robot_id) in encrypted_secrets
    }
