"""Log in to Harbor with another credential than the registry's own."""

from models.core.errors import RemoteError
from tasks.http.client import HttpClient
from tasks.registries.harbor.auth import LockoutPolicy, detect
from tasks.registries.protocol import Credential
from tasks.registries.wire import is_web_page

_TOKEN_PATH = "/service/token"  # noqa: S105 - a path
_REQUIRED_COMPONENTS = frozenset({"core", "database"})
"""Components that Harbor needs to check a password."""


async def check_login(
    http: HttpClient, credential: Credential, lockout_policy: LockoutPolicy
) -> bool | None:
    """Return whether a user or a robot account can log in; None if the result is not conclusive.

    Args:
        http: HTTP client of the registry.
        credential: the credential to try.
        lockout_policy: when to accept a 401 as a wrong password.
    """
    # Without a scope, the token service is the only endpoint that rejects a wrong password. As with
    # any 401 of Harbor, the rejection counts only if it was slow enough for a password comparison
    # and Harbor's database is healthy.
    query, headers = {"service": "harbor-registry"}, credential.basic_auth_headers
    try:
        response = await http.get(_TOKEN_PATH, query, headers=headers, anonymous=True)
        if response.status == 200 and not is_web_page(response):
            return True
        if response.status != 401 or response.seconds < lockout_policy.min_compare_seconds:
            return None
        _, health = await detect(http)
    except RemoteError:
        return None
    return (
        False if health is not None and not health.unhealthy.keys() & _REQUIRED_COMPONENTS else None
    )
