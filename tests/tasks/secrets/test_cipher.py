"""The vault: what it seals, what it refuses, and that it shows nothing."""

import base64
import os
import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from models.core.errors import InvalidRequest
from models.core.settings import Settings
from tasks.secrets.cipher import Cipher, cipher_from, create_key_file, ephemeral_cipher
from tasks.secrets.key_files import create_secret_file

OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))
SECRET = SecretStr("Robot-Secret-1")


def settings(tmp_path: Path, keys: str = "", file: Path | None = None) -> Settings:
    return Settings(data_dir=tmp_path, secret_keys=SecretStr(keys), secret_key_file=file)


@pytest.mark.parametrize("secret", ["Robot-Secret-1", "", "pä$$ wörd\n", "x" * 10_000])
def test_what_is_sealed_is_opened(secret: str) -> None:
    encrypted = Cipher((NEW,)).encrypt(SecretStr(secret))
    assert Cipher((NEW,)).decrypt(encrypted).get_secret_value() == secret
    assert secret == "" or secret not in encrypted


def test_the_same_secret_is_never_sealed_the_same() -> None:
    vault = Cipher((NEW,))
    assert vault.encrypt(SECRET) != vault.encrypt(SECRET)


def test_several_keys_the_first_seals_all_open() -> None:
    encrypted = Cipher((OLD,)).encrypt(SECRET)
    rotating = Cipher((NEW, OLD))
    assert rotating.decrypt(encrypted) == SECRET
    assert Cipher((NEW,)).decrypt(rotating.encrypt(SECRET)) == SECRET
    with pytest.raises(InvalidRequest):
        Cipher((OLD,)).decrypt(rotating.encrypt(SECRET))


def test_resealed_the_old_key_may_go() -> None:
    encrypted = Cipher((OLD,)).encrypt(SECRET)
    resealed = Cipher((NEW, OLD)).reencrypt(encrypted)
    assert Cipher((NEW,)).decrypt(resealed) == SECRET


@pytest.mark.parametrize("wrong", [(OTHER,), (OTHER, NEW)])
def test_a_wrong_key_is_a_clear_error(wrong: tuple[str, ...]) -> None:
    encrypted = Cipher((OLD,)).encrypt(SECRET)
    for work in (Cipher(wrong).decrypt, Cipher(wrong).reencrypt):
        with pytest.raises(InvalidRequest, match="not the one that robot account secrets were"):
            work(encrypted)
    with pytest.raises(InvalidRequest, match="REGISTRY_INTEGRATION_SECRET_KEYS"):
        Cipher(wrong).decrypt(Cipher((OLD,)).key_check())


@pytest.mark.parametrize("encrypted", ["", "nonsense", "gAAAAA", "ä", f"{'A' * 120}"])
def test_what_was_never_sealed_is_not_opened(encrypted: str) -> None:
    with pytest.raises(InvalidRequest):
        Cipher((NEW,)).decrypt(encrypted)


def test_what_was_tampered_with_is_not_opened() -> None:
    encrypted = bytearray(base64.urlsafe_b64decode(Cipher((NEW,)).encrypt(SECRET)))
    encrypted[-1] ^= 1
    with pytest.raises(InvalidRequest):
        Cipher((NEW,)).decrypt(base64.urlsafe_b64encode(encrypted).decode())


@pytest.mark.parametrize(
    "key", ["short", "", "x" * 44, "ä" * 44, base64.urlsafe_b64encode(b"0" * 31).decode()]
)
def test_what_is_no_key_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(InvalidRequest, match="is not a Fernet key") as excinfo:
        Cipher((NEW, key))
    assert "Fernet.generate_key" in str(excinfo.value)
    assert not key or key not in str(excinfo.value)
    assert excinfo.value.__cause__ is None
    assert excinfo.value.__suppress_context__


def test_no_key_at_all() -> None:
    with pytest.raises(InvalidRequest, match="there is no key to encrypt"):
        Cipher(())


def test_nothing_shows_a_secret_or_a_key() -> None:
    vault = Cipher((NEW, OLD))
    for text in (
        repr(vault),
        str(vault),
        repr(vault.fingerprint),
        repr(vault.decrypt(vault.encrypt(SECRET))),
    ):
        for secret in (NEW, OLD, SECRET.get_secret_value()):
            assert secret not in text


def test_fingerprints_tell_contents_apart_and_are_no_plain_digest() -> None:
    first, second, other = Cipher((NEW,)), Cipher((NEW, OLD)), Cipher((OLD,))
    assert first.fingerprint(b"x") == second.fingerprint(b"x") != first.fingerprint(b"y")
    assert first.fingerprint(b"x") != other.fingerprint(b"x")
    assert ephemeral_cipher().fingerprint(b"x") != ephemeral_cipher().fingerprint(b"x")
    assert len(first.fingerprint(b"")) == 32


# Where keys come from.


def test_keys_of_the_settings(tmp_path: Path) -> None:
    vault = cipher_from(settings(tmp_path, f" {NEW} ,, {OLD}"))
    assert vault.decrypt(Cipher((OLD,)).encrypt(SECRET)) == SECRET
    assert Cipher((NEW,)).decrypt(vault.encrypt(SECRET)) == SECRET


@pytest.mark.parametrize("keys", ["", ",", " , "])
def test_no_key_in_the_settings_and_no_file(tmp_path: Path, keys: str) -> None:
    with pytest.raises(InvalidRequest, match="REGISTRY_INTEGRATION_SECRET_KEY_FILE"):
        cipher_from(settings(tmp_path, keys))


def test_keys_of_a_file_newest_first(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    create_secret_file(file, f"{NEW}\n\n{OLD}\n")
    vault = cipher_from(settings(tmp_path, file=file))
    assert vault.decrypt(Cipher((OLD,)).encrypt(SECRET)) == SECRET
    assert Cipher((NEW,)).decrypt(vault.encrypt(SECRET)) == SECRET


def test_the_settings_win_over_the_file(tmp_path: Path) -> None:
    create_key_file(tmp_path / "secret.keys")
    assert Cipher((NEW,)).decrypt(cipher_from(settings(tmp_path, NEW)).encrypt(SECRET)) == SECRET


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_an_empty_file(tmp_path: Path, text: str) -> None:
    create_secret_file(tmp_path / "secret.keys", text)
    with pytest.raises(InvalidRequest, match="there is no key"):
        cipher_from(settings(tmp_path))


def test_a_file_that_others_can_read(tmp_path: Path) -> None:
    create_key_file(tmp_path / "secret.keys")
    (tmp_path / "secret.keys").chmod(0o644)
    with pytest.raises(InvalidRequest, match="chmod 600"):
        cipher_from(settings(tmp_path))


def test_a_key_file_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        file = tmp_path / "data" / "secret.keys"
        create_key_file(file)
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert [path.name for path in file.parent.iterdir()] == ["secret.keys"]
    cipher_from(settings(tmp_path / "data")).encrypt(SECRET)


def test_a_key_file_is_never_replaced(tmp_path: Path) -> None:
    file = tmp_path / "secret.keys"
    create_key_file(file)
    key = file.read_text()
    with pytest.raises(FileExistsError):
        create_key_file(file)
    assert file.read_text() == key
    assert [path.name for path in tmp_path.iterdir()] == ["secret.keys"]
