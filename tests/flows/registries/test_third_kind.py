"""A kind of registry that the product does not know: flows, plans and pages go by its abilities."""

from typing import Any

import pytest

from deployments.simulators.kubernetes import SimulatedCluster
from flows.access.bind_space import bind_space
from flows.access.explain_access import explain_access
from flows.registries.create_space import create_space
from flows.registries.integrate import integrate_registry
from flows.registries.reconcile import reconcile_registry
from flows.registries.remove import remove_registry
from flows.registries.set_visibility import set_space_visibility
from models.core.settings import get_settings
from models.registries.changes import CreateRobot, CreateSpace, DeleteRobot, SetVisibility
from models.registries.condition import Health
from models.registries.space import Visibility
from tests.support.helpers import (
    audit_events,
    expect_failure,
    expect_success,
    integrate,
    page,
    record_of,
    registry_names,
    run_flow,
    save_credentials,
    spaces_of,
    statistics_of,
)
from tests.support.platform import (
    add_cluster,
    bind,
    bindings_of,
    cluster_with,
    pull_secrets_in,
    run_schedules,
    unbind,
)
from tests.support.toy_kind import TOY, ToyRegistry, toy_capabilities, toy_registry

ROBOTS = toy_capabilities(robot_accounts=True)
PULL_USER = toy_capabilities(robot_accounts=False, credential=True)
SECRET = "pull-only-1"


async def _explain(name: str, namespace: str, space: str) -> dict[str, Any]:
    state = await run_flow(explain_access, "eu", namespace, f"{name}/{space}/app:1")
    assert state.is_completed(), state
    explanation: dict[str, Any] = await state.aresult()
    return explanation


def _login(cluster: SimulatedCluster, namespace: str, toy: ToyRegistry) -> tuple[str, str] | None:
    """What a namespace logs in to the toy registry with."""
    login = (cluster.secret(namespace) or {"auths": {}})["auths"].get(toy.host)
    return (login["username"], login["password"]) if login else None


async def test_it_is_integrated_observed_planned_applied_and_shown(name: str) -> None:
    with toy_registry(ROBOTS) as toy:
        toy.spaces["shelf-1"] = Visibility.PUBLIC
        state = await integrate(name, toy.url, TOY)
        assert (state.type, record_of(name).health_summary.health) == ("COMPLETED", Health.HEALTHY)
        assert set(spaces_of(name)) == {"shelf-1"}
        assert statistics_of(name).storage_used == 1
        assert "Toy Box at http:" in await page(f"probe-{name}")
        assert "Toy Box, external" in await page("overview")

        assert "'team' is not a valid shelf of a Toy Box: use shelf- and a number" in (
            await expect_failure(create_space, name, ["team"])
        )
        await expect_success(create_space, name, ["shelf-2"])
        await expect_success(set_space_visibility, name, ["shelf-2"], "public")
        assert toy.spaces == dict.fromkeys(("shelf-1", "shelf-2"), Visibility.PUBLIC)
        toy.spaces["shelf-2"] = Visibility.PRIVATE
        assert "1 drift" in await expect_success(reconcile_registry, name)
        assert toy.spaces["shelf-2"] is Visibility.PUBLIC
        assert [type(change) for change in toy.changes] == [
            CreateSpace, SetVisibility, SetVisibility
        ]  # fmt: skip

        await expect_success(remove_registry, name, confirm=True)
        assert registry_names() == []
        assert audit_events(name)["registry.removed"] == 1


async def test_with_robot_accounts_each_workspace_gets_its_own(name: str) -> None:
    with toy_registry(ROBOTS) as toy, cluster_with(shop="red", lab="blue") as cluster:
        toy.spaces |= {"shelf-1": Visibility.PRIVATE, "shelf-2": Visibility.PUBLIC}
        await add_cluster("eu", cluster)
        await integrate(name, toy.url, TOY)
        await bind(name, ["shelf-1"], "red")
        (robot,) = toy.robots.values()
        assert (robot.mark.workspace, robot.spaces) == ("red", ("shelf-1",))
        assert _login(cluster, "shop", toy) == (robot.login, toy.passwords[robot.login])
        assert _login(cluster, "lab", toy) is None
        assert all(binding.effective_at for binding in bindings_of(name))
        assert "advisory" not in await page(f"binding-{name}")

        explanation = await _explain(name, "shop", "shelf-1")
        assert (explanation["answer"], explanation["first_failure"]) == ("yes", None)
        assert "its secret is accepted" in explanation["checks"][6]["observation"]
        assert (await _explain(name, "lab", "shelf-1"))["first_failure"] == "binding"
        explanation = await _explain(name, "lab", "shelf-2")
        assert explanation["answer"] == "yes"
        assert "Toy Box requires no login for it" in explanation["checks"][6]["observation"]
        assert not any("advisory" in note for note in explanation["notes"])
        toy.passwords[robot.login] = "changed by hand"
        assert (await _explain(name, "shop", "shelf-1"))["first_failure"] == "grant"
        message = await expect_failure(explain_access, "eu", "shop", f"{name}/app:1")
        assert "'app' contains no space: expected shelf/toy for a Toy Box" in message

        result = await run_schedules(name)
        assert (result.message, result.registry.plan.changes) == ("", ())
        other_address = toy.url.replace("127.0.0.1", "localhost")
        state = await integrate(f"{name}-two", other_address, TOY)
        assert f"the Toy Box that is integrated as '{name}'" in (state.message or "")
        del toy.spaces["shelf-2"]
        message = await expect_failure(bind_space, name, ["shelf-2"], ["blue"])
        assert "saved, not in force yet" in message
        assert {binding.space for binding in bindings_of(name) if not binding.effective_at} == {
            "shelf-2"
        }
        await unbind(name, ["shelf-1"], "red")
        assert [type(change) for change in toy.changes] == [CreateRobot, DeleteRobot]
        assert (toy.robots, pull_secrets_in("eu")) == ({}, {})


