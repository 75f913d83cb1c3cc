"""explain-access on a simulated Harbor and an emulated cluster: it asks, and changes nothing."""

from typing import Any

from deployments.simulators.docker_registry import DockerRegistry
from deployments.simulators.docker_registry.auth import Basic
from deployments.simulators.server import running
from flows.access.explain_access import explain_access
from flows.registries.update import update_registry
from tests.support.helpers import (
    PASSWORD,
    PASSWORDS,
    block,
    completed,
    ended,
    failed,
    harbor_at,
    integrate,
    look_again,
    page,
)
from tests.support.platform import bound, cluster_with, deliveries_in, registered, synced


async def asked(cluster: str, namespace: str, image: str) -> dict[str, Any]:
    """Ask, and return the answer as data."""
    state = await ended(explain_access, cluster, namespace, image)
    assert state.is_completed(), state
    found: dict[str, Any] = await state.aresult()
    assert (state.message or "").startswith(found["answer"])
    return found


def links(told: dict[str, Any]) -> dict[str, str]:
    return {link["name"]: link["answer"] for link in told["links"]}


async def test_the_chain_is_told_from_the_first_broken_link_to_the_last(name: str) -> None:
    with harbor_at("team-a") as place, cluster_with(shop="red", lab=None) as k:
        image = f"{name}/team-a/app:1.0"
        await integrate(name, place.url)
        await registered(name, k)

        told = await asked(name, "lab", image)
        assert (told["answer"], told["failing"]) == ("no", "workspace")
        told = await asked(name, "nowhere", image)
        assert (told["answer"], told["failing"]) == ("no", "namespace")
        told = await asked(name, "lab", f"{name}/library/app")
        assert told["answer"] == "yes"
        told = await asked(name, "shop", f"{name}/ghost/app")
        assert (told["answer"], told["failing"]) == ("no", "space")
        told = await asked(name, "shop", "quay.io/team-a/app")
        assert (told["answer"], told["failing"]) == ("unknown", "registry")
        told = await asked(name, "shop", image)
        assert (told["answer"], told["failing"]) == ("no", "binding")
        assert "bind-space" in told["fix"]

        await bound(name, ["team-a"], "red")
        place.harbor.requests.clear()
        k.requests.clear()
        told = await asked(name, "shop", f"{place.url.partition('//')[2]}/team-a/app")
        assert told["answer"] == "yes", told
        assert set(links(told).values()) == {"yes"}
        assert place.writes() == []
        assert k.requests.writes() == []
        assert len(k.requests) == 3

        shown = await page(f"access-{name}-shop")
        assert shown.startswith("# ✅ Yes")
        assert "its secret is accepted" in shown
        held = k.secret("shop") or {}
        secrets = [each["password"] for each in held["auths"].values()]
        assert not any(secret in shown for secret in (*PASSWORDS, *secrets))


async def test_what_was_touched_by_hand_is_found_and_not_mended(name: str) -> None:
    with harbor_at("team-a") as place, cluster_with(shop="red") as k:
        await integrate(name, place.url)
        await registered(name, k)
        await bound(name, ["team-a"], "red")
        image = f"{name}/team-a/app"

        k.set_image_pull_secrets("shop")
        assert (await asked(name, "shop", image))["failing"] == "service-account"
        k.edit_secret("shop", {"auths": {}})
        assert (await asked(name, "shop", image))["failing"] == "pull-secret"
        k.delete_secret("shop")
        k.foreign_secret("shop")
        told = await asked(name, "shop", image)
        assert "delete or rename" in told["fix"]
        k.delete_secret("shop")
        await synced()
        assert (await asked(name, "shop", image))["answer"] == "yes"

        robot = next(one for one in place.harbor.robots.values() if "observer" not in one.stored)
        robot.disable = True
        told = await asked(name, "shop", image)
        assert (told["answer"], told["failing"]) == ("no", "grant")
        assert "disabled" in told["links"][6]["seen"]
        del place.harbor.robots[robot.id]
        assert "deleted" in (await asked(name, "shop", image))["links"][6]["seen"]
        assert deliveries_in(name)["shop"].status == "delivered"


async def test_what_is_out_of_reach_is_unknown_and_told_from_the_record(name: str) -> None:
    with harbor_at("team-a") as place, cluster_with(shop="red") as k:
        await integrate(name, place.url)
        await registered(name, k)
        await bound(name, ["team-a"], "red")
        image = f"{name}/team-a/app"
        k.revoke()
        told = await asked(name, "shop", image)
        assert (told["answer"], told["failing"]) == ("unknown", "cluster")
        assert links(told)["grant"] == "yes"
        assert "on record it belongs to red" in told["links"][2]["seen"]
    told = await asked(name, "shop", image)
    assert (told["answer"], told["failing"]) == ("unknown", "cluster")
    assert links(told)["registry"] == "unknown"
    await look_again()
    assert (await page(f"access-{name}-shop")).startswith("# ❔ Unknown")


async def test_a_question_that_makes_no_sense_is_refused(name: str) -> None:
    with harbor_at("team-a") as place, cluster_with(shop="red") as k:
        await integrate(name, place.url)
        await registered(name, k)
        told = await failed(explain_access, "nowhere", "shop", f"{name}/team-a/app")
        assert "there is no cluster 'nowhere'" in told
        assert "write registry/space" in await failed(explain_access, name, "shop", "nginx")
        assert await completed(explain_access, name, "shop", f"{name}/library")


async def test_a_docker_registry_is_asked_whether_its_pull_only_user_gets_in(name: str) -> None:
    users = {"admin": PASSWORD, "puller": "PullOnly98765"}
    docker = DockerRegistry(Basic(users))
    docker.add_repository("team/app")
    with running(docker.app) as url, cluster_with(shop="red", lab="blue") as k:
        admin = await block(f"{name}-admin")
        given = await block(f"{name}-puller", "puller", "PullOnly98765")
        await integrate(name, url, "docker", credentials=admin)
        await registered(name, k)
        await bound(name, ["team"], "red")
        told = await asked(name, "shop", f"{name}/team/app")
        assert (told["answer"], told["failing"]) == ("no", "grant")

        await completed(update_registry, name, pull_credentials=given)
        told = await asked(name, "shop", f"{name}/team/app")
        assert told["answer"] == "yes", told
        assert "is accepted" in told["links"][6]["seen"]
        assert any("advisory" in note for note in told["notes"])
        assert (await asked(name, "lab", f"{name}/team/app"))["failing"] == "binding"

        users["puller"] = "another"
        told = await asked(name, "shop", f"{name}/team/app")
        assert (told["answer"], told["failing"]) == ("no", "grant")
        assert f"registry-credentials/{name}-puller" in told["fix"]
