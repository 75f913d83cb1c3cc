"""Encryption of the secrets of created robot accounts, which are stored in the database.

Uses Fernet (https://cryptography.io/en/latest/fernet/) with one or more keys from the settings: the
first key encrypts, all keys decrypt. If the keys are lost, rotate-credentials creates new secrets.
"""

import hashlib
import hmac
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr

from models.core.errors import InvalidRequest
from models.core.settings import Settings
from tasks.secrets.key_files import create_secret_file, read_secret_file

_KEY_CHECK_TEXT = b"registry-integration"


class Cipher:
    """Encrypts and decrypts secrets, and computes fingerprints of secret contents.

    Args:
        keys: Fernet keys, newest first.

    Raises:
        InvalidRequest: there is no key, or a key is not a Fernet key; the message explains how to
            create one.
    """

    def __init__(self, keys: tuple[str, ...]) -> None:
        if not keys:
            raise InvalidRequest(
                f"there is no key to encrypt the secrets of robot accounts: {_KEY_ADVICE}"
            )
        try:
            self._current_key = Fernet(keys[0])
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError:
            raise InvalidRequest(
                f"a key for the secrets of robot accounts is not a Fernet key: {_KEY_ADVICE}"
            ) from None
        self._digest_key = hashlib.sha256(b"fingerprint:" + keys[0].encode()).digest()

    def encrypt(self, secret: SecretStr) -> str:
        """Encrypt a secret with the newest key."""
        return self._fernet.encrypt(secret.get_secret_value().encode()).decode()

    def decrypt(self, ciphertext: str) -> SecretStr:
        """Decrypt a secret with any of the keys.

        Raises:
            InvalidRequest: no key can decrypt it.
        """
        try:
            return SecretStr(self._fernet.decrypt(ciphertext.encode()).decode())
        except InvalidToken:
            raise InvalidRequest(WRONG_KEY_MESSAGE) from None

    def reencrypt(self, ciphertext: str) -> str:
        """Decrypt a secret and encrypt it with the newest key.

        Raises:
            InvalidRequest: no key can decrypt it.
        """
        return self.encrypt(self.decrypt(ciphertext))

    def is_current(self, ciphertext: str) -> bool:
        """Return whether a ciphertext was encrypted with the newest key."""
        try:
            self._current_key.decrypt(ciphertext.encode())
        except InvalidToken:
            return False
        return True

    def key_check(self) -> str:
        """Return an encrypted constant, stored to detect a wrong key later."""
        return self._fernet.encrypt(_KEY_CHECK_TEXT).decode()

    def fingerprint(self, content: bytes) -> str:
        """Return a keyed digest: equal for equal contents, useless for guessing them offline."""
        return hmac.new(self._digest_key, content, hashlib.sha256).hexdigest()[:32]


_KEY_ADVICE = (
    "set REGISTRY_INTEGRATION_SECRET_KEYS, or set REGISTRY_INTEGRATION_SECRET_KEY_FILE to a file "
    "with one key per line. To create a key, run: python -c 'from cryptography.fernet import "
    "Fernet; print(Fernet.generate_key().decode())'"
)
WRONG_KEY_MESSAGE = (
    "the current key is not the one that robot account secrets were encrypted with: restore the "
    "correct key (REGISTRY_INTEGRATION_SECRET_KEYS or the key file; several keys are allowed, "
    "newest first). Nothing was changed"
)


def cipher_from(settings: Settings) -> Cipher:
    """Return a cipher with the keys from the settings.

    Raises:
        InvalidRequest: there is no key, or users other than its owner can access the key file.
    """
    key_text = settings.secret_keys.get_secret_value()
    if key_text:
        return Cipher(tuple(key.strip() for key in key_text.split(",") if key.strip()))
    file = settings.key_file
    return Cipher(tuple(read_secret_file(file).split()) if file.is_file() else ())


def ephemeral_cipher() -> Cipher:
    """Return a cipher with a random key, for uses where nothing is stored."""
    return Cipher((Fernet.generate_key().decode(),))


def create_key_file(file: Path) -> None:
    """Create a key file with one new key and mode 0600; never replace a file.

    Raises:
        FileExistsError: the file exists.
    """
    create_secret_file(file, f"{Fernet.generate_key().decode()}\n")
