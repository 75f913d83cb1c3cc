"""The pull secret is added to the ServiceAccounts that a workspace chooses."""

from deployments.simulators.kubernetes import RbacRule
from flows.access.create_workspace import create_workspace
from flows.access.explain_access import explain_access
from flows.access.update_workspace import update_workspace
from models.clusters.cluster import PULL_SECRET_NAME
from models.clusters.pull_secret import PullSecretState
from models.core.reasons import Reason
from tasks.store.access import workspaces
from tasks.store.session import run_in_transaction
from tests.support.helpers import expect_failure, expect_success, run_flow
from tests.support.platform import Platform, platform, pull_secrets_in, run_schedules

OWN = (PULL_SECRET_NAME,)


def _linked(p: Platform, namespace: str = "shop", *names: str) -> set[str]:
    """Which of these ServiceAccounts have the pull secret."""
    accounts = names or ("default", "web", "db")
    return {
        name
        for name in accounts
        if PULL_SECRET_NAME in p.cluster.image_pull_secrets(namespace, name)
    }


async def test_all_by_label_default_and_back(name: str) -> None:
    async with platform(name, "team-a") as p:
        p.cluster.add_service_account("shop", "web", {"app": "web"})
        p.cluster.add_service_account("shop", "db", {"app": "db"})
        p.cluster.set_image_pull_secrets("shop", "theirs", PULL_SECRET_NAME, account="db")
        p.cluster.add_service_account("lab", "web", {"app": "web"})
        await p.bind("team-a")
        assert _linked(p) == {"default", "db"}

        message = await expect_success(update_workspace, "red", "app=web")
        assert message == (
            "ServiceAccounts of workspace red that get the pull secret: app=web, in force"
        )
        assert _linked(p) == {"web", "db"}
        assert await p.is_in_sync()

        await expect_success(update_workspace, "red", "all")
        assert _linked(p) == {"default", "web", "db"}
        p.cluster.add_service_account("shop", "new")
        await run_schedules(name)
        assert _linked(p, "shop", "new") == {"new"}
        assert _linked(p, "lab", "default", "web") == set()
        assert await p.is_in_sync()

        await expect_success(create_workspace, "red", description="keeps its choice")
        assert run_in_transaction(workspaces.list_choices)["red"].text == "all"
        await expect_success(update_workspace, "red", "default")
        assert _linked(p, "shop", "default", "web", "db", "new") == {"default", "db"}
        assert p.cluster.image_pull_secrets("shop", "db") == ("theirs", PULL_SECRET_NAME)
        p.cluster.requests.clear()
        assert await p.is_in_sync()
        assert len(p.cluster.requests) == 3

        await expect_success(update_workspace, "red", "all")
        await p.unbind("team-a")
        assert _linked(p, "shop", "default", "web", "db", "new") == {"db"}
        assert await p.is_in_sync()


async def test_without_the_rights_the_default_ones_are_served_and_it_is_said(name: str) -> None:
    async with platform(name, "team-a") as p:
        p.cluster.limit_rights(
            RbacRule("namespaces", ("list", "get")),
            RbacRule("secrets", ("list", "get", "create", "patch", "delete"), OWN),
            RbacRule("serviceaccounts", ("list", "get", "patch"), ("default",)),
        )
        await expect_success(create_workspace, "red", service_accounts="all")
        await p.bind("team-a")
        assert await p.pulls("shop", "team-a")
        pull_secret = pull_secrets_in("eu")["shop"]
        assert (pull_secret.status, pull_secret.reason) == (
            PullSecretState.PENDING, Reason.FORBIDDEN
        )  # fmt: skip
        assert "rbac-service-accounts.yaml" in pull_secret.message
        before = p.writes()
        await run_schedules(name)
        assert p.writes() == before
        assert pull_secrets_in("eu")["shop"] == pull_secret
        await expect_success(update_workspace, "red", "default")
        assert await p.is_in_sync()


async def test_a_choice_that_is_none_changes_nothing(name: str) -> None:
    async with platform(name, "team-a") as p:
        message = await expect_failure(update_workspace, "red", "app in web")
        assert "write default, all, or a label selector such as app=web" in message
        message = await expect_failure(create_workspace, "green", service_accounts="=")
        assert "invalid choice of ServiceAccounts" in message
        assert "there is no workspace" in await expect_failure(update_workspace, "ghost", "all")
        assert run_in_transaction(workspaces.list_choices) == {}
        assert "green" not in run_in_transaction(workspaces.list_names)
        assert await p.is_in_sync()


async def test_explain_access_of_a_service_account_and_of_a_pod(name: str) -> None:
    async with platform(name, "team-a") as p:
        image = f"{name}/team-a/app:latest"

        async def explain(**options: str) -> tuple[str, str, str]:
            state = await run_flow(explain_access, "eu", "shop", image, **options)
            answer = await state.aresult()
            check = next(item for item in answer["checks"] if item["name"] == "service-account")
            return answer["answer"], check["observation"], answer["fix"]

        p.cluster.add_service_account("shop", "web", {"app": "web"})
        p.cluster.add_pod("shop", "old", "web")
        await p.bind("team-a")
        assert (await explain())[0] == "yes"
        answer, _, fix = await explain(service_account="web")
        assert (answer, "update-workspace" in fix) == ("no", True)

        await expect_success(update_workspace, "red", "app=web")
        assert (await explain(service_account="web"))[0] == "yes"
        answer, observation, _ = await explain()
        assert (answer, "all 1 chosen" in observation) == ("yes", True)
        p.cluster.add_pod("shop", "new", "web")
        assert (await explain(pod="new"))[0] == "yes"
        answer, _, fix = await explain(pod="old")
        assert (answer, "delete the pod" in fix) == ("no", True)
        p.cluster.deny("get", "pods")
        answer, observation, fix = await explain(pod="old")
        assert (answer, "may not get pods" in observation) == ("unknown", True)
        assert "ask with service_account" in fix
        message = await expect_failure(
            explain_access, "eu", "shop", image, service_account="web", pod="old"
        )
        assert "not both" in message
