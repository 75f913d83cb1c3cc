"""explain-access on a simulated Harbor and an emulated cluster: it asks, and changes nothing."""

from typing import Any

from deployments.simulators.docker_registry import SimulatedDockerRegistry
from deployments.simulators.docker_registry.auth import BasicAuth
from deployments.simulators.server import run_server
from flows.access.explain_access import explain_access
from flows.registries.update import update_registry
from tests.support.helpers import (
    PASSWORD,
    PASSWORDS,
    expect_failure,
    expect_success,
    harbor_with,
    integrate,
    page,
    reconcile_all_now,
    run_flow,
    save_credentials,
)
from tests.support.platform import bind, cluster_with, pull_secrets_in, register, sync


async def explain(cluster: str, namespace: str, image: str) -> dict[str, Any]:
    """Ask, and return the answer as data."""
    state = await run_flow(explain_access, cluster, namespace, image)
    assert state.is_completed(), state
    explanation: dict[str, Any] = await state.aresult()
    assert (state.message or "").startswith(explanation["answer"])
    return explanation


def link_answers(explanation: dict[str, Any]) -> dict[str, str]:
    return {link["name"]: link["answer"] for link in explanation["checks"]}


async def test_the_chain_is_told_from_the_first_broken_link_to_the_last(name: str) -> None:
    with harbor_with("team-a") as harbor, cluster_with(shop="red", lab=None) as cluster:
        image = f"{name}/team-a/app:1.0"
        await integrate(name, harbor.url)
        await register(name, cluster)

        explanation = await explain(name, "lab", image)
        assert (explanation["answer"], explanation["first_failure"]) == ("no", "workspace")
        explanation = await explain(name, "nowhere", image)
        assert (explanation["answer"], explanation["first_failure"]) == ("no", "namespace")
        explanation = await explain(name, "lab", f"{name}/library/app")
        assert explanation["answer"] == "yes"
        explanation = await explain(name, "shop", f"{name}/ghost/app")
        assert (explanation["answer"], explanation["first_failure"]) == ("no", "space")
        explanation = await explain(name, "shop", "quay.io/team-a/app")
        assert (explanation["answer"], explanation["first_failure"]) == ("unknown", "registry")
        explanation = await explain(name, "shop", image)
        assert (explanation["answer"], explanation["first_failure"]) == ("no", "binding")
        assert "bind-space" in explanation["fix"]

        await bind(name, ["team-a"], "red")
        harbor.simulator.requests.clear()
        cluster.requests.clear()
        explanation = await explain(name, "shop", f"{harbor.url.partition('//')[2]}/team-a/app")
        assert explanation["answer"] == "yes", explanation
        assert set(link_answers(explanation).values()) == {"yes"}
        assert harbor.writes() == []
        assert cluster.requests.writes() == []
        assert len(cluster.requests) == 4  # its identity, namespace, Secret and ServiceAccount

        markdown = await page(f"access-{name}-shop")
        assert "\n# ✅ Yes" in markdown
        assert "its secret is accepted" in markdown
        pull_secret = cluster.secret("shop") or {}
        secrets = [login["password"] for login in pull_secret["auths"].values()]
        assert not any(secret in markdown for secret in (*PASSWORDS, *secrets))


