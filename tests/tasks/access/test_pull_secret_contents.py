"""What the namespaces of each workspace log in to, with passwords, from what is on record."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from flows.operations import bindings as binding_operations
from flows.operations import memberships
from models.access.binding import Workspace
from models.clusters.pull_secret import DesiredPullSecret
from models.core.errors import InvalidRequest
from models.core.settings import get_settings
from models.registries.registry import Kind
from models.registries.robots import RobotAccount
from tasks.access.pull_secret_contents import (
    PullSecretContents,
    _build_contents,
    build_pull_secret_contents,
    load_pull_access,
)
from tasks.secrets.cipher import Cipher
from tasks.secrets.robot_secrets import load_cipher
from tasks.store.registries import registries, robots, spaces
from tasks.store.session import run_in_transaction
from tests.support.access_builders import binding, login, namespace, robot_account
from tests.support.builders import NOW, PUBLIC, registry, run_context, space
from tests.support.databases import migrated_sqlite, use_database
from tests.tasks.store.tools import integrate

OLD_KEY, KEY, OTHER = (Fernet.generate_key().decode() for _ in range(3))
KEYS = "REGISTRY_INTEGRATION_SECRET_KEYS"
VAULT = Cipher((KEY,))
SHOP, WEB, UNASSIGNED = namespace(), namespace("web", "team-b"), namespace("x", None)


@pytest.fixture(autouse=True)
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A database, and a key to seal with."""
    monkeypatch.setenv(KEYS, KEY)
    with use_database(migrated_sqlite(tmp_path)):
        yield


async def _build() -> PullSecretContents:
    return await build_pull_secret_contents(run_in_transaction(load_pull_access))


def with_keys(monkeypatch: pytest.MonkeyPatch, *keys: str) -> None:
    monkeypatch.setenv(KEYS, ",".join(keys))
    get_settings.cache_clear()


def save_account(account: RobotAccount, vault: Cipher = VAULT) -> None:
    run_in_transaction(
        robots.save_robot, account, vault.encrypt(SecretStr(f"Secret-{account.robot_id}"))
    )


async def fill_database(*accounts: RobotAccount) -> None:
    """Robot accounts, and their workspaces bound to a space each."""
    integrate()
    await load_cipher()
    run_in_transaction(spaces.save_spaces, "prod", [space("a")])
    for account in accounts:
        save_account(account)
        if account.workspace:
            bind(account.workspace)


def bind(workspace: str) -> None:
    run_in_transaction(
        memberships.add_or_update_workspace, Workspace(name=workspace), [], run_context("r")
    )
    run_in_transaction(binding_operations.bind, [binding("a", workspace)], run_context("r"))


def read_passwords(secret_contents: PullSecretContents, workspace: str) -> dict[str, str]:
    auths = json.loads(secret_contents.contents[workspace])["auths"]
    assert {f"{host}:80" for host in auths if ":" not in host} <= auths.keys()
    return {host: entry["password"] for host, entry in auths.items() if not host.endswith(":80")}


async def test_nothing_on_record_needs_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    with_keys(monkeypatch)
    integrate()
    secret_contents = await _build()
    assert (secret_contents.desired, secret_contents.contents, secret_contents.unresolved) == (
        {},
        {},
        {},
    )
    assert secret_contents.for_namespaces([SHOP, UNASSIGNED]).desired == {}


async def test_each_workspace_has_its_own_robot() -> None:
    await fill_database(robot_account(1, "a"), robot_account(2, "a", workspace="team-b"))
    secret_contents = await _build()
    assert secret_contents.unresolved == {}
    assert read_passwords(secret_contents, "team-a") == {"registry.test": "Secret-1"}
    assert read_passwords(secret_contents, "team-b") == {"registry.test": "Secret-2"}
    content = secret_contents.contents["team-a"].encode()
    assert secret_contents.desired["team-a"] == DesiredPullSecret(
        logins=(login(other_hosts=("registry.test:80",)),),
        fingerprint=secret_contents.fingerprint(content),
        byte_size=len(content),
    )
    assert secret_contents.fingerprint(content) == VAULT.fingerprint(content)


async def test_the_same_again() -> None:
    await fill_database(robot_account(1, "a"))
    assert (await _build()).desired == (await _build()).desired


async def test_only_the_youngest_robot_is_handed_out() -> None:
    await fill_database(
        robot_account(1, "a"), robot_account(2, "a", made_at=NOW + timedelta(days=1))
    )
    assert read_passwords(await _build(), "team-a") == {"registry.test": "Secret-2"}


async def test_without_a_binding_there_is_no_login() -> None:
    await fill_database(robot_account(1, "a"), robot_account(2, "a", workspace="team-b"))
    run_in_transaction(binding_operations.unbind, [binding("a")], "asked", run_context("r"))
    secret_contents = await _build()
    assert secret_contents.desired.keys() == {"team-b"}
    assert secret_contents.unresolved == {}
    assert secret_contents.for_namespaces([SHOP, WEB]).desired.keys() == {"web"}


async def test_the_observer_is_handed_to_nobody() -> None:
    await fill_database(robot_account(7, workspace=""))
    secret_contents = await _build()
    assert (secret_contents.desired, secret_contents.contents) == ({}, {})


async def test_by_namespace() -> None:
    await fill_database(robot_account(1, "a"))
    secret_contents = await _build()
    namespace_contents = secret_contents.for_namespaces([SHOP, WEB, UNASSIGNED])
    assert namespace_contents.desired == {"shop": secret_contents.desired["team-a"]}
    assert namespace_contents.contents == {"shop": secret_contents.contents["team-a"]}
    assert namespace_contents.unresolved == {}


