"""What the namespaces of each workspace log in to, with passwords, from what is on record."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from models.access.binding import Workspace
from models.clusters.pull_secret import Due
from models.core.errors import InputRefused
from models.core.settings import settings
from models.registries.registry import Kind
from models.registries.robots import Grant
from tasks.access.pull_secret_contents import Entitlement, _entitlement, entitle
from tasks.secrets.cipher import Vault
from tasks.secrets.robot_secrets import open_vault
from tasks.store.access import bindings, workspaces
from tasks.store.registries import registries, robots, spaces
from tasks.store.session import transact
from tests.support.access_builders import binding, grant, login, namespace
from tests.support.builders import NOW, PUBLIC, registry, space
from tests.support.databases import in_force, migrated_sqlite
from tests.tasks.store.tools import integrate

OLD_KEY, KEY, OTHER = (Fernet.generate_key().decode() for _ in range(3))
KEYS = "REGISTRY_INTEGRATION_SECRET_KEYS"
VAULT = Vault((KEY,))
SHOP, WEB, NOBODYS = namespace(), namespace("web", "team-b"), namespace("x", None)


@pytest.fixture(autouse=True)
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A database, and a key to seal with."""
    monkeypatch.setenv(KEYS, KEY)
    with in_force(migrated_sqlite(tmp_path)):
        yield


def with_keys(monkeypatch: pytest.MonkeyPatch, *keys: str) -> None:
    monkeypatch.setenv(KEYS, ",".join(keys))
    settings.cache_clear()


def keep(one: Grant, vault: Vault = VAULT) -> None:
    transact(robots.keep, one, vault.seal(SecretStr(f"Secret-{one.robot_id}")))


async def on_record(*many: Grant) -> None:
    """Robot accounts, and their workspaces bound to a space each."""
    integrate()
    await open_vault()
    transact(spaces.remember, "prod", [space("a")])
    for one in many:
        keep(one)
        if one.workspace:
            bind(one.workspace)


def bind(workspace: str) -> None:
    transact(workspaces.create, Workspace(name=workspace), [], at=NOW, flow_run="r")
    transact(bindings.bind, [binding("a", workspace)], at=NOW, flow_run="r")


def passwords(found: Entitlement, workspace: str) -> dict[str, str]:
    auths = json.loads(found.contents[workspace])["auths"]
    return {host: one["password"] for host, one in auths.items()}


async def test_nothing_on_record_needs_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    with_keys(monkeypatch)
    integrate()
    found = await entitle()
    assert (found.due, found.contents, found.unknown) == ({}, {}, {})
    assert found.wish([SHOP, NOBODYS]).due == {}


async def test_each_workspace_has_its_own_robot() -> None:
    await on_record(grant(1, "a"), grant(2, "a", workspace="team-b"))
    found = await entitle()
    assert found.unknown == {}
    assert passwords(found, "team-a") == {"registry.test": "Secret-1"}
    assert passwords(found, "team-b") == {"registry.test": "Secret-2"}
    content = found.contents["team-a"].encode()
    assert found.due["team-a"] == Due(
        logins=(login(),), fingerprint=found.fingerprint(content), size=len(content)
    )
    assert found.fingerprint(content) == VAULT.fingerprint(content)


async def test_the_same_again() -> None:
    await on_record(grant(1, "a"))
    assert (await entitle()).due == (await entitle()).due


async def test_only_the_youngest_robot_is_handed_out() -> None:
    await on_record(grant(1, "a"), grant(2, "a", made_at=NOW + timedelta(days=1)))
    assert passwords(await entitle(), "team-a") == {"registry.test": "Secret-2"}


async def test_without_a_binding_there_is_no_login() -> None:
    await on_record(grant(1, "a"), grant(2, "a", workspace="team-b"))
    transact(bindings.unbind, [binding("a")], "asked", at=NOW, flow_run="r")
    found = await entitle()
    assert found.due.keys() == {"team-b"}
    assert found.unknown == {}
    assert found.wish([SHOP, WEB]).due.keys() == {"web"}


async def test_the_observer_is_handed_to_nobody() -> None:
    await on_record(grant(7, workspace=""))
    found = await entitle()
    assert (found.due, found.contents) == ({}, {})


async def test_by_namespace() -> None:
    await on_record(grant(1, "a"))
    found = await entitle()
    wish = found.wish([SHOP, WEB, NOBODYS])
    assert wish.due == {"shop": found.due["team-a"]}
    assert wish.contents == {"shop": found.contents["team-a"]}
    assert wish.unknown == {}


