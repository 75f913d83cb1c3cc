"""A pull secret of this installation is recognized by its content, and nothing else is."""

import base64
import json
from typing import Any

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from models.clusters.pull_secret import RegistryLogin
from tasks.access.own_logins import OwnLogins, parse_logins
from tasks.access.pull_secret_contents import build_dockerconfigjson
from tasks.registries.protocol import Credential
from tasks.secrets.cipher import Cipher
from tests.support.access_builders import login, robot_account

CIPHER = Cipher((Fernet.generate_key().decode(),))
OTHER_CIPHER = Cipher((Fernet.generate_key().decode(),))
ROBOT = robot_account(1, login="robot$red")
OLD_ROBOT = robot_account(2, login="robot$red.2")
LOST_ROBOT = robot_account(3, login="robot$blue")
SEALED = {
    ("prod", 1): CIPHER.encrypt(SecretStr("Geheim-1")),
    ("prod", 2): CIPHER.encrypt(SecretStr("two")),
    ("prod", 3): OTHER_CIPHER.encrypt(SecretStr("three")),
}
OWN = OwnLogins(
    (ROBOT, OLD_ROBOT, LOST_ROBOT), SEALED, (Credential("puller", SecretStr("p:p")),), CIPHER
)
ROBOT_LOGIN: RegistryLogin = login("prod", 1, account="robot$red", host="a.test")
PULL_LOGIN: RegistryLogin = login("dev", None, account="puller", host="b.test")


def entry(user_name: str, password: str) -> dict[str, str]:
    return {"username": user_name, "password": password}


def auth(user_name: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user_name}:{password}".encode()).decode()}


def document(*entries: Any, **more: Any) -> bytes:
    auths = {f"{number}.test": item for number, item in enumerate(entries)}
    return json.dumps({"auths": auths, **more}).encode()


def test_what_we_write_is_ours() -> None:
    passwords = {("prod", 1): SecretStr("Geheim-1"), ("dev", None): SecretStr("p:p")}
    for logins in ([ROBOT_LOGIN], [ROBOT_LOGIN, PULL_LOGIN]):
        assert OWN.is_own_content(build_dockerconfigjson(logins, passwords).encode())


@pytest.mark.parametrize(
    "content",
    [
        document(entry("robot$red", "Geheim-1")),
        document(auth("robot$red", "Geheim-1")),
        document(entry("robot$red", "Geheim-1"), entry("robot$red.2", "two")),
        document(entry("robot$red.2", "two"), auth("puller", "p:p")),
    ],
)
def test_logins_of_our_robots_are_ours(content: bytes) -> None:
    assert OWN.is_own_content(content)


@pytest.mark.parametrize(
    "content",
    [
        document(),
        document(entry("robot$red", "two")),
        document(entry("robot$blue", "three")),
        document(entry("puller", "p:p")),
        document(entry("robot$red", "Geheim-1"), entry("me", "mine")),
        document(entry("robot$red", "Geheim-1"), entry("puller", "wrong")),
        document({**entry("robot$red", "Geheim-1"), **auth("robot$red", "other")}),
        document({**entry("robot$red", "Geheim-1"), "identitytoken": "x"}),
        document(entry("robot$red", "Geheim-1"), credHelpers={"a": "b"}),
        document("robot$red"),
        document({"auth": "?"}),
        document({"auth": base64.b64encode(b"\xff\xfe").decode()}),
        b'{"auths": []}',
        b"[]",
        b"{",
        b"\xff",
        b'{"auths": {"a": {"username": 1, "password": null}}}',
    ],
)
def test_anything_else_is_not_ours(content: bytes) -> None:
    assert not OWN.is_own_content(content)


def test_deep_nesting_is_not_ours() -> None:
    assert parse_logins(b'{"auths":' + b"[" * 500_000) is None


def test_it_shows_no_password() -> None:
    assert "Geheim-1" not in repr(vars(OWN))
    OWN.is_own_content(document(entry("robot$red", "Geheim-1")))
    assert "Geheim-1" not in repr(vars(OWN))
    assert "p:p" not in repr(vars(OWN))
