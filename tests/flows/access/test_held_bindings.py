"""What is made again under an old name inherits nothing: its bindings are held."""

from datetime import timedelta

import pytest
from sqlmodel import update

from flows.access.explain_access import explain_access
from flows.access.resolve_held_bindings import Action, resolve_held_bindings
from models.core.settings import settings
from models.tables import SpaceRow
from tasks import clock
from tasks.store.registries import spaces
from tasks.store.session import transact
from tests.support.helpers import audited, completed, ended, page, told
from tests.support.platform import (
    Platform,
    a_minute,
    bindings_of,
    bound,
    grants_of,
    platform,
    robots_in,
    unbound,
)


def make_again(p: Platform, space: str) -> None:
    """Somebody else deletes a project and makes another one of its name."""
    if space in p.place.harbor.projects:
        p.place.harbor.delete_project(space)
    p.place.harbor.add_project(space)
    p.place.harbor.add_image(f"{space}/app", "latest")


def held(name: str) -> list[str]:
    return [one.space for one in bindings_of(name) if one.is_held]


async def test_a_project_made_again_while_nobody_looked_gives_nothing_to_the_old_bindings(
    name: str,
) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a", "team-b")
        make_again(p, "team-a")
        before = len(p.place.writes())
        await a_minute(name)
        assert len(p.place.writes()) == before  # no robot account is given the new project
        assert held(name) == ["team-a"]
        assert grants_of(name)[0].spaces == ("team-b",)
        assert not await p.pulls("shop", "team-a")
        assert await p.pulls("shop", "team-b")
        assert audited(name)["space.binding-held"] == 1
        await a_minute(name)
        assert held(name) == ["team-a"]
        assert audited(name)["space.binding-held"] == 1


async def test_nor_does_one_that_was_missing_in_between(name: str) -> None:
    async with platform(name, "team-a") as p:
        await p.bind("team-a")
        p.place.harbor.delete_project("team-a")
        await a_minute(name)
        assert held(name) == []  # it may be back, with its id
        make_again(p, "team-a")
        await a_minute(name)
        assert held(name) == ["team-a"]
        assert robots_in(p.place) == {}
        assert p.cluster.secret("shop") is None
        assert not await p.pulls("shop", "team-a")


async def test_nor_one_that_comes_when_the_old_one_is_forgotten(name: str) -> None:
    async with platform(name, "team-a") as p:
        await p.bind("team-a")
        p.place.harbor.delete_project("team-a")
        await a_minute(name)
        since = clock.now() - settings().missing_grace - timedelta(hours=1)
        transact(lambda session: session.exec(update(SpaceRow).values(missing_since=since)))
        await a_minute(name, allow_large=True)
        assert "team-a" not in {one.name for one in transact(spaces.spaces, name)}
        assert held(name) == ["team-a"]
        make_again(p, "team-a")
        await a_minute(name)
        assert held(name) == ["team-a"]
        assert robots_in(p.place) == {}
        assert not await p.pulls("shop", "team-a")


async def test_it_is_told_on_every_page_with_what_to_do(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await bound(name, ["team-a"], "red")
        make_again(p, "team-a")
        await bound(name, ["team-b"], "red")
        assert held(name) == ["team-a"]
        again = "deleted and made again in the registry"
        for key in (f"registry-{name}", "workspace-red"):
            shown = await page(key)
            assert again in shown, key
            assert "resolve-held-bindings" in shown, key
        state = await ended(explain_access, "eu", "shop", f"{name}/team-a/app")
        asked = await state.aresult()
        assert (asked["answer"], asked["failing"]) == ("no", "binding")
        assert "held: " in asked["links"][5]["seen"]
        assert 'resolve-held-bindings with registry="' in asked["fix"]
        await unbound(name, ["team-b"], "red")
        assert "**Held:** 1 other binding of" in await page(f"binding-{name}")
        assert (await told(name))["space.binding-held"] == 1


async def test_restored_by_a_person_it_is_granted(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a", "team-b")
        make_again(p, "team-a")
        await a_minute(name)
        said = await completed(resolve_held_bindings, name, Action.RESTORE, dry_run=True)
        assert said == "1 held binding to restore; nothing was changed"
        assert held(name) == ["team-a"]
        assert "team-a" in await page(f"binding-{name}")
        said = await completed(resolve_held_bindings, name, Action.RESTORE, ["team-*"], ["red"])
        assert said == "1 held binding to restore"
        assert held(name) == []
        assert await p.granted("team-a", "team-b")
        said = await completed(resolve_held_bindings, name, Action.RESTORE)
        assert said == "no held bindings match; nothing was changed"


async def test_bind_space_restores_it_too(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a")
        make_again(p, "team-a")
        await a_minute(name)
        assert "1 binding " in await bound(name, ["team-a"], "red")
        assert held(name) == []
        assert await p.granted("team-a")


@pytest.mark.parametrize("by", ["drop", "unbind"])
async def test_dropped_it_is_gone(name: str, by: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a", "team-b")
        make_again(p, "team-a")
        await a_minute(name)
        if by == "drop":
            said = await completed(resolve_held_bindings, name, Action.DROP, ["team-a"])
            assert said == "1 held binding to drop"
        else:
            await unbound(name, ["team-a"], "red")
        assert [one.space for one in bindings_of(name)] == ["team-b"]
        assert not await p.pulls("shop", "team-a")
        assert await p.pulls("shop", "team-b")
        assert await p.quiet()


async def test_what_is_not_there_cannot_be_restored(name: str) -> None:
    """Else it would wait for whoever takes the name."""
    async with platform(name, "team-a") as p:
        await p.bind("team-a")
        transact(spaces.forget, name, ["team-a"], at=clock.now(), flow_run="")
        p.place.harbor.delete_project("team-a")
        said = await completed(resolve_held_bindings, name, Action.RESTORE)
        assert "1 binding stay held, because the registry has no such space: team-a" in said
        assert held(name) == ["team-a"]
