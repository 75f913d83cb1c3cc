"""Log in to Harbor with another credential than the administrator's."""

import base64
from collections.abc import Mapping

from models.core.errors import RegistryError
from tasks.registries.harbor.auth import LockoutPolicy, detect
from tasks.registries.http import RegistryHttpClient
from tasks.registries.protocol import Credential
from tasks.registries.wire import is_web_page

_TOKEN_PATH = "/service/token"  # noqa: S105 - a path
_REQUIRED_COMPONENTS = frozenset({"core", "database"})
"""The components without which Harbor cannot tell a right password from a wrong one."""


def basic_auth_headers(credential: Credential) -> Mapping[str, str]:
    """Return the header that carries a credential; for the registry's own origin only."""
    pair = f"{credential.username}:{credential.password.get_secret_value()}"
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


async def check_login(
    http: RegistryHttpClient, credential: Credential, lockout_policy: LockoutPolicy
) -> bool | None:
    """Find out whether a user or a robot account can log in; None if that cannot be told.

    Without a scope the token service is the one place that refuses a wrong password outright.
    Its refusal is believed as little as any other 401: only if it came slowly enough to be a
    comparison, and while Harbor's database is up.
    """
    query, headers = {"service": "harbor-registry"}, basic_auth_headers(credential)
    try:
        response = await http.get(_TOKEN_PATH, query, headers=headers, anonymous=True)
        if response.status == 200 and not is_web_page(response):
            return True
        if response.status != 401 or response.seconds < lockout_policy.min_compare_seconds:
            return None
        _, health = await detect(http)
    except RegistryError:
        return None
    return (
        False if health is not None and not health.unhealthy.keys() & _REQUIRED_COMPONENTS else None
    )