def test_what_all_have_is_what_nobodys_namespaces_have() -> None:
    all_, own = Due(logins=(), fingerprint="all", size=1), Due(logins=(), fingerprint="o", size=1)
    found = Entitlement(
        due={"": all_, "team-a": own},
        contents={"": "{}", "team-a": "{1}"},
        unknown={"team-b": "why"},
        fingerprint=VAULT.fingerprint,
        entitled={"team-a": frozenset({"prod"})},
    )
    wish = found.wish([SHOP, WEB, NOBODYS, namespace("y", "team-c")])
    assert wish.due == {"shop": own, "x": all_, "y": all_}
    assert wish.contents == {"shop": "{1}", "x": "{}", "y": "{}"}
    assert wish.unknown == {"web": "why"}
    assert wish.entitled["shop"] == {"prod"}


def test_what_all_have_is_not_known_now() -> None:
    """Nobody keeps less for it than they have."""
    found = Entitlement({}, {}, {"": "why"}, VAULT.fingerprint)
    assert found.wish([SHOP, NOBODYS]).unknown == {"shop": "why", "x": "why"}


# Keys.


@pytest.mark.parametrize("keys", [(), (OTHER,)])
async def test_without_the_right_key_nothing_is_said_to_be_due_or_not(
    monkeypatch: pytest.MonkeyPatch, keys: tuple[str, ...]
) -> None:
    """An empty entitlement would withdraw every pull secret there is."""
    await on_record(grant(1, "a"))
    with_keys(monkeypatch, *keys)
    with pytest.raises(InputRefused, match="REGISTRY_INTEGRATION_SECRET_KEYS"):
        await entitle()


async def test_a_key_of_before_still_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    await on_record(grant(1, "a"))
    with_keys(monkeypatch, OTHER, KEY)
    assert passwords(await entitle(), "team-a") == {"registry.test": "Secret-1"}


async def test_one_secret_that_cannot_be_opened_holds_up_nobody_else() -> None:
    """Sealed by a process that ran on with a key which is gone since."""
    await on_record(grant(1, "a"))
    keep(grant(2, "a", workspace="team-b"), Vault((OLD_KEY,)))
    bind("team-b")
    keep(grant(3, workspace=""), Vault((OLD_KEY,)))
    found = await entitle()
    assert passwords(found, "team-a") == {"registry.test": "Secret-1"}
    assert found.due.keys() == found.contents.keys() == {"team-a"}
    assert found.unknown.keys() == {"team-b"}
    assert "on prod cannot be opened" in found.unknown["team-b"]
    assert "rotate-credentials" in found.unknown["team-b"]


# Docker Registries, their pull-only user given: reading its block is Prefect's.


def test_a_pull_user_that_cannot_be_read_is_no_reason_to_withdraw() -> None:
    puller, robot = login("images", None, account=""), login()
    given: dict[tuple[str, int | None], SecretStr] = {("prod", 1): SecretStr("Secret-1")}
    found = _entitlement({"team-a": (puller, robot), "team-b": (robot,)}, given, VAULT)
    assert found.due["team-a"] == found.due["team-b"]  # in case it holds what it may not
    assert found.entitled == {"team-a": {"images", "prod"}, "team-b": {"prod"}}
    assert found.unknown == {
        "team-a": "the pull-only credentials of images cannot be read, or were not given for its "
        "address: save their block again, and run update-registry with it"
    }


def test_who_logs_in_to_nothing_is_due_nothing() -> None:
    found = _entitlement({"": (), "team-a": (login(),)}, {("prod", 1): SecretStr("s")}, VAULT)
    assert found.due.keys() == {"team-a"}


def test_nothing_shows_a_password() -> None:
    found = _entitlement({"team-a": (login(),)}, {("prod", 1): SecretStr("Secret-1")}, VAULT)
    wish = found.wish([SHOP])
    assert "Secret-1" in found.contents["team-a"]
    for shown in (repr(found), str(found), repr(wish), repr(found.due), repr(found.fingerprint)):
        assert "Secret-1" not in shown
        assert found.contents["team-a"] not in shown


async def test_facts_of_docker_registries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a pull-only user nobody logs in, bound or not."""
    with_keys(monkeypatch)
    integrate(registry(Kind.DOCKER, name="images", address="http://images.test"))
    transact(workspaces.create, Workspace(name="team-a"), [], at=NOW, flow_run="r")
    transact(spaces.remember, "images", [space("a", desired=PUBLIC, observed=None)])
    transact(bindings.bind, [binding("a", registry="images")], at=NOW, flow_run="r")
    found: Any = await entitle()
    assert (found.due, found.unknown) == ({}, {})
    assert len(transact(registries.dossiers)) == 1
