"""The identity of a managed Harbor is what is inside it, whatever its objects become."""

from datetime import timedelta

import pytest
from sqlmodel import update

from deployments.simulators.kubernetes import EmulatedCluster
from flows.access.resolve_held_bindings import Action, resolve_held_bindings
from flows.discovery.discover import discover_managed_harbors
from models.core.settings import settings
from models.discovery.managed_harbor import Managed, Standing
from models.discovery.trust import MANAGED_LABEL
from models.registries.condition import Health
from models.registries.registry import SecretRef
from models.tables import ManagedRow
from tasks import clock
from tasks.store.access import managed_harbors
from tasks.store.session import transact
from tests.support.helpers import (
    PASSWORD,
    Place,
    audited,
    completed,
    dossier,
    harbor_at,
    known,
    look_again,
    page,
)
from tests.support.platform import (
    bindings_of,
    bound,
    cluster_with,
    grants_of,
    passed,
    pulls,
    registered,
)

CORE = "main-harbor-core"


def stand_up(cluster: EmulatedCluster, place: Place, namespace: str = "hub") -> None:
    """Let the platform create a Harbor from a chart, in a namespace that is trusted."""
    cluster.add_namespace(namespace, {MANAGED_LABEL: "true"})
    cluster.add_helm_harbor(namespace, "main", place.url, PASSWORD)


def make_again(cluster: EmulatedCluster, place: Place) -> None:
    """As `kubectl replace --force` does, or an Argo CD Replace."""
    cluster.delete_helm_harbor("hub", "main")
    cluster.add_helm_harbor("hub", "main", place.url, PASSWORD)


def start_anew(place: Place, *spaces: str) -> None:
    """Another database: robot accounts are gone, and ids are given to other projects."""
    harbor = place.harbor
    harbor.robots.clear()
    for name in spaces:
        number = harbor.projects[name].id
        harbor.delete_project(name)
        harbor.ids["project"] = number - 1
        harbor.add_project(name)
        harbor.add_image(f"{name}/app", "latest")
        assert harbor.projects[name].id == number


def found(namespace: str = "hub") -> Managed | None:
    return {one.place.namespace: one for one in transact(managed_harbors.managed)}.get(namespace)


async def adopted(cluster_name: str, cluster: EmulatedCluster, place: Place) -> str:
    """A managed Harbor with a binding, that can be pulled."""
    place.harbor.add_image("team-a/app", "latest")
    await registered(cluster_name, cluster)
    stand_up(cluster, place)
    await completed(discover_managed_harbors)
    name = f"{cluster_name}-hub-main"
    await bound(name, ["team-a"], "red")
    assert await pulls(place, cluster, "shop", "team-a")
    return name


async def untouched(name: str, place: Place, cluster: EmulatedCluster) -> None:
    """Nothing was taken away, nothing was written, and all is well."""
    assert place.writes() == []
    assert cluster.requests.writes() == []
    assert [one.is_held for one in bindings_of(name)] == [False]
    assert await pulls(place, cluster, "shop", "team-a")
    told = audited(name)
    assert not {"space.unbound", "space.binding-held", "grant.revoked"} & told.keys()
    assert dossier(name).diagnosis.health is Health.HEALTHY


async def test_made_again_with_the_same_inside_nothing_is_taken_away(database: str) -> None:
    with harbor_at("team-a") as place, cluster_with(shop="red") as cluster:
        name = await adopted("i1", cluster, place)
        before = found()
        make_again(cluster, place)
        place.harbor.requests.clear()
        cluster.requests.clear()
        await completed(discover_managed_harbors)
        await look_again()
        await untouched(name, place, cluster)
        after = found()
        assert before is not None
        assert after is not None
        assert (after.standing, after.registry) == (Standing.ADOPTED, name)
        assert after.uid != before.uid
        assert audited(name)["registry.followed"] == 1
        assert "0 changes made" in await completed(discover_managed_harbors)


@pytest.mark.parametrize("first", ["reconcile", "discovery"])
async def test_made_again_with_another_inside_its_bindings_are_held(
    database: str, first: str
) -> None:
    """Also if the same ids were given to projects of the same names, and whoever looks first."""
    number = {"reconcile": "i2", "discovery": "i3"}[first]
    with harbor_at("team-a") as place, cluster_with(shop="red") as cluster:
        name = await adopted(number, cluster, place)
        make_again(cluster, place)
        start_anew(place, "team-a")
        if first == "reconcile":
            await look_again()
            assert not await pulls(place, cluster, "shop", "team-a")
        await completed(discover_managed_harbors)
        await look_again()
        assert [one.is_held for one in bindings_of(name)] == [True]
        assert grants_of(name) == ()
        assert cluster.secret("shop") is None
        assert not await pulls(place, cluster, "shop", "team-a")
        assert audited(name)["space.binding-held"] == 1
        assert dossier(name).diagnosis.health is Health.HEALTHY
        assert "0 changes made" in await completed(discover_managed_harbors)
        await completed(resolve_held_bindings, name, Action.RESTORE)
        assert await pulls(place, cluster, "shop", "team-a")


async def test_a_fake_with_all_our_names_is_another_harbor(database: str) -> None:
    with harbor_at("team-a") as place, cluster_with(shop="red") as cluster:
        name = await adopted("i4", cluster, place)
        make_again(cluster, place)
        for robot in place.harbor.robots.values():
            robot.created += timedelta(milliseconds=1)
        await completed(discover_managed_harbors)
        assert [one.is_held for one in bindings_of(name)] == [True]
        assert not await pulls(place, cluster, "shop", "team-a")


