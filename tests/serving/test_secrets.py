"""The API password and the key of saved blocks: made once, kept, and refused where others read."""

from pathlib import Path

import pytest

from deployments.environment import (
    configured_block_key,
    configured_password,
    no_proxy_environment,
    server_environment,
)
from deployments.keys import api_password, block_key
from models.core.errors import InvalidRequest


def test_the_password_is_made_once(tmp_path: Path) -> None:
    password, is_new = api_password.load_api_password(tmp_path)
    assert is_new
    assert password.startswith("operator:")
    assert len(password) > 40
    assert api_password.load_api_password(tmp_path) == (password, False)


def test_two_installations_have_two_passwords(tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    assert len({api_password.load_api_password(folder) for folder in folders}) == 2


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602])
def test_a_file_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    for name, load in (
        (api_password.PASSWORD_FILE_NAME, api_password.load_api_password),
        (block_key.BLOCK_KEY_FILE_NAME, block_key.load_block_key),
    ):
        path = tmp_path / name
        path.write_text("operator:guess\n")
        path.chmod(mode)
        with pytest.raises(InvalidRequest, match=f"chmod 600 {path}"):
            load(tmp_path)


def test_settings_of_ones_own_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_SERVER_API_AUTH_STRING", "me:it")
    monkeypatch.setenv("PREFECT_SERVER_ENCRYPTION_KEY", "own")
    monkeypatch.setenv("PREFECT_SERVER_CORS_ALLOWED_ORIGINS", "https://prefect.example.com")
    environment = server_environment(4200, configured_password(), configured_block_key())
    assert environment["PREFECT_SERVER_API_AUTH_STRING"] == "me:it"
    assert environment["PREFECT_SERVER_ENCRYPTION_KEY"] == "own"
    assert environment["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"] == "https://prefect.example.com"


def test_requests_to_our_own_server_use_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("NO_PROXY", "registry.internal")
    assert no_proxy_environment()["NO_PROXY"] == "registry.internal,127.0.0.1,localhost,::1"
    monkeypatch.delenv("NO_PROXY")
    assert no_proxy_environment()["no_proxy"] == "127.0.0.1,localhost,::1"
