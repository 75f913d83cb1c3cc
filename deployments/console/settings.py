"""Settings of the console, from environment variables."""

from functools import cached_property
from pathlib import Path
from typing import Annotated

from prefect.settings import get_current_settings
from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.core.errors import InvalidRequest
from models.core.network import Network, parse_networks
from tasks.secrets.key_files import read_secret_file

_MIN_TOKEN_LENGTH = 16


def _check_networks(text: str) -> str:
    parse_networks(text)
    return text


def _read_line(setting: str, file: Path) -> str:
    try:
        return read_secret_file(file).strip()
    except OSError as error:
        raise InvalidRequest(
            f"CONSOLE_{setting}: {file} cannot be read ({error.strerror})"
        ) from None


class ConsoleSettings(BaseSettings):
    """Settings, read from `REGISTRY_INTEGRATION_CONSOLE_*` variables.

    The key that signs sessions is a setting of all processes: `models.core.settings`.

    Attributes:
        host, port: where the console listens.
        password_file: file with the line `user:password` that the login page accepts; None means
            the password of the Prefect API.
        user_header: header in which a trusted proxy names the user; empty turns this off.
        trusted_proxies: comma-separated networks in CIDR notation, from which the header counts.
        hosts: comma-separated host names under which browsers reach the console through that proxy;
            the header counts for no other, so a page whose name is pointed at the proxy (DNS
            rebinding) acts for nobody.
        session_hours: how long a login is valid.
        secure_cookie: whether browsers send the cookie over https only; without it, this holds if
            the login itself used https.
        metrics_token_file: file with the token that Prometheus sends; None turns the metrics off.
        prefect_ui_url: address of the Prefect UI for links; empty means that of the Prefect API.
    """

    model_config = SettingsConfigDict(env_prefix="REGISTRY_INTEGRATION_CONSOLE_", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(default=4201, ge=1, le=65535)
    password_file: Path | None = None
    user_header: str = ""
    trusted_proxies: Annotated[str, AfterValidator(_check_networks)] = ""
    hosts: str = ""
    session_hours: float = Field(default=12, gt=0)
    secure_cookie: bool = False
    metrics_token_file: Path | None = None
    prefect_ui_url: str = ""

    @property
    def proxy_networks(self) -> tuple[Network, ...]:
        """The networks of trusted proxies."""
        return parse_networks(self.trusted_proxies)

    @property
    def host_names(self) -> frozenset[str]:
        """The host names of `hosts`, in lower case."""
        return frozenset(name.strip().lower() for name in self.hosts.split(",") if name.strip())

    def check(self) -> None:
        """Check what would otherwise be noticed at the first login.

        Raises:
            InvalidRequest: the password cannot be read, or the user header is set without the
                proxies and host names for which it counts.
        """
        _ = self.password, self.metrics_token
        for name, value in (("TRUSTED_PROXIES", self.trusted_proxies), ("HOSTS", self.hosts)):
            if self.user_header and not value.strip():
                raise InvalidRequest(
                    f"REGISTRY_INTEGRATION_CONSOLE_USER_HEADER is set without …_{name}: nobody "
                    "could log in. Set both, see docs/settings.md"
                )

    @cached_property
    def password(self) -> str:
        """The line `user:password` that the login page accepts; empty if there is none.

        Raises:
            InvalidRequest: the password file cannot be read, or is not such a line.
        """
        if self.password_file is None:
            secret = get_current_settings().api.auth_string
            return secret.get_secret_value() if secret else ""
        line = _read_line("PASSWORD_FILE", self.password_file)
        if not all(line.partition(":")):
            raise InvalidRequest(
                f"CONSOLE_PASSWORD_FILE: {self.password_file} does not contain a line user:password"
            )
        return line

    @cached_property
    def metrics_token(self) -> str:
        """The token of the metrics page; empty if it is off.

        A file that does not exist turns it off: in Kubernetes it is an optional key of a Secret.

        Raises:
            InvalidRequest: the file cannot be read, or has fewer than 16 characters.
        """
        if self.metrics_token_file is None or not self.metrics_token_file.exists():
            return ""
        token = _read_line("METRICS_TOKEN_FILE", self.metrics_token_file)
        if len(token) < _MIN_TOKEN_LENGTH:
            raise InvalidRequest(
                f"CONSOLE_METRICS_TOKEN_FILE: {self.metrics_token_file} has fewer than "
                f"{_MIN_TOKEN_LENGTH} characters; create one with: openssl rand -hex 24"
            )
        return token

    @property
    def prefect_url(self) -> str:
        """Address of the Prefect UI, without a slash at the end; empty if it is not known."""
        api_url = get_current_settings().api.url or ""
        return (self.prefect_ui_url or api_url.removesuffix("/api")).rstrip("/")
