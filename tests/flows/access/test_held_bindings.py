"""What is made again under an old name inherits nothing: its bindings are held."""

from datetime import timedelta

import pytest
from sqlmodel import update

from flows.access.explain_access import explain_access
from flows.access.resolve_held_bindings import HeldBindingAction, resolve_held_bindings
from flows.operations.bindings import hold
from flows.runs import new_run_context
from models.core.settings import get_settings
from models.registries.runs.record import EXPIRED_REASON
from models.tables import SpaceRow
from tasks import clock
from tasks.store.registries import spaces
from tasks.store.session import run_in_transaction
from tests.support.helpers import audit_events, expect_success, page, run_flow, sent_events
from tests.support.platform import (
    Platform,
    bind,
    bindings_of,
    platform,
    recorded_robots,
    robots_in,
    run_schedules,
    unbind,
)


def recreate_project(p: Platform, space: str) -> None:
    """Somebody else deletes a project and makes another one of its name."""
    if space in p.harbor.simulator.projects:
        p.harbor.simulator.delete_project(space)
    p.harbor.simulator.add_project(space)
    p.harbor.simulator.add_image(f"{space}/app", "latest")


def held_spaces(name: str) -> list[str]:
    return [binding.space for binding in bindings_of(name) if binding.is_held]


async def test_a_project_made_again_while_nobody_looked_gives_nothing_to_the_old_bindings(
    name: str,
) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a", "team-b")
        recreate_project(p, "team-a")
        before = len(p.harbor.writes())
        await run_schedules(name)
        assert len(p.harbor.writes()) == before  # no robot account is given the new project
        assert held_spaces(name) == ["team-a"]
        assert recorded_robots(name)[0].spaces == ("team-b",)
        assert not await p.pulls("shop", "team-a")
        assert await p.pulls("shop", "team-b")
        assert audit_events(name)["space.binding-held"] == 1
        await run_schedules(name)
        assert held_spaces(name) == ["team-a"]
        assert audit_events(name)["space.binding-held"] == 1


async def test_nor_does_one_that_was_missing_in_between(name: str) -> None:
    async with platform(name, "team-a") as p:
        await p.bind("team-a")
        p.harbor.simulator.delete_project("team-a")
        await run_schedules(name)
        assert held_spaces(name) == []  # it may be back, with its id
        recreate_project(p, "team-a")
        await run_schedules(name)
        assert held_spaces(name) == ["team-a"]
        assert robots_in(p.harbor) == {}
        assert p.cluster.secret("shop") is None
        assert not await p.pulls("shop", "team-a")


async def test_nor_one_that_comes_when_the_old_one_is_forgotten(name: str) -> None:
    async with platform(name, "team-a") as p:
        await p.bind("team-a")
        p.harbor.simulator.delete_project("team-a")
        await run_schedules(name)
        since = clock.now() - get_settings().missing_grace - timedelta(hours=1)
        run_in_transaction(
            lambda session: session.exec(update(SpaceRow).values(missing_since=since))
        )
        await run_schedules(name, allow_large=True)
        assert "team-a" not in {
            space.name for space in run_in_transaction(spaces.list_spaces, name)
        }
        assert held_spaces(name) == ["team-a"]
        recreate_project(p, "team-a")
        await run_schedules(name)
        assert held_spaces(name) == ["team-a"]
        assert robots_in(p.harbor) == {}
        assert not await p.pulls("shop", "team-a")


async def test_it_is_told_with_what_to_do(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await bind(name, ["team-a"], "red")
        recreate_project(p, "team-a")
        await bind(name, ["team-b"], "red")
        assert held_spaces(name) == ["team-a"]
        reasons = {binding.held_reason for binding in bindings_of(name) if binding.is_held}
        assert any("deleted and recreated in the registry" in reason for reason in reasons)
        state = await run_flow(explain_access, "eu", "shop", f"{name}/team-a/app")
        explanation = await state.aresult()
        assert (explanation["answer"], explanation["first_failure"]) == ("no", "binding")
        assert "held: " in explanation["checks"][5]["observation"]
        assert 'resolve-held-bindings with registry="' in explanation["fix"]
        await unbind(name, ["team-b"], "red")
        assert "**Held:** 1 other binding of" in await page(f"binding-{name}")
        assert (await sent_events(name))["space.binding-held"] == 1


async def test_restored_by_a_person_it_is_granted(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a", "team-b")
        recreate_project(p, "team-a")
        await run_schedules(name)
        message = await expect_success(
            resolve_held_bindings, name, HeldBindingAction.RESTORE, dry_run=True
        )
        assert message == "1 held binding would be restored; nothing was changed"
        assert held_spaces(name) == ["team-a"]
        assert "team-a" in await page(f"binding-{name}")
        message = await expect_success(
            resolve_held_bindings, name, HeldBindingAction.RESTORE, ["team-*"], ["red"]
        )
        assert message == "restored 1 held binding, in force"
        assert held_spaces(name) == []
        assert await p.grants_exactly("team-a", "team-b")
        message = await expect_success(resolve_held_bindings, name, HeldBindingAction.RESTORE)
        assert message == "no held bindings match; nothing was changed"


async def test_bind_space_restores_it_too(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a")
        recreate_project(p, "team-a")
        await run_schedules(name)
        assert "1 binding " in await bind(name, ["team-a"], "red")
        assert held_spaces(name) == []
        assert await p.grants_exactly("team-a")


@pytest.mark.parametrize("by", ["drop", "unbind"])
async def test_dropped_it_is_gone(name: str, by: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a", "team-b")
        recreate_project(p, "team-a")
        await run_schedules(name)
        if by == "drop":
            message = await expect_success(
                resolve_held_bindings, name, HeldBindingAction.DROP, ["team-a"]
            )
            assert message == "dropped 1 held binding"
        else:
            await unbind(name, ["team-a"], "red")
        assert [binding.space for binding in bindings_of(name)] == ["team-b"]
        assert not await p.pulls("shop", "team-a")
        assert await p.pulls("shop", "team-b")
        assert await p.is_in_sync()


async def test_what_is_not_there_cannot_be_restored(name: str) -> None:
    """Else it would wait for whoever takes the name."""
    async with platform(name, "team-a") as p:
        await p.bind("team-a")
        run_in_transaction(spaces.delete_spaces, name, ["team-a"])
        run_in_transaction(hold, name, {"team-a": EXPIRED_REASON}, new_run_context())
        p.harbor.simulator.delete_project("team-a")
        message = await expect_success(resolve_held_bindings, name, HeldBindingAction.RESTORE)
        assert "1 binding still held: the registry has no space team-a" in message
        assert held_spaces(name) == ["team-a"]
