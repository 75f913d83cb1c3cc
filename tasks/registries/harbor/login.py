"""Log in to Harbor with another credential than the administrator's."""

import base64
from collections.abc import Mapping

from models.core.errors import RegistryError
from tasks.registries.harbor.auth import Doubt, kind_verdict
from tasks.registries.http import HttpClient
from tasks.registries.protocol import Credential
from tasks.registries.wire import is_web_page

_TOKEN = "/service/token"  # noqa: S105 - a path
_DECIDING = frozenset({"core", "database"})
"""The components without which Harbor cannot tell a right password from a wrong one."""


def basic(credential: Credential) -> Mapping[str, str]:
    """Return the header that carries a credential; for the registry's own origin only."""
    pair = f"{credential.username}:{credential.password.get_secret_value()}"
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


async def log_in(http: HttpClient, credential: Credential, doubt: Doubt) -> bool | None:
    """Find out whether a user or a robot account can log in; None if that cannot be told.

    Without a scope the token service is the one place that refuses a wrong password outright.
    Its refusal is believed as little as any other 401: only if it came slowly enough to be a
    comparison, and while Harbor's database is up.
    """
    query = {"service": "harbor-registry"}
    try:
        answer = await http.get(_TOKEN, query, headers=basic(credential), anonymous=True)
        if answer.status == 200 and not is_web_page(answer):
            return True
        if answer.status != 401 or answer.seconds < doubt.genuine:
            return None
        _, health = await kind_verdict(http)
    except RegistryError:
        return None
    return False if health is not None and not health.down.keys() & _DECIDING else None