async def test_what_was_touched_by_hand_is_found_and_not_mended(name: str) -> None:
    with harbor_with("team-a") as harbor, cluster_with(shop="red") as cluster:
        await integrate(name, harbor.url)
        await register(name, cluster)
        await bind(name, ["team-a"], "red")
        image = f"{name}/team-a/app"

        cluster.set_image_pull_secrets("shop")
        assert (await explain(name, "shop", image))["first_failure"] == "service-account"
        cluster.edit_secret("shop", {"auths": {}})
        assert (await explain(name, "shop", image))["first_failure"] == "pull-secret"
        cluster.delete_secret("shop")
        cluster.add_foreign_secret("shop")
        explanation = await explain(name, "shop", image)
        assert "delete or rename" in explanation["fix"]
        cluster.delete_secret("shop")
        await sync()
        assert (await explain(name, "shop", image))["answer"] == "yes"

        robot = next(
            account
            for account in harbor.simulator.robots.values()
            if "observer" not in account.stored
        )
        robot.disable = True
        explanation = await explain(name, "shop", image)
        assert (explanation["answer"], explanation["first_failure"]) == ("no", "grant")
        assert "disabled" in explanation["checks"][6]["observation"]
        del harbor.simulator.robots[robot.id]
        assert "deleted" in (await explain(name, "shop", image))["checks"][6]["observation"]
        assert pull_secrets_in(name)["shop"].status == "delivered"


async def test_what_is_out_of_reach_is_unknown_and_told_from_the_record(name: str) -> None:
    with harbor_with("team-a") as harbor, cluster_with(shop="red") as cluster:
        await integrate(name, harbor.url)
        await register(name, cluster)
        await bind(name, ["team-a"], "red")
        image = f"{name}/team-a/app"
        cluster.revoke_token()
        explanation = await explain(name, "shop", image)
        assert (explanation["answer"], explanation["first_failure"]) == ("unknown", "cluster")
        fix = f"put a new kubeconfig into the block cluster-credentials/{name}"
        assert explanation["checks"][0]["fix"] == fix
        assert link_answers(explanation)["grant"] == "yes"
        assert "on record it belongs to red" in explanation["checks"][2]["observation"]
    explanation = await explain(name, "shop", image)
    assert (explanation["answer"], explanation["first_failure"]) == ("unknown", "cluster")
    assert link_answers(explanation)["registry"] == "unknown"
    await reconcile_all_now()
    assert "\n# ❔ Unknown" in await page(f"access-{name}-shop")


async def test_a_question_that_makes_no_sense_is_refused(name: str) -> None:
    with harbor_with("team-a") as harbor, cluster_with(shop="red") as cluster:
        await integrate(name, harbor.url)
        await register(name, cluster)
        message = await expect_failure(explain_access, "nowhere", "shop", f"{name}/team-a/app")
        assert "there is no cluster 'nowhere'" in message
        message = await expect_failure(explain_access, name, "shop", "nginx")
        assert "expected registry/space[/image:tag]" in message
        assert await expect_success(explain_access, name, "shop", f"{name}/library")


async def test_a_docker_registry_is_asked_whether_its_pull_only_user_gets_in(name: str) -> None:
    users = {"admin": PASSWORD, "puller": "PullOnly98765"}
    docker = SimulatedDockerRegistry(BasicAuth(users))
    docker.add_repository("team/app")
    with run_server(docker.app) as url, cluster_with(shop="red", lab="blue") as cluster:
        admin = await save_credentials(f"{name}-admin")
        credentials = await save_credentials(f"{name}-puller", "puller", "PullOnly98765")
        await integrate(name, url, "docker", credentials=admin)
        await register(name, cluster)
        await bind(name, ["team"], "red")
        explanation = await explain(name, "shop", f"{name}/team/app")
        assert (explanation["answer"], explanation["first_failure"]) == ("no", "grant")

        await expect_success(update_registry, name, pull_credentials=credentials)
        explanation = await explain(name, "shop", f"{name}/team/app")
        assert explanation["answer"] == "yes", explanation
        assert "is accepted" in explanation["checks"][6]["observation"]
        assert any("advisory" in note for note in explanation["notes"])
        assert (await explain(name, "lab", f"{name}/team/app"))["first_failure"] == "binding"

        users["puller"] = "another"
        explanation = await explain(name, "shop", f"{name}/team/app")
        assert (explanation["answer"], explanation["first_failure"]) == ("no", "grant")
        assert f"registry-credentials/{name}-puller" in explanation["fix"]
