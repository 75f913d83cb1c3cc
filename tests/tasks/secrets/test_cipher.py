"""The vault: what it seals, what it refuses, and that it shows nothing."""

import base64
import os
import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from models.core.errors import InputRefused
from models.core.settings import Settings
from tasks.secrets.cipher import Vault, make_key_file, no_vault, vault_of
from tasks.secrets.key_files import create_secret_file

OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))
SECRET = SecretStr("Robot-Secret-1")


def settings(tmp_path: Path, keys: str = "", file: Path | None = None) -> Settings:
    return Settings(data_dir=tmp_path, secret_keys=SecretStr(keys), secret_key_file=file)


@pytest.mark.parametrize("secret", ["Robot-Secret-1", "", "pä$$ wörd\n", "x" * 10_000])
def test_what_is_sealed_is_opened(secret: str) -> None:
    sealed = Vault((NEW,)).seal(SecretStr(secret))
    assert Vault((NEW,)).open(sealed).get_secret_value() == secret
    assert secret == "" or secret not in sealed


def test_the_same_secret_is_never_sealed_the_same() -> None:
    vault = Vault((NEW,))
    assert vault.seal(SECRET) != vault.seal(SECRET)


def test_several_keys_the_first_seals_all_open() -> None:
    sealed = Vault((OLD,)).seal(SECRET)
    both = Vault((NEW, OLD))
    assert both.open(sealed) == SECRET
    assert Vault((NEW,)).open(both.seal(SECRET)) == SECRET
    with pytest.raises(InputRefused):
        Vault((OLD,)).open(both.seal(SECRET))


def test_resealed_the_old_key_may_go() -> None:
    sealed = Vault((OLD,)).seal(SECRET)
    again = Vault((NEW, OLD)).reseal(sealed)
    assert Vault((NEW,)).open(again) == SECRET


@pytest.mark.parametrize("wrong", [(OTHER,), (OTHER, NEW)])
def test_a_wrong_key_is_a_clear_error(wrong: tuple[str, ...]) -> None:
    sealed = Vault((OLD,)).seal(SECRET)
    for work in (Vault(wrong).open, Vault(wrong).reseal):
        with pytest.raises(InputRefused, match="not the one that robot accounts' secrets were"):
            work(sealed)
    with pytest.raises(InputRefused, match="REGISTRY_INTEGRATION_SECRET_KEYS"):
        Vault(wrong).open(Vault((OLD,)).canary())


@pytest.mark.parametrize("sealed", ["", "nonsense", "gAAAAA", "ä", f"{'A' * 120}"])
def test_what_was_never_sealed_is_not_opened(sealed: str) -> None:
    with pytest.raises(InputRefused):
        Vault((NEW,)).open(sealed)


def test_what_was_tampered_with_is_not_opened() -> None:
    sealed = bytearray(base64.urlsafe_b64decode(Vault((NEW,)).seal(SECRET)))
    sealed[-1] ^= 1
    with pytest.raises(InputRefused):
        Vault((NEW,)).open(base64.urlsafe_b64encode(sealed).decode())


@pytest.mark.parametrize(
    "key", ["short", "", "x" * 44, "ä" * 44, base64.urlsafe_b64encode(b"0" * 31).decode()]
)
def test_what_is_no_key_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(InputRefused, match="is no Fernet key") as caught:
        Vault((NEW, key))
    assert "Fernet.generate_key" in str(caught.value)
    assert not key or key not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_no_key_at_all() -> None:
    with pytest.raises(InputRefused, match="there is no key to encrypt"):
        Vault(())


def test_nothing_shows_a_secret_or_a_key() -> None:
    vault = Vault((NEW, OLD))
    for shown in (
        repr(vault),
        str(vault),
        repr(vault.fingerprint),
        repr(vault.open(vault.seal(SECRET))),
    ):
        for hidden in (NEW, OLD, SECRET.get_secret_value()):
            assert hidden not in shown


def test_fingerprints_tell_contents_apart_and_are_no_plain_digest() -> None:
    one, again, other = Vault((NEW,)), Vault((NEW, OLD)), Vault((OLD,))
    assert one.fingerprint(b"x") == again.fingerprint(b"x") != one.fingerprint(b"y")
    assert one.fingerprint(b"x") != other.fingerprint(b"x")
    assert no_vault().fingerprint(b"x") != no_vault().fingerprint(b"x")
    assert len(one.fingerprint(b"")) == 32


# Where keys come from.


def test_keys_of_the_settings(tmp_path: Path) -> None:
    vault = vault_of(settings(tmp_path, f" {NEW} ,, {OLD}"))
    assert vault.open(Vault((OLD,)).seal(SECRET)) == SECRET
    assert Vault((NEW,)).open(vault.seal(SECRET)) == SECRET


@pytest.mark.parametrize("keys", ["", ",", " , "])
def test_no_key_in_the_settings_and_no_file(tmp_path: Path, keys: str) -> None:
    with pytest.raises(InputRefused, match="REGISTRY_INTEGRATION_SECRET_KEY_FILE"):
        vault_of(settings(tmp_path, keys))


def test_keys_of_a_file_newest_first(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    create_secret_file(file, f"{NEW}\n\n{OLD}\n")
    vault = vault_of(settings(tmp_path, file=file))
    assert vault.open(Vault((OLD,)).seal(SECRET)) == SECRET
    assert Vault((NEW,)).open(vault.seal(SECRET)) == SECRET


def test_the_settings_win_over_the_file(tmp_path: Path) -> None:
    make_key_file(tmp_path / "secret.keys")
    assert Vault((NEW,)).open(vault_of(settings(tmp_path, NEW)).seal(SECRET)) == SECRET


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_an_empty_file(tmp_path: Path, text: str) -> None:
    create_secret_file(tmp_path / "secret.keys", text)
    with pytest.raises(InputRefused, match="there is no key"):
        vault_of(settings(tmp_path))


def test_a_file_that_others_can_read(tmp_path: Path) -> None:
    make_key_file(tmp_path / "secret.keys")
    (tmp_path / "secret.keys").chmod(0o644)
    with pytest.raises(InputRefused, match="chmod 600"):
        vault_of(settings(tmp_path))


def test_a_key_file_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        file = tmp_path / "data" / "secret.keys"
        make_key_file(file)
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert [one.name for one in file.parent.iterdir()] == ["secret.keys"]
    vault_of(settings(tmp_path / "data")).seal(SECRET)


def test_a_key_file_is_never_replaced(tmp_path: Path) -> None:
    file = tmp_path / "secret.keys"
    make_key_file(file)
    key = file.read_text()
    with pytest.raises(FileExistsError):
        make_key_file(file)
    assert file.read_text() == key
    assert [one.name for one in tmp_path.iterdir()] == ["secret.keys"]
