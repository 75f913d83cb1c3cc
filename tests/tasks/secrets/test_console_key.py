"""The console's key: made once, the same for all, and never one that others can read or guess."""

import errno
from pathlib import Path

import pytest

from models.core.errors import InvalidRequest
from models.core.settings import get_settings
from tasks.secrets import console_key
from tasks.secrets.console_key import ensure_console_key, read_console_key


@pytest.fixture
def key_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REGISTRY_INTEGRATION_DATA_DIR", str(tmp_path))
    get_settings.cache_clear()
    return tmp_path / "console.key"


def test_a_worker_makes_none(key_file: Path) -> None:
    assert read_console_key() is None
    assert not key_file.exists()


def test_the_first_console_makes_it_for_all(key_file: Path) -> None:
    key = ensure_console_key()
    assert len(key) >= 64
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert ensure_console_key() == read_console_key() == key


def test_the_setting_goes_before_the_file(key_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ensure_console_key()
    monkeypatch.setenv("REGISTRY_INTEGRATION_CONSOLE_SECRET_KEY", "s" * 32)
    get_settings.cache_clear()
    assert read_console_key() == ensure_console_key() == b"s" * 32


def test_a_key_that_can_be_guessed_is_refused(
    key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_INTEGRATION_CONSOLE_SECRET_KEY", "changeme")
    get_settings.cache_clear()
    with pytest.raises(InvalidRequest, match=r"CONSOLE_SECRET_KEY.*at least 32") as error:
        read_console_key()
    assert "changeme" not in str(error.value)


def test_a_file_that_others_can_read_is_refused(key_file: Path) -> None:
    ensure_console_key()
    key_file.chmod(0o640)
    for read in (read_console_key, ensure_console_key):
        with pytest.raises(InvalidRequest, match="chmod 600"):
            read()


def test_a_file_that_cannot_be_read_is_refused(
    key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(file: Path) -> str:
        raise PermissionError(errno.EACCES, "Permission denied", str(file))

    monkeypatch.setattr(console_key, "read_secret_file", refuse)
    for read in (read_console_key, ensure_console_key):
        with pytest.raises(
            InvalidRequest, match=r"the key of the console cannot be read \(Permission denied\)"
        ):
            read()


def test_a_file_that_cannot_be_written_is_refused(
    key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = key_file.parent / "file"
    file.touch()
    monkeypatch.setenv("REGISTRY_INTEGRATION_CONSOLE_KEY_FILE", str(file / "console.key"))
    get_settings.cache_clear()
    with pytest.raises(InvalidRequest, match=r"cannot be (read|created) \(.+\)"):
        ensure_console_key()


def test_a_folder_that_is_read_only_is_refused(
    key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(file: Path, content: str) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(file))

    monkeypatch.setattr(console_key, "create_secret_file", refuse)
    with pytest.raises(InvalidRequest, match=r"cannot be created \(Read-only file system\)"):
        ensure_console_key()