async def test_what_is_not_proved_changes_nothing_until_it_is(database: str) -> None:
    with harbor_at("team-a") as place, cluster_with(shop="red") as cluster:
        name = await adopted("i5", cluster, place)
        before = found()
        cluster.delete_helm_harbor("hub", "main")
        cluster.add_helm_harbor("hub", "main", place.url, "Wrong54321")
        place.harbor.requests.clear()
        cluster.requests.clear()
        await completed(discover_managed_harbors)
        there = found()
        assert before is not None
        assert there is not None
        assert (there.standing, there.uid) == (Standing.UNPROVED, before.uid)
        assert "not proved that this is the Harbor of i5-hub-main" in there.message
        assert f"run update-registry for {name}" in (await page("discovery")).replace("\\", "")
        assert place.writes() == []
        assert cluster.requests.writes() == []
        assert await pulls(place, cluster, "shop", "team-a")
        cluster.set_password("hub", "main", PASSWORD)
        place.harbor.requests.clear()
        await completed(discover_managed_harbors)
        assert len(place.harbor.requests) == 0  # a refused password is not tried at once
        passed(minutes=1)
        await completed(discover_managed_harbors)
        await look_again()
        await untouched(name, place, cluster)


@pytest.mark.parametrize("both", [True, False], ids=["both for a while", "one after the other"])
async def test_a_harbor_that_moves_is_followed(database: str, both: bool) -> None:
    number = "i6" if both else "i7"
    with harbor_at("team-a") as place, cluster_with(shop="red") as cluster:
        name = await adopted(number, cluster, place)
        if not both:
            cluster.delete_helm_harbor("hub", "main")
            await completed(discover_managed_harbors)
            there = found()
            assert there is not None
            assert there.standing is Standing.MISSING
        stand_up(cluster, place, "new")
        place.harbor.requests.clear()
        cluster.requests.clear()
        for _ in range(2):
            await completed(discover_managed_harbors)
            await look_again()
        if both:
            left = found()
            assert left is not None
            assert left.standing is Standing.MOVED
            cluster.delete_helm_harbor("hub", "main")
            await completed(discover_managed_harbors)
            await look_again()
        await untouched(name, place, cluster)
        assert known() == [name]
        assert found() is None
        there = found("new")
        assert there is not None
        assert (there.standing, there.registry) == (Standing.ADOPTED, name)
        credential = dossier(name).registry.credential
        assert isinstance(credential, SecretRef)
        assert credential.namespace == "new"
        assert "0 changes made" in await completed(discover_managed_harbors)


async def test_in_a_namespace_that_nobody_trusts_a_claim_is_not_even_asked(database: str) -> None:
    with harbor_at("team-a") as place, cluster_with(shop="red") as cluster:
        name = await adopted("i8", cluster, place)
        cluster.delete_helm_harbor("hub", "main")
        cluster.add_helm_harbor("shop", "main", place.url, PASSWORD)
        place.harbor.requests.clear()
        await completed(discover_managed_harbors)
        assert len(place.harbor.requests) == 0
        there = found("shop")
        assert there is not None
        assert there.standing is Standing.UNTRUSTED
        assert [one.is_held for one in bindings_of(name)] == [False]


async def test_under_another_url_a_person_decides(database: str) -> None:
    with harbor_at("team-a") as place, harbor_at() as other, cluster_with(shop="red") as cluster:
        name = await adopted("i9", cluster, place)
        cluster.delete_helm_harbor("hub", "main")
        cluster.add_helm_harbor("hub", "main", other.url, PASSWORD)
        await completed(discover_managed_harbors)
        there = found()
        assert there is not None
        assert there.standing is Standing.CONFLICT
        assert "run update-registry for i9-hub-main with the new address" in there.message
        assert len(other.harbor.requests) == 0
        assert dossier(name).registry.address == place.url
        assert await pulls(place, cluster, "shop", "team-a")


async def test_missing_beyond_the_grace_it_is_kept_with_its_bindings(database: str) -> None:
    with harbor_at("team-a") as place, cluster_with(shop="red") as cluster:
        name = await adopted("i10", cluster, place)
        cluster.delete_helm_harbor("hub", "main")
        await completed(discover_managed_harbors)
        since = clock.now() - settings().managed_grace - timedelta(hours=1)
        transact(lambda session: session.exec(update(ManagedRow).values(missing_since=since)))
        for _ in range(2):
            await completed(discover_managed_harbors, allow_large=True)
        assert known() == [name]
        assert len(bindings_of(name)) == 1
        there = found()
        assert there is not None
        assert "kept, because it has 1 binding" in there.message
        assert audited(name)["registry.missing"] == 1


async def test_a_second_address_of_a_harbor_is_not_adopted(database: str) -> None:
    with harbor_at("team-a") as place, cluster_with(shop="red") as cluster:
        name = await adopted("i11", cluster, place)
        cluster.add_namespace("two", {MANAGED_LABEL: "true"})
        url = place.url.replace("127.0.0.1", "localhost")
        cluster.add_helm_harbor("two", "main", url, PASSWORD)
        await completed(discover_managed_harbors)
        there = found("two")
        assert there is not None
        assert there.standing is Standing.CONFLICT
        assert f"another address of the Harbor that is integrated as {name}" in there.message
        assert known() == [name]
