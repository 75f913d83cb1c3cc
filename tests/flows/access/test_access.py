"""Binding that really grants: from the wish to a pull, and back."""

from tests.support.helpers import audit_events, harbor_with, integrate
from tests.support.platform import (
    bind,
    bindings_of,
    cluster_with,
    pull_secrets_in,
    pulls,
    recorded_robots,
    register,
    robots_in,
    unbind,
)


async def test_a_binding_makes_pullable_in_exactly_the_namespaces_of_the_workspace(
    name: str,
) -> None:
    with (
        harbor_with("team-a", "team-b") as harbor,
        cluster_with(shop="red", till="red", lab="blue") as cluster,
    ):
        for space in ("team-a", "team-b"):
            harbor.simulator.add_image(f"{space}/app", "latest")
        await integrate(name, harbor.url)
        await register("prod", cluster)
        assert not await pulls(harbor, cluster, "shop", "team-a")

        message = await bind(name, ["team-a"], "red")
        assert "1 binding" in message
        assert await pulls(harbor, cluster, "shop", "team-a")
        assert await pulls(harbor, cluster, "till", "team-a")
        assert not await pulls(harbor, cluster, "shop", "team-b")
        assert not await pulls(harbor, cluster, "lab", "team-a")
        assert not await pulls(harbor, cluster, "kube-system", "team-a")
        assert all(binding.effective_at for binding in bindings_of(name))

        before = cluster.requests.writes()
        await bind(name, ["team-b"], "red")
        assert await pulls(harbor, cluster, "shop", "team-b")
        assert cluster.requests.writes() == before
        assert len(recorded_robots(name)) == len(robots_in(harbor)) == 1

        await unbind(name, ["team-a"], "red")
        assert not await pulls(harbor, cluster, "shop", "team-a")
        assert await pulls(harbor, cluster, "shop", "team-b")

        await unbind(name, ["team-b"], "red")
        assert not await pulls(harbor, cluster, "shop", "team-b")
        assert robots_in(harbor) == {}
        assert cluster.secret("shop") is None
        assert cluster.image_pull_secrets("shop") == ()
        assert pull_secrets_in("prod") == {}
    assert audit_events(name)["space.bound"] == 2
