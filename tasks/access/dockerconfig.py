"""What pull secrets hold: one dockerconfigjson for all registries of a namespace."""

import base64
import json
from collections.abc import Iterable, Mapping

from pydantic import SecretStr

from models.clusters.pull_secret import RegistryLogin

Passwords = Mapping[tuple[str, int | None], SecretStr]
"""Passwords by registry and robot account; a Docker Registry's pull-only user has no number."""


def build_dockerconfigjson(logins: Iterable[RegistryLogin], passwords: Passwords) -> str:
    """Return the text that the kubelet reads, the same for the same logins.

    See https://kubernetes.io/docs/tasks/configure-pod-container/pull-image-private-registry/
    """
    auths = {}
    for login in logins:
        password = passwords[login.registry, login.robot_id].get_secret_value()
        auth = base64.b64encode(f"{login.account}:{password}".encode()).decode()
        auths[login.host] = {"username": login.account, "password": password, "auth": auth}
    return json.dumps({"auths": auths}, sort_keys=True)
