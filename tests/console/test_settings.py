"""The settings of the console."""

from pathlib import Path

import pytest
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_URL,
    temporary_settings,
)
from pydantic import ValidationError

from deployments.console.settings import ConsoleSettings
from models.core.errors import InvalidRequest


def _password_file(folder: Path, content: str, mode: int = 0o600) -> Path:
    file = folder / "password"
    file.write_text(content)
    file.chmod(mode)
    return file


def test_the_password_is_that_of_the_api_unless_a_file_is_given(tmp_path: Path) -> None:
    with temporary_settings({PREFECT_API_AUTH_STRING: "operator:of-the-api"}):
        assert ConsoleSettings().password == "operator:of-the-api"
        file = _password_file(tmp_path, "alice:of-the-file\n")
        assert ConsoleSettings(password_file=file).password == "alice:of-the-file"


@pytest.mark.parametrize(
    ("content", "mode", "message"),
    [
        ("no-colon", 0o600, "does not contain a line user:password"),
        ("alice:", 0o600, "does not contain a line user:password"),
        ("", 0o600, "does not contain a line user:password"),
        ("alice:secret", 0o644, "chmod 600"),
    ],
)
def test_a_password_file_that_is_unusable_is_named(
    tmp_path: Path, content: str, mode: int, message: str
) -> None:
    settings = ConsoleSettings(password_file=_password_file(tmp_path, content, mode))
    with pytest.raises(InvalidRequest, match=message) as error:
        _ = settings.password
    assert "secret" not in str(error.value)


def test_a_password_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="cannot be read"):
        _ = ConsoleSettings(password_file=tmp_path / "none").password


@pytest.mark.parametrize(
    ("settings", "missing"),
    [
        ({"user_header": "X-User"}, "TRUSTED_PROXIES"),
        ({"user_header": "X-User", "trusted_proxies": "10.0.0.0/24"}, "HOSTS"),
        ({"user_header": "X-User", "hosts": "console.example"}, "TRUSTED_PROXIES"),
    ],
)
def test_a_user_header_needs_proxies_and_hosts(settings: dict[str, str], missing: str) -> None:
    with pytest.raises(InvalidRequest, match=missing):
        ConsoleSettings(**settings).check()  # type: ignore[arg-type]


def test_networks_are_checked_at_the_start() -> None:
    with pytest.raises(ValidationError):
        ConsoleSettings(trusted_proxies="10.0.0.0/99")


def test_links_to_prefect_follow_the_api_or_the_setting() -> None:
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:4200/api"}):
        assert ConsoleSettings().prefect_url == "http://127.0.0.1:4200"
        settings = ConsoleSettings(prefect_ui_url="https://prefect.example.com/")
        assert settings.prefect_url == "https://prefect.example.com"
