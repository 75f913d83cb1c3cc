"""Recognize a pull secret of this installation by its content.

Somebody may remove the labels of our Secret. Without them it looks like a foreign one, and would
keep our login for ever. Its content is the proof: nobody else knows the secret of a robot account.
The shared pull-only user of a registry proves nothing, because a person may have saved its login
in a Secret of their own.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property

from pydantic import SecretStr

from models.core.errors import InvalidRequest
from models.registries.robots import RobotAccount
from tasks.registries.protocol import Credential
from tasks.secrets.cipher import Cipher


class OwnLogins:
    """The logins of this installation, decrypted when the first Secret without labels is seen.

    Args:
        robot_accounts: robot accounts of workspaces on record, also superseded ones.
        encrypted_secrets: their secrets by registry and robot id.
        pull_users: pull-only users of registries; they may be beside a robot account.
        cipher: decrypts the secrets.
    """

    def __init__(
        self,
        robot_accounts: Iterable[RobotAccount],
        encrypted_secrets: Mapping[tuple[str, int], str],
        pull_users: Iterable[Credential],
        cipher: Cipher,
    ) -> None:
        self._robot_accounts, self._encrypted_secrets = robot_accounts, encrypted_secrets
        self._pull_users, self._cipher = pull_users, cipher

    def is_own_content(self, content: bytes) -> bool:
        """Return whether a dockerconfigjson holds only own logins, at least one of a robot."""
        logins = parse_logins(content)
        if not logins:
            return False
        digests = {self._digest(*login) for login in logins}
        robots = digests & self._robot_digests
        return bool(robots) and digests <= robots | self._pull_user_digests

    @cached_property
    def _robot_digests(self) -> frozenset[str]:
        return frozenset(self._iterate_robot_digests())

    @cached_property
    def _pull_user_digests(self) -> frozenset[str]:
        users = ((user.username, user.password.get_secret_value()) for user in self._pull_users)
        return frozenset(self._digest(*user) for user in users)

    def _iterate_robot_digests(self) -> Iterator[str]:
        for robot in self._robot_accounts:
            text = self._encrypted_secrets.get((robot.registry, robot.robot_id))
            if text is not None:
                with suppress(InvalidRequest):  # it cannot be decrypted: it proves nothing
                    yield self._digest(robot.login, _plain(self._cipher.decrypt(text)))

    def _digest(self, user_name: str, password: str) -> str:
        # Digests, so that passwords do not stay in memory.
        return self._cipher.fingerprint(json.dumps([user_name, password]).encode())


def parse_logins(content: bytes) -> tuple[tuple[str, str], ...] | None:
    """Return the (user name, password) pairs of a dockerconfigjson.

    None if it has anything else, so that nothing unknown is taken for our own.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):  # a tenant may write anything into a Secret
        return None
    if not isinstance(document, dict) or document.keys() != {"auths"}:
        return None
    auths = document["auths"]
    if not isinstance(auths, dict):
        return None
    logins = [_parse_login(entry) for entry in auths.values()]
    complete_logins = [login for login in logins if login is not None]
    return tuple(complete_logins) if len(complete_logins) == len(logins) else None


def _parse_login(entry: object) -> tuple[str, str] | None:
    if not isinstance(entry, dict) or not entry.keys() <= {"username", "password", "auth", "email"}:
        return None
    pairs = set()
    if "username" in entry or "password" in entry:
        pairs.add((str(entry.get("username", "")), str(entry.get("password", ""))))
    if "auth" in entry:
        try:
            text = base64.b64decode(str(entry["auth"]), validate=True).decode()
        except (binascii.Error, ValueError):
            return None
        user_name, _, password = text.partition(":")
        pairs.add((user_name, password))
    return pairs.pop() if len(pairs) == 1 else None


def _plain(secret: SecretStr) -> str:
    return secret.get_secret_value()
