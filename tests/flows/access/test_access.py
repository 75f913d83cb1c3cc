"""Binding that really grants: from the wish to a pull, and back."""

from tests.support.helpers import audited, harbor_at, integrate
from tests.support.platform import (
    bindings_of,
    bound,
    cluster_with,
    deliveries_in,
    grants_of,
    pulls,
    registered,
    robots_in,
    unbound,
)


async def test_a_binding_makes_pullable_in_exactly_the_namespaces_of_the_workspace(
    name: str,
) -> None:
    with (
        harbor_at("team-a", "team-b") as place,
        cluster_with(shop="red", till="red", lab="blue") as k,
    ):
        for space in ("team-a", "team-b"):
            place.harbor.add_image(f"{space}/app", "latest")
        await integrate(name, place.url)
        await registered("prod", k)
        assert not await pulls(place, k, "shop", "team-a")

        told = await bound(name, ["team-a"], "red")
        assert "1 binding" in told
        assert await pulls(place, k, "shop", "team-a")
        assert await pulls(place, k, "till", "team-a")
        assert not await pulls(place, k, "shop", "team-b")
        assert not await pulls(place, k, "lab", "team-a")
        assert not await pulls(place, k, "kube-system", "team-a")
        assert all(one.effective_at for one in bindings_of(name))

        before = k.requests.writes()
        await bound(name, ["team-b"], "red")
        assert await pulls(place, k, "shop", "team-b")
        assert k.requests.writes() == before
        assert len(grants_of(name)) == len(robots_in(place)) == 1

        await unbound(name, ["team-a"], "red")
        assert not await pulls(place, k, "shop", "team-a")
        assert await pulls(place, k, "shop", "team-b")

        await unbound(name, ["team-b"], "red")
        assert not await pulls(place, k, "shop", "team-b")
        assert robots_in(place) == {}
        assert k.secret("shop") is None
        assert k.image_pull_secrets("shop") == ()
        assert deliveries_in("prod") == {}
    assert audited(name)["space.bound"] == 2
