"""Content of pull secrets: one dockerconfigjson for all registries of a namespace."""

import base64
import json
from collections.abc import Iterable, Mapping

from pydantic import SecretStr

from models.clusters.pull_secret import RegistryLogin

Passwords = Mapping[tuple[str, int | None], SecretStr]
"""Passwords by registry and robot account id; the id of a pull-only user is None."""


def build_dockerconfigjson(logins: Iterable[RegistryLogin], passwords: Passwords) -> str:
    """Return the dockerconfigjson text for some logins; equal logins give equal text.

    See https://kubernetes.io/docs/tasks/configure-pod-container/pull-image-private-registry/

    Raises:
        KeyError: the password of a login is missing.
    """
    auths: dict[str, dict[str, str]] = {}
    for login in logins:
        password = passwords[login.registry, login.robot_id].get_secret_value()
        auth = base64.b64encode(f"{login.account}:{password}".encode()).decode()
        entry = {"username": login.account, "password": password, "auth": auth}
        auths |= dict.fromkeys((login.host, *login.other_hosts), entry)
    return json.dumps({"auths": auths}, sort_keys=True)


def add_entries(content: str, entries: Mapping[str, object]) -> str:
    """Return a dockerconfigjson text with entries added; equal logins give equal text.

    Args:
        content: the text; empty for one without logins.
        entries: entries of other hosts.
    """
    auths = json.loads(content)["auths"] if content else {}
    return json.dumps({"auths": {**entries, **auths}}, sort_keys=True)