async def test_without_a_key_for_secrets_of_robot_accounts_nothing_is_bound(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with toy_registry(ROBOTS) as toy, cluster_with(shop="red") as cluster:
        toy.spaces["shelf-1"] = Visibility.PRIVATE
        await add_cluster("eu", cluster)
        await integrate(name, toy.url, TOY)
        monkeypatch.setenv("REGISTRY_INTEGRATION_SECRET_KEYS", "")
        get_settings.cache_clear()
        assert "SECRET_KEYS" in await expect_failure(bind_space, name, ["shelf-1"], ["red"])
        assert bindings_of(name) == ()


@pytest.mark.parametrize("public_pulls", [True, False])
async def test_without_robot_accounts_namespaces_share_a_pull_only_user(
    name: str, *, public_pulls: bool
) -> None:
    capabilities = toy_capabilities(robot_accounts=False, public_pulls=public_pulls)
    with toy_registry(capabilities) as toy, cluster_with(shop="red", lab="blue") as cluster:
        toy.spaces |= {"shelf-1": Visibility.PRIVATE, "shelf-2": Visibility.PRIVATE}
        toy.passwords["puller"] = SECRET
        puller = await save_credentials(f"{name}-pull", "puller", SECRET)
        await add_cluster("eu", cluster)
        await integrate(name, toy.url, TOY, pull_credentials=puller)
        await bind(name, ["shelf-1"], "red")
        assert toy.changes == []
        assert _login(cluster, "shop", toy) == ("puller", SECRET)
        assert _login(cluster, "lab", toy) is None
        assert all(binding.effective_at for binding in bindings_of(name))
        assert "**Privacy is advisory:** a Toy Box has no permissions per space" in (
            await page(f"binding-{name}")
        )
        explanation = await _explain(name, "shop", "shelf-1")
        assert explanation["answer"] == "yes"
        assert "the pull-only user of the block" in explanation["checks"][6]["observation"]
        assert "Privacy is advisory: a Toy Box has no" in " ".join(explanation["notes"])
        assert (await _explain(name, "lab", "shelf-1"))["first_failure"] == "binding"

        opened = 0 if public_pulls else 1
        await expect_success(
            set_space_visibility, name, ["shelf-2"], "public", opened_spaces=opened
        )
        assert toy.spaces["shelf-2"] is Visibility.PUBLIC
        assert _login(cluster, "lab", toy) == (None if public_pulls else ("puller", SECRET))
        explanation = await _explain(name, "lab", "shelf-2")
        assert explanation["answer"] == "yes"
        needs_no_login = "Toy Box requires no login" in explanation["checks"][6]["observation"]
        assert needs_no_login is public_pulls


async def test_credentials_are_asked_for_by_what_it_can_do(name: str) -> None:
    with toy_registry(PULL_USER) as toy:
        message = await expect_failure(
            integrate_registry, name, {"type": TOY, "address": toy.url}, None
        )
        assert message.startswith("Toy Box requires the credentials of a system administrator")
    with toy_registry(ROBOTS) as toy:
        puller = await save_credentials(f"{name}-pull", "puller", SECRET)
        message = await expect_failure(
            integrate_registry, name, {"type": TOY, "address": toy.url}, None, puller
        )
        assert message.startswith("pull credentials do not apply to Toy Box: a robot account")
        form = {"type": TOY, "address": toy.url, "token_service": toy.url}
        state = await run_flow(integrate_registry, name, form, None)
        assert "token_service" in (state.message or "")
    state = await run_flow(integrate_registry, name, {"type": TOY, "address": toy.url}, None)
    assert "does not match any of the expected tags: 'harbor', 'docker'" in (state.message or "")
    assert registry_names() == []
