"""What one tenant puts into a namespace hides and delays no other namespace."""

from flows.access.create_workspace import create_workspace
from flows.access.unbind_space import unbind_space
from flows.clusters.remove_cluster import remove_cluster
from models.clusters.cluster import PULL_SECRET_NAME
from models.clusters.link_plan import MAX_LINK_CHANGES
from models.clusters.pull_secret import PullSecretState
from models.core.reasons import Reason
from tests.support.helpers import expect_failure, expect_success
from tests.support.platform import LABEL, platform, pull_secrets_in, run_schedules

# The separators of a page are counted, also those within a text: 1,000,000 are too many.
LARGE, TOO_LARGE = "," * 600_000, "," * 1_100_000


async def test_large_objects_hide_only_their_own_namespace(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a", workspace="red")
        shop = p.cluster.raw_secret("shop")
        p.cluster.set_image_pull_secrets("shop", PULL_SECRET_NAME, TOO_LARGE)
        p.cluster.set_image_pull_secrets("till", PULL_SECRET_NAME, LARGE)
        p.cluster.set_image_pull_secrets("kube-system", LARGE)
        await p.bind("team-b", workspace="blue")
        assert await p.pulls("lab", "team-b")
        assert await p.pulls("till", "team-a")
        status = pull_secrets_in("eu")["shop"]
        assert (status.status, status.reason) == (
            PullSecretState.PENDING,
            Reason.NAMESPACE_UNREADABLE,
        )
        assert status.logins
        p.cluster.add_namespace("new", {LABEL: "red"})
        before = p.writes()
        await run_schedules(name)
        assert p.writes() == before + 2
        assert await p.pulls("new", "team-a")
        assert p.cluster.raw_secret("shop") == shop

        # What cannot be read is not removed, and the run says so.
        message = await expect_failure(unbind_space, name, ["team-a"], ["red"])
        assert "not in force yet: cluster eu: namespace shop: NamespaceUnreadable" in message
        assert "it keeps a login that it may no longer have" in message
        assert p.cluster.raw_secret("till") is None
        assert p.cluster.raw_secret("shop") == shop
        message = await expect_failure(remove_cluster, "eu", confirm=True)
        assert "was not deleted in: shop (the namespace could not be read" in message
        assert p.cluster.raw_secret("lab") is None


async def test_thousands_of_service_accounts_delay_no_other_namespace(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        for number in range(MAX_LINK_CHANGES + 50):
            p.cluster.add_service_account("shop", f"a{number:03}")
        await expect_success(create_workspace, "red", service_accounts="all")
        p.cluster.requests.clear()
        await p.bind("team-a")
        status = pull_secrets_in("eu")["shop"]
        assert (status.reason, len(status.links)) == (Reason.LINKS_PENDING, MAX_LINK_CHANGES)
        assert "of 51 more ServiceAccounts are changed by the next runs" in status.message
        assert await p.pulls("shop", "team-a")
        writes = [request.path for request in p.cluster.requests.writes()]
        shop = [path for path in writes if "/shop/" in path]
        assert (len(shop), len(writes)) == (MAX_LINK_CHANGES + 1, MAX_LINK_CHANGES + 3)
        # `till` takes its turns beside `shop`, and does not wait for its end.
        assert max(index for index, path in enumerate(writes) if "/till/" in path) < 20

        await run_schedules(name)
        assert len(pull_secrets_in("eu")["shop"].links) == MAX_LINK_CHANGES + 51
        assert await p.is_in_sync()

        await p.unbind("team-a")
        assert p.cluster.raw_secret("shop") is None
        status = pull_secrets_in("eu")["shop"]
        assert (status.reason, status.logins, len(status.links)) == (Reason.LINKS_PENDING, (), 51)
        await run_schedules(name)
        assert pull_secrets_in("eu") == {}
        accounts = [f"a{number:03}" for number in range(MAX_LINK_CHANGES + 50)]
        assert not any(p.cluster.image_pull_secrets("shop", account) for account in accounts)
        assert await p.is_in_sync()
