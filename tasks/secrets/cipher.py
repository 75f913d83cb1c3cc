"""The vault: seals what has no other home, the secrets of robot accounts that we made.

Fernet (https://cryptography.io/en/latest/fernet/) with one or several keys from the settings: the
first seals, all open. Losing the keys loses no access: new secrets are made by rotate-credentials.
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
    """Seals and opens secrets, and tells contents apart without showing them.

    Args:
        keys: Fernet keys, newest first.

    Raises:
        InputRefused: there is no key, or one is none; the message says how to make one.
    """

    def __init__(self, keys: tuple[str, ...]) -> None:
        if not keys:
            raise InvalidRequest(
                f"there is no key to encrypt robot accounts' secrets with: {_KEY_ADVICE}"
            )
        try:
            self._current_key = Fernet(keys[0])
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError:
            raise InvalidRequest(
                f"a key for robot accounts' secrets is no Fernet key: {_KEY_ADVICE}"
            ) from None
        self._digest_key = hashlib.sha256(b"fingerprint:" + keys[0].encode()).digest()

    def encrypt(self, secret: SecretStr) -> str:
        """Encrypt a secret."""
        return self._fernet.encrypt(secret.get_secret_value().encode()).decode()

    def decrypt(self, ciphertext: str) -> SecretStr:
        """Decrypt a secret.

        Raises:
            InputRefused: none of the keys fits.
        """
        try:
            return SecretStr(self._fernet.decrypt(ciphertext.encode()).decode())
        except InvalidToken:
            raise InvalidRequest(WRONG_KEY_MESSAGE) from None

    def reencrypt(self, ciphertext: str) -> str:
        """Encrypt a sealed secret anew, with the newest key.

        Raises:
            InputRefused: none of the keys fits.
        """
        return self.encrypt(self.decrypt(ciphertext))

    def is_current(self, ciphertext: str) -> bool:
        """Whether something was sealed with the newest key."""
        try:
            self._current_key.decrypt(ciphertext.encode())
        except InvalidToken:
            return False
        return True

    def key_check(self) -> str:
        """Seal a known text, by which a wrong key is found out."""
        return self._fernet.encrypt(_KEY_CHECK_TEXT).decode()

    def fingerprint(self, content: bytes) -> str:
        """Return a keyed digest: equal for equal contents, and of no use for guessing them."""
        return hmac.new(self._digest_key, content, hashlib.sha256).hexdigest()[:32]


_KEY_ADVICE = (
    "set REGISTRY_INTEGRATION_SECRET_KEYS, or REGISTRY_INTEGRATION_SECRET_KEY_FILE to a file with "
    "one key a line. A key is made by: python -c 'from cryptography.fernet import Fernet; "
    "print(Fernet.generate_key().decode())'"
)
WRONG_KEY_MESSAGE = (
    "the key in force is not the one that robot accounts' secrets were encrypted with: put the "
    "right one back (REGISTRY_INTEGRATION_SECRET_KEYS or the key file; several may be given, "
    "newest first). Nothing was changed"
)


def cipher_from(settings: Settings) -> Cipher:
    """Return the vault with the keys in force.

    Raises:
        InputRefused: there is no key, or others than its owner can read the key file.
    """
    key_text = settings.secret_keys.get_secret_value()
    if key_text:
        return Cipher(tuple(key.strip() for key in key_text.split(",") if key.strip()))
    file = settings.key_file
    return Cipher(tuple(read_secret_file(file).split()) if file.is_file() else ())


def ephemeral_cipher() -> Cipher:
    """Return a vault with a key of the moment, for when nothing is sealed anywhere."""
    return Cipher((Fernet.generate_key().decode(),))


def create_key_file(file: Path) -> None:
    """Make a key file with one fresh key, readable by its owner alone; never replace one.

    Raises:
        FileExistsError: there is one.
    """
    create_secret_file(file, f"{Fernet.generate_key().decode()}\n")
