"""The database is lost, the registries are not: nobody loses a pull, and a person decides."""

from pathlib import Path

from flows.access.bind_space import bind_space
from models.core.reasons import Reason
from tests.support.databases import migrated_sqlite, use_database
from tests.support.helpers import add_registry, expect_failure, harbor_with
from tests.support.platform import (
    bind,
    cluster_with,
    pull_secrets_in,
    pulls,
    register,
    robots_in,
    sync,
)


async def test_a_new_installation_leaves_what_the_lost_one_delivered(
    database: str, tmp_path: Path
) -> None:
    with harbor_with("team") as harbor, cluster_with(shop="red") as cluster:
        harbor.simulator.add_image("team/app", "latest")
        await add_registry("hub", harbor.url)
        await register("eu", cluster)
        await bind("hub", ["team"], "red")
        robots_before = set(robots_in(harbor))
        new_folder = tmp_path / "new"
        new_folder.mkdir()
        with use_database(migrated_sqlite(new_folder)):
            await add_registry("hub", harbor.url)
            await register("eu", cluster)
            assert set(robots_in(harbor)) == robots_before
            assert await pulls(harbor, cluster, "shop", "team")

            message = await expect_failure(bind_space, "hub", ["team"], ["red"])
            assert "saved, not in force yet" in message
            assert pull_secrets_in("eu")["shop"].reason is Reason.OTHER_INSTALLATION
            assert await pulls(harbor, cluster, "shop", "team")
            assert set(robots_in(harbor)) > robots_before

            cluster.delete_secret("shop")  # as docs/disasters.md says
            await sync()
            assert pull_secrets_in("eu")["shop"].fingerprint
            assert await pulls(harbor, cluster, "shop", "team")
