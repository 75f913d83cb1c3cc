"""Nothing of this service is left in registries and clusters, and nothing else is touched."""

from flows.decommission import decommission_all
from tasks.store.access import clusters
from tasks.store.session import run_in_transaction
from tests.support.helpers import (
    add_registry,
    expect_failure,
    expect_success,
    harbor_with,
    registry_names,
)
from tests.support.platform import bind, bindings_of, cluster_with, pulls, register, robots_in


async def test_it_shows_first_and_leaves_nothing_of_this_service(database: str) -> None:
    with (
        harbor_with("team") as hub,
        harbor_with("other") as edge,
        cluster_with(shop="red", plain=None) as cluster,
    ):
        hub.simulator.add_image("team/app", "latest")
        await add_registry("hub", hub.url)
        await add_registry("edge", edge.url)
        await register("eu", cluster)
        await bind("hub", ["team"], "red")
        await bind("edge", ["other"], "red")
        assert await pulls(hub, cluster, "shop", "team")
        before = len(hub.writes())

        message = await expect_success(decommission_all)
        assert "2 registries and 1 cluster would be removed: edge, hub, eu" in message
        assert "Enter 2 to remove them" in await expect_failure(decommission_all, 1)
        assert len(hub.writes()) == before
        assert len(bindings_of("hub")) == 1

        cluster.requests.clear()
        message = await expect_success(decommission_all, 2)
        lists = [request for request in cluster.requests if request.path.endswith("/secrets")]
        assert len(lists) == 1  # not once for each registry
        assert "this service can be uninstalled" in message
        assert robots_in(hub) == robots_in(edge) == {}
        assert "team" in hub.simulator.projects
        assert cluster.secret("shop") is None
        assert cluster.image_pull_secrets("shop") == ()
        assert registry_names() == []
        assert not run_in_transaction(clusters.list_clusters)
        assert "nothing is left" in await expect_success(decommission_all)


async def test_what_is_down_is_named_and_stops_nothing(database: str) -> None:
    with harbor_with("team") as hub, cluster_with(shop="red") as cluster:
        with harbor_with("lost") as down:
            await add_registry("down", down.url)
            await add_registry("hub", hub.url)
            await register("eu", cluster)
            await bind("down", ["lost"], "red")
            await bind("hub", ["team"], "red")
        message = await expect_failure(decommission_all, 2)
        assert "not everything" in message and "down" in message and "robot$" in message
        assert robots_in(hub) == {}
        assert cluster.secret("shop") is None
        assert registry_names() == []


async def test_a_cluster_that_is_down_is_named_once(database: str) -> None:
    with harbor_with("team") as hub, harbor_with("other") as edge:
        with cluster_with(shop="red") as cluster:
            await add_registry("hub", hub.url)
            await add_registry("edge", edge.url)
            await register("eu", cluster)
            await bind("hub", ["team"], "red")
            await bind("edge", ["other"], "red")
        message = await expect_failure(decommission_all, 2)
        assert message.count("eu") == 1 and "shop" in message
        assert "not in force yet" not in message  # nothing will follow: the cluster has no record
        assert registry_names() == []
