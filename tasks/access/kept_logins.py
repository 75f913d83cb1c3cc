"""Logins of pull secrets whose password is known from the listed Secret only.

A registry that refuses its pull-only user must not hold up the logins of other registries: its
entry stays as it was written, and the others are written. The entries stay in this process.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from models.clusters.pull_secret import LoginKey, PullSecretStatus, RegistryLogin


class KeptEntries(NamedTuple):
    """Logins, and their entries in a dockerconfigjson by host, which are secret."""

    logins: tuple[RegistryLogin, ...] = ()
    entries: Mapping[str, object] = {}

    def __repr__(self) -> str:
        """Return the logins only."""
        return f"KeptEntries({self.logins!r})"


class KeptLogins:
    """Collects the entries of some registries from the Secrets that a run lists.

    Args:
        pull_secrets: statuses on record, which tell the logins of each content.
        registries: registries of which a password is not known.
    """

    def __init__(
        self, pull_secrets: Iterable[PullSecretStatus], registries: Collection[str]
    ) -> None:
        self._logins: dict[str, tuple[RegistryLogin, ...]] = {}
        for pull_secret in pull_secrets:
            logins = tuple(login for login in pull_secret.logins if login.registry in registries)
            if logins:
                self._logins[pull_secret.namespace] = logins
        self._entries: dict[str, dict[str, object]] = {}

    def add(self, namespace: str, content: bytes) -> None:
        """Add the content of a Secret, exactly as this installation wrote it."""
        logins = self._logins.get(namespace)
        if logins is None:
            return
        try:
            auths = json.loads(content)["auths"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return
        if not isinstance(auths, dict):
            return
        hosts = {host for login in logins for host in (login.host, *login.other_hosts)}
        self._entries[namespace] = {host: auths[host] for host in hosts if host in auths}

    def select(
        self, namespace: str, registries: Collection[str], entitled: Collection[LoginKey]
    ) -> KeptEntries:
        """Return what a namespace had of some registries, as far as it may have it now.

        A namespace that joined another workspace does not keep the robot account of the former one.
        """
        entries = self._entries.get(namespace, {})
        logins = tuple(
            login
            for login in self._logins.get(namespace, ())
            if login.registry in registries and login.key in entitled and login.host in entries
        )
        hosts = {host for login in logins for host in (login.host, *login.other_hosts)}
        return KeptEntries(logins, {host: entries[host] for host in hosts if host in entries})
