"""What pull secrets hold."""

import base64
import json

from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from models.clusters.pull_secret import MAX_SECRET_BYTES, RegistryLogin
from tasks.access.pull_secret_contents import Passwords, build_dockerconfigjson
from tests.support.access_builders import login

ROBOT = login("harbor", 1, account="robot$team-a", host="harbor.test")
USER = login("images", None, account="pull", host="docker.test:5000")
PASSWORDS: Passwords = {
    ("harbor", 1): SecretStr("Aa1bcdef"),
    ("images", None): SecretStr("pä:ss"),
    ("harbor", 2): SecretStr("of somebody else"),
}


def test_what_the_kubelet_reads() -> None:
    docker_config = json.loads(build_dockerconfigjson([ROBOT, USER], PASSWORDS))
    assert docker_config == {
        "auths": {
            "harbor.test": {
                "username": "robot$team-a",
                "password": "Aa1bcdef",
                "auth": base64.b64encode(b"robot$team-a:Aa1bcdef").decode(),
            },
            "docker.test:5000": {
                "username": "pull",
                "password": "pä:ss",
                "auth": base64.b64encode("pull:pä:ss".encode()).decode(),
            },
        }
    }


def test_no_login() -> None:
    assert json.loads(build_dockerconfigjson([], PASSWORDS)) == {"auths": {}}


def test_the_same_in_any_order() -> None:
    assert build_dockerconfigjson([ROBOT, USER], PASSWORDS) == build_dockerconfigjson(
        [USER, ROBOT], PASSWORDS
    )


def test_300_registries_fit_into_one_namespace() -> None:
    """With the longest names there may be, and Harbor's secrets of 32 characters."""
    logins = [
        RegistryLogin(
            registry=f"r{number}",
            host=f"{number:03}.{'h' * 245}.test",
            account=f"robot$ri-0a1b2c3d-{'w' * 63}.2",
            robot_id=number,
        )
        for number in range(300)
    ]
    passwords: Passwords = {
        (registry_login.registry, registry_login.robot_id): SecretStr("S" * 32)
        for registry_login in logins
    }
    text = build_dockerconfigjson(logins, passwords)
    assert len(json.loads(text)["auths"]) == 300
    assert len(text.encode()) < MAX_SECRET_BYTES / 2  # base64 in etcd makes it a third larger


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(TEXT.filter(lambda text: ":" not in text), TEXT)
def test_any_user_and_password_comes_back(account: str, password: str) -> None:
    robot_login = login("harbor", 1, account=account)
    text = build_dockerconfigjson([robot_login], {("harbor", 1): SecretStr(password)})
    (entry,) = json.loads(text)["auths"].values()
    assert base64.b64decode(entry["auth"]).decode() == f"{account}:{password}"
    assert (entry["username"], entry["password"]) == (account, password)
    assert text.isascii()
