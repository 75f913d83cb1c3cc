"""Configuration files from end to end: what they create, keep, set right and remove."""

from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from flows.configuration.apply_configuration import apply_configuration
from flows.configuration.export_configuration import export_configuration
from flows.registries.reconcile import reconcile_registry
from models.configuration.things import ThingKind
from models.core.reasons import Reason
from models.core.settings import get_settings
from models.registries.space import Visibility
from tasks.secrets.credentials import RegistryCredentials
from tasks.store.configuration import load_world
from tasks.store.session import run_in_transaction
from tests.support.helpers import (
    PASSWORD,
    HarborServer,
    audit_of,
    expect_failure,
    expect_success,
    harbor_with,
    page,
    record_of,
    registry_names,
    run_flow,
    spaces_of,
)
from tests.support.platform import bindings_of, cluster_with, pulls, save_kubeconfig, unbind

FILE = "platform/main.yaml"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "platform"
    folder.mkdir()
    monkeypatch.setenv("REGISTRY_INTEGRATION_CONFIGURATION_DIR", str(folder))
    get_settings.cache_clear()
    yield folder
    get_settings.cache_clear()


async def save_block(name: str, *origins: str) -> None:
    block = RegistryCredentials(username="admin", password=PASSWORD, origins=[*origins])
    await block.save(name, overwrite=True)


def content(name: str, url: str, *, access: bool = True, description: str = "by file") -> str:
    text = f"""\
        registries:
          {name}:
            type: harbor
            address: {url}
            credential: {{block: {name}}}
            description: {description}
        spaces:
          {name}: {{team-a: private, fresh: private}}
        clusters:
          eu: {{credential: {{block: eu}}}}
        workspaces:
          red: {{namespaces: [eu/plain]}}
        """
    bindings = f"""\
        bindings:
          - {{registry: {name}, spaces: [team-*, fresh], workspaces: [red]}}
        """
    return dedent(text) + (dedent(bindings) if access else "")


async def test_the_story_by_file(name: str, folder: Path) -> None:
    with (
        harbor_with("team-a", "team-b") as harbor,
        cluster_with(shop="red", lab=None, plain=None) as cluster,
    ):
        for space in ("team-a", "team-b"):
            harbor.simulator.add_image(f"{space}/app", "latest")
        await save_block(name, harbor.url)
        await save_kubeconfig("eu", cluster)
        (folder / "main.yaml").write_text(content(name, harbor.url))
        planned = await expect_success(apply_configuration, path=".", dry_run=True)
        assert "to create; nothing was changed" in planned
        assert registry_names() == []
        await expect_success(apply_configuration, path=".")
        assert await pulls(harbor, cluster, "shop", "team-a")
        assert await pulls(harbor, cluster, "plain", "team-b")
        assert not await pulls(harbor, cluster, "lab", "team-a")
        assert {space.name for space in spaces_of(name).values()} >= {"fresh", "team-a"}
        assert "fresh" in harbor.simulator.projects
        await _assert_nothing_to_do(name, harbor, cluster)
        await unbind(name, ["team-a"], "red")  # by hand, so it is set right
        await expect_success(apply_configuration, path=".")
        assert await pulls(harbor, cluster, "shop", "team-a")
        await _prune(name, folder, harbor, cluster)


async def _assert_nothing_to_do(name: str, harbor: HarborServer, cluster: Any) -> None:
    audited, requests = len(audit_of(name)), len(harbor.simulator.requests)
    writes = len(cluster.requests.writes())
    assert await expect_success(apply_configuration, path=".") == "nothing to do"
    assert (len(audit_of(name)), len(harbor.simulator.requests)) == (audited, requests)
    assert len(cluster.requests.writes()) == writes


async def _prune(name: str, folder: Path, harbor: HarborServer, cluster: Any) -> None:
    (folder / "main.yaml").write_text(content(name, harbor.url, access=False))
    assert await expect_success(apply_configuration, path=".") == "nothing to do"
    assert len(bindings_of(name)) == 3
    await expect_success(apply_configuration, path=".", prune=True)
    assert bindings_of(name) == ()
    assert not await pulls(harbor, cluster, "shop", "team-a")
    (folder / "main.yaml").write_text("{}")
    await expect_success(apply_configuration, path=".", prune=True)
    assert registry_names() == []
    world = run_in_transaction(load_world)
    assert (set(world.things), world.marks) == (set(), {})
    assert "team-a" in harbor.simulator.projects  # spaces and images are never deleted
    assert "- registry" in await page("configuration-platform")