def test_what_all_have_is_what_nobodys_namespaces_have() -> None:
    all_, own = (
        DesiredPullSecret(logins=(), fingerprint="all", byte_size=1),
        DesiredPullSecret(logins=(), fingerprint="o", byte_size=1),
    )
    secret_contents = PullSecretContents(
        desired={"": all_, "team-a": own},
        contents={"": "{}", "team-a": "{1}"},
        unresolved={"team-b": "why"},
        fingerprint=VAULT.fingerprint,
        entitled={"team-a": frozenset({("prod", 1)})},
    )
    namespace_contents = secret_contents.for_namespaces(
        [SHOP, WEB, UNASSIGNED, namespace("y", "team-c")]
    )
    assert namespace_contents.desired == {"shop": own, "x": all_, "y": all_}
    assert namespace_contents.contents == {"shop": "{1}", "x": "{}", "y": "{}"}
    assert namespace_contents.unresolved == {"web": "why"}
    assert namespace_contents.entitled["shop"] == {("prod", 1)}


def test_what_all_have_is_not_known_now() -> None:
    """Nobody keeps less for it than they have."""
    secret_contents = PullSecretContents({}, {}, {"": "why"}, VAULT.fingerprint)
    assert secret_contents.for_namespaces([SHOP, UNASSIGNED]).unresolved == {
        "shop": "why",
        "x": "why",
    }


# Keys.


@pytest.mark.parametrize("keys", [(), (OTHER,)])
async def test_without_the_right_key_nothing_is_said_to_be_due_or_not(
    monkeypatch: pytest.MonkeyPatch, keys: tuple[str, ...]
) -> None:
    """An empty entitlement would withdraw every pull secret there is."""
    await fill_database(robot_account(1, "a"))
    with_keys(monkeypatch, *keys)
    with pytest.raises(InvalidRequest, match="REGISTRY_INTEGRATION_SECRET_KEYS"):
        await _build()


async def test_a_key_of_before_still_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    await fill_database(robot_account(1, "a"))
    with_keys(monkeypatch, OTHER, KEY)
    assert read_passwords(await _build(), "team-a") == {"registry.test": "Secret-1"}


async def test_one_secret_that_cannot_be_opened_holds_up_nobody_else() -> None:
    """Sealed by a process that ran on with a key which is gone since."""
    await fill_database(robot_account(1, "a"))
    save_account(robot_account(2, "a", workspace="team-b"), Cipher((OLD_KEY,)))
    bind("team-b")
    save_account(robot_account(3, workspace=""), Cipher((OLD_KEY,)))
    secret_contents = await _build()
    assert read_passwords(secret_contents, "team-a") == {"registry.test": "Secret-1"}
    assert secret_contents.desired.keys() == secret_contents.contents.keys() == {"team-a"}
    assert secret_contents.unresolved.keys() == {"team-b"}
    assert "on prod cannot be decrypted" in secret_contents.unresolved["team-b"]
    assert "rotate-credentials" in secret_contents.unresolved["team-b"]


# Docker Registries, their pull-only user given: reading its block is Prefect's.


def test_a_pull_user_that_cannot_be_read_is_no_reason_to_withdraw() -> None:
    puller, robot = login("images", None, account=""), login()
    robot_passwords: dict[tuple[str, int | None], SecretStr] = {("prod", 1): SecretStr("Secret-1")}
    superseded = (robot_account(9), robot_account(3, registry="other"))
    secret_contents = _build_contents(
        {"team-a": (puller, robot), "team-b": (robot,)}, robot_passwords, VAULT, {}, superseded
    )
    assert (
        secret_contents.desired["team-a"] == secret_contents.desired["team-b"]
    )  # in case it holds what it may not
    assert secret_contents.entitled == {
        "team-a": {("images", None), ("prod", 1), ("prod", 9)},
        "team-b": {("prod", 1)},
    }
    assert secret_contents.unresolved == {
        "team-a": "the pull-only user of images is not delivered: its block cannot be read, is "
        "not approved for the address, or was not tried yet: run reconcile-registry; if that "
        "fails, run update-registry with the block"
    }


def test_who_logs_in_to_nothing_is_due_nothing() -> None:
    secret_contents = _build_contents(
        {"": (), "team-a": (login(),)}, {("prod", 1): SecretStr("s")}, VAULT, {}
    )
    assert secret_contents.desired.keys() == {"team-a"}


def test_nothing_shows_a_password() -> None:
    secret_contents = _build_contents(
        {"team-a": (login(),)}, {("prod", 1): SecretStr("Secret-1")}, VAULT, {}
    )
    namespace_contents = secret_contents.for_namespaces([SHOP])
    assert "Secret-1" in secret_contents.contents["team-a"]
    for text in (
        repr(secret_contents),
        str(secret_contents),
        repr(namespace_contents),
        repr(secret_contents.desired),
        repr(secret_contents.fingerprint),
    ):
        assert "Secret-1" not in text
        assert secret_contents.contents["team-a"] not in text


async def test_facts_of_docker_registries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a pull-only user nobody logs in, bound or not."""
    with_keys(monkeypatch)
    integrate(registry(Kind.DOCKER, name="images", address="http://images.test"))
    run_in_transaction(
        memberships.add_or_update_workspace, Workspace(name="team-a"), [], run_context("r")
    )
    run_in_transaction(spaces.save_spaces, "images", [space("a", desired=PUBLIC, observed=None)])
    run_in_transaction(binding_operations.bind, [binding("a", registry="images")], run_context("r"))
    secret_contents: Any = await _build()
    assert (secret_contents.desired, secret_contents.unresolved) == ({}, {})
    assert len(run_in_transaction(registries.list_registries)) == 1
