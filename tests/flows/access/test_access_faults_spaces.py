"""Spaces that go and come, and a Harbor that is set otherwise or down: grants follow."""

from deployments.simulators.faults import Answer, Fault
from deployments.simulators.harbor.state import Robot
from flows.access.unbind_space import unbind_space
from flows.registries.set_visibility import set_space_visibility
from tasks.store.registries import robots
from tasks.store.session import transact
from tests.support.helpers import audited, completed, failed
from tests.support.platform import (
    LABEL,
    Platform,
    a_minute,
    bindings_of,
    grants_of,
    platform,
    robots_in,
)


def _logins(name: str) -> set[str]:
    """Those of all robot accounts on record, the one that observes too."""
    return {one.login for one in transact(robots.grants, name)}


def _observer(p: Platform) -> Robot:
    robots = p.place.harbor.robots.values()
    return next(each for each in robots if each.stored.endswith(".observer"))


async def test_another_prefix_renames_all_and_is_delivered_at_once(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await a_minute(name, first=True)  # makes a robot account to observe with
        await p.bind("team-a")
        p.place.harbor.settings.robot_name_prefix = "bot_"
        assert not await p.pulls("shop", "team-a")
        minute = await a_minute(name)
        assert minute.registry.concerns_namespaces
        assert minute.registry.plan.changes == ()
        assert all(login.startswith("bot_ri-") for login in _logins(name))
        assert await p.granted("team-a")


async def test_without_a_space_left_it_goes_and_comes_back_with_the_space(name: str) -> None:
    """A robot account whose projects are all gone could list every project."""
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a")
        was = p.place.harbor.projects["team-a"]
        p.place.harbor.delete_project("team-a")
        minute = await a_minute(name)
        assert "SpacesMissing" in minute.reasons
        assert robots_in(p.place) == {}
        assert grants_of(name) == ()
        assert p.cluster.secret("shop") is None
        before = p.writes()
        await a_minute(name)
        assert p.writes() == before
        p.place.harbor.projects[was.name] = was  # the same one is back, as from a backup
        await a_minute(name)
        assert await p.granted("team-a")
    assert audited(name)["grant.revoked"] == 1


async def test_of_several_spaces_one_goes_and_is_granted_again_when_it_is_back(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a", "team-b")
        held = p.cluster.secret("shop")
        was = p.place.harbor.projects["team-b"]
        p.place.harbor.delete_project("team-b")
        before = p.writes()
        minute = await a_minute(name)
        assert (minute.said, p.writes()) == ("", before)  # Harbor has taken it out itself
        assert [one.space for one in bindings_of(name)] == ["team-a", "team-b"]
        assert await p.pulls("shop", "team-a")
        p.place.harbor.projects[was.name] = was  # the same one is back, as from a backup
        await a_minute(name)
        assert p.cluster.secret("shop") == held
        assert await p.granted("team-a", "team-b")


async def test_public_and_private_again_is_in_force_at_once_and_no_robot_is_touched(
    name: str,
) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a")
        await completed(set_space_visibility, name, ["team-a"], "public")
        assert await p.pulls("kube-system", "team-a")
        assert await p.pulls("shop", "team-a")
        await completed(set_space_visibility, name, ["team-a"], "private")
        assert not await p.pulls("kube-system", "team-a")
        assert [each for each, _ in p.place.writes() if "robots" in each] == ["POST robots"]
        assert await p.granted("team-a")


async def test_what_was_unbound_while_harbor_was_down_is_revoked_when_it_is_back(
    name: str,
) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a", "team-b")
        p.place.faults.add(Fault(Answer(503), path="/api/.*", times=None))
        told = await failed(unbind_space, name, ["team-a"], ["red"])
        assert "unbound" in told
        assert f"{name}: " in told
        assert "503" in told
        assert await p.pulls("shop", "team-a")  # nobody can take it away there now
        p.place.faults.clear()
        await a_minute(name)
        assert await p.granted("team-b")


async def test_the_one_to_observe_with_is_made_again(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await a_minute(name, first=True)
        await p.bind("team-a")
        first = _observer(p)
        del p.place.harbor.robots[first.id]
        assert (await a_minute(name)).said == ""
        second = _observer(p)
        second.disable = True
        assert (await a_minute(name)).said == ""
        assert not _observer(p).disable
        assert await p.granted("team-a")


async def test_without_a_binding_no_login_is_handed_out_while_harbor_is_out_of_reach(
    name: str,
) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a")
        p.place.faults.add(Fault(Answer(503), times=None))
        await p.unbind("team-a")
        p.cluster.add_namespace("newcomer", {LABEL: "red"})
        await a_minute(name)
        for namespace in ("shop", "till", "newcomer"):
            assert p.cluster.secret(namespace) is None
        assert len(grants_of(name)) == 1
        p.place.faults.clear()
        await a_minute(name)
        assert await p.granted()