async def test_one_broken_registry_never_blocks_another(name: str) -> None:
    with harbor_with("team-a") as harbor:
        await save_block(name, harbor.url, "http://127.0.0.1:9")
        text = content(name, harbor.url, access=False)
        text = text[: text.index("clusters:")]
        broken = (
            f"  broken: {{type: harbor, address: 'http://127.0.0.1:9', credential: {{block: "
            f"{name}}}}}\n  stolen: {{type: harbor, address: 'https://evil.test', credential: "
            f"{{block: {name}}}}}\n"
        )
        text = text.replace("registries:\n", f"registries:\n{broken}")
        message = await expect_failure(apply_configuration, document=text, name="ci.yaml")
        assert registry_names() == [name]
        assert "broken was not saved" in message
        assert "ci.yaml:3:26: registry stolen: block" in message
        assert "is not declared for https://evil.test" in message
        assert PASSWORD not in message
        again = await expect_failure(apply_configuration, document=text, name="ci.yaml")
        assert "nothing to do" in again
        assert spaces_of(name)["fresh"].observed is Visibility.PRIVATE


async def test_a_change_of_the_address_needs_a_declared_credential(name: str) -> None:
    with harbor_with() as harbor:
        await save_block(name, harbor.url)
        text = content(name, harbor.url, access=False)
        text = text[: text.index("spaces:")]
        await expect_success(apply_configuration, document=text)
        moved = text.replace(harbor.url, "http://localhost:9")
        message = await expect_failure(apply_configuration, document=moved)
        assert "inline.yaml:4:5: registry" in message
        assert record_of(name).registry.address == harbor.url
        described = text.replace("by file", "new text")
        await expect_success(apply_configuration, document=described)
        assert record_of(name).registry.description == "new text"


async def test_an_origin_that_is_removed_from_a_block_is_revoked(name: str) -> None:
    with harbor_with("team-a") as harbor:
        await save_block(name, harbor.url)
        text = content(name, harbor.url, access=False)
        text = text[: text.index("spaces:")]
        await expect_success(apply_configuration, document=text)
        await save_block(name, "https://other.example.com")
        requests = len(harbor.simulator.requests)
        message = await expect_failure(apply_configuration, document=text)
        assert f"inline.yaml:4:5: registry {name}: block {name} is not declared for" in message
        await run_flow(reconcile_registry, name)
        conditions = record_of(name).conditions
        assert Reason.CREDENTIAL_NOT_FOR_ORIGIN in {item.reason for item in conditions}
        assert len(harbor.simulator.requests) == requests
        await save_block(name, harbor.url)
        assert await expect_success(apply_configuration, document=text) == "nothing to do"
        await expect_success(reconcile_registry, name)


async def test_only_a_declared_pull_only_user_gets_into_pull_secrets(name: str) -> None:
    """Not the administrator of the registry whose address is the document's own."""
    await save_block(name, "http://127.0.0.1:9")
    text = (
        "registries:\n  taken: {type: docker, address: 'http://127.0.0.1:9', allow_push: true,\n"
        f"    pull_credential: {{block: {name}}}}}\n"
    )
    message = await expect_failure(apply_configuration, document=text)
    assert f"inline.yaml:3:5: registry taken: block {name} is not declared for pull" in message
    block = await RegistryCredentials.load(name)
    block.for_pull = block.allow_push = True
    await block.save(name, overwrite=True)
    message = await expect_failure(apply_configuration, document=text)
    assert "taken was not saved" in message  # nothing listens there


async def test_an_export_adopts_what_was_made_by_hand(name: str) -> None:
    with harbor_with("team-a") as harbor:
        await save_block(name, harbor.url)
        text = content(name, harbor.url, access=False)
        text = text[: text.index("clusters:")]
        await expect_success(apply_configuration, document=text, name="own.yaml")
        await expect_success(export_configuration)
        exported = (await page("configuration-export")).partition("```yaml\n")[2][:-5]
        assert PASSWORD not in exported
        message = await expect_failure(apply_configuration, document=exported, name="other.yaml")
        assert f"registry {name}: own.yaml:2 owns it" in message
        message = await expect_failure(apply_configuration, document="{}", prune=True)
        assert "enter a name of its own" in message
        assert registry_names() == [name]
        await expect_success(apply_configuration, document="{}", name="own.yaml", prune=True)
        assert registry_names() == []
        await expect_success(apply_configuration, document=exported, name="other.yaml")
        world = run_in_transaction(load_world)
        assert {key.name for key in world.marks if key.kind is ThingKind.SPACE} == {
            "team-a",
            "fresh",
        }


async def test_a_bad_request_says_what_to_do(name: str, folder: Path) -> None:
    (folder / "out.yaml").symlink_to("../secret.yaml")
    (folder.parent / "secret.yaml").write_text("hunter2")
    for arguments, expected in (
        ({}, "give either a path or a document"),
        ({"path": "../state.db"}, "is outside of"),
        ({"path": "missing.yaml"}, "cannot be read: No such file"),
        ({"path": ".."}, "is outside of"),
        ({"path": "out.yaml"}, "is outside of"),
        ({"path": "."}, "is outside of"),
        ({"document": "registries: {a: {password: hunter2}}"}, "must not contain credentials"),
    ):
        message = await expect_failure(apply_configuration, **arguments)
        assert expected in message
        assert "hunter2" not in message
