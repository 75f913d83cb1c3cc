"""Clusters out of reach or touched by hand: nothing is withdrawn by mistake, all follows later."""

from collections.abc import Callable

from deployments.simulators.faults import Fault, Respond
from deployments.simulators.kubernetes import AdmissionRule
from flows.access.bind_space import bind_space
from flows.access.unbind_space import unbind_space
from flows.clusters.sync_namespaces import sync_namespaces
from models.clusters.pull_secret import PullSecretState
from models.core.reasons import Reason
from models.tables import AuditRow
from tasks.store.access import clusters
from tasks.store.session import run_in_transaction
from tests.support.helpers import expect_failure, expect_success
from tests.support.platform import (
    LABEL,
    Platform,
    add_cluster,
    advance_time,
    bindings_of,
    cluster_with,
    platform,
    pull_secrets_in,
    recorded_robots,
    robots_in,
    run_schedules,
)
from tests.tasks.store.tools import rows


async def _check_repair(p: Platform, reason: str, edit: Callable[[], None]) -> None:
    """Change something by hand, and let the next run set it right; a 409 may come first."""
    edit()
    assert not await p.pulls("shop", "team-a")
    before = p.writes()
    result = await run_schedules(p.name)
    assert (result.reasons, result.message) == ({reason}, "")
    assert p.writes() <= before + 2
    assert await p.pulls("shop", "team-a")
    assert await p.is_in_sync()


def _replace_account(p: Platform) -> None:
    """Replace the default ServiceAccount by the one of a repository, as GitOps does."""
    p.cluster.remove_service_account("shop")
    p.cluster.add_service_account("shop", labels={"app": "x"}, manager="argocd-controller")


def _failures(namespace: str) -> int:
    """How often it was written down that a pull secret could not be delivered."""
    return sum(row.what == "secret.failed" and row.subject == namespace for row in rows(AuditRow))


async def test_two_clusters_with_the_same_namespace_name(name: str) -> None:
    with cluster_with(shop="blue") as other:
        async with platform(name, "team-a", "team-b", namespaces={"shop": "red"}) as p:
            p.other_clusters["us"] = other
            await add_cluster("us", other)
            await p.bind("team-a", workspace="red")
            await p.bind("team-b", workspace="blue")
            pullable = {
                (cluster, space): await p.pulls("shop", space, cluster)
                for cluster in ("eu", "us")
                for space in ("team-a", "team-b")
            }
            assert {key for key, value in pullable.items() if value} == {
                ("eu", "team-a"), ("us", "team-b")
            }  # fmt: skip
            await p.unbind("team-b", workspace="blue")
            assert await p.pulls("shop", "team-a", "eu")
            assert other.secret("shop") is None
            assert (set(pull_secrets_in("eu")), set(pull_secrets_in("us"))) == ({"shop"}, set())
            assert await p.is_in_sync()


async def test_a_namespace_that_terminates_is_written_no_more_and_nobody_waits_for_it(
    name: str,
) -> None:
    async with platform(name, "team-a") as p:
        p.cluster.terminate_namespace("shop")
        result = await p.bind("team-a")
        assert result.message == ""
        pull_secrets = pull_secrets_in("eu")
        assert (pull_secrets["shop"].reason, pull_secrets["shop"].message) == (
            Reason.NAMESPACE_TERMINATING, "the namespace is being deleted"
        )  # fmt: skip
        assert pull_secrets["till"].status is PullSecretState.DELIVERED
        assert all(binding.effective_at for binding in bindings_of(name))
        robot_id = p.robot.id
        await run_schedules(name, rotate=frozenset({"red"}))
        advance_time(minutes=11)
        await run_schedules(name)
        assert p.robot.id != robot_id
        p.cluster.delete_namespace("shop")
        await run_schedules(name)
        assert set(pull_secrets_in("eu")) == {"till"}
        await run_schedules(name)  # it has left: what was copied from it ends
        advance_time(minutes=11)
        await run_schedules(name)
        assert await p.is_in_sync()


async def test_down_for_an_hour_withdraws_nothing_and_all_follows(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a", workspace="red")
        secret, namespace_count = (
            p.cluster.secret("shop"),
            len(run_in_transaction(clusters.list_namespaces)),
        )
        p.cluster.faults.add(Fault(Respond(503), times=None))
        message = await expect_success(bind_space, name, ["team-b"], ["blue"])
        assert "1 binding (1 space, 1 workspace, 1 namespace) bound" in message
        assert "saved, not in force yet: cluster eu: answered 503" in message
        assert f"up to date: {name}; next attempt: sync-namespaces (every 20 s)" in message
        assert not await p.pulls("lab", "team-b")
        message = await expect_success(unbind_space, name, ["team-a"], ["red"])
        assert "unbound: saved, not in force yet: cluster eu: answered 503" in message
        assert not await p.pulls("shop", "team-a")
        assert list(robots_in(p.harbor).values()) == [frozenset({"team-b"})]
        assert "cluster eu: answered 503" in await expect_success(sync_namespaces)
        assert run_in_transaction(clusters.get_cluster, "eu").status.reachable is False
        assert p.cluster.secret("shop") == secret
        assert set(pull_secrets_in("eu")) == {"shop", "till"}
        assert len(run_in_transaction(clusters.list_namespaces)) == namespace_count

        p.cluster.faults.clear()
        assert (await run_schedules(name)).message == ""
        assert p.cluster.secret("shop") is None
        assert p.cluster.image_pull_secrets("shop") == ()
        assert await p.pulls("lab", "team-b")
        assert await p.is_in_sync()


async def test_a_missing_right_is_named_and_holds_up_nothing_else(name: str) -> None:
    with cluster_with(shop="red") as other:
        async with platform(name, "team-a") as p:
            p.other_clusters["us"] = other
            await add_cluster("us", other)
            p.cluster.deny("create", "secrets")
            message = await expect_failure(bind_space, name, ["team-a"], ["red"])
            assert "cluster eu: 2 of 4 changes failed, 2 skipped (shop: may not create" in message
            assert 'grant the verb "create" on "secrets"' in message
            assert pull_secrets_in("eu")["shop"].reason is Reason.FORBIDDEN
            assert await p.pulls("shop", "team-a", "us")
            p.cluster.allow("create", "secrets")
            p.cluster.deny("patch", "serviceaccounts")
            result = await run_schedules(name)
            assert 'grant the verb "patch" on "serviceaccounts"' in result.message
            assert p.cluster.secret("shop") is not None
            p.cluster.allow("patch", "serviceaccounts")
            await run_schedules(name)
            assert await p.pulls("shop", "team-a", "eu")
            assert await p.is_in_sync()

            p.cluster.deny("delete", "secrets")
            result = await p.unbind("team-a")
            assert 'grant the verb "delete" on "secrets"' in result.message
            assert other.secret("shop") is None
            assert not await p.pulls("shop", "team-a", "eu")
            p.cluster.allow("delete", "secrets")
            p.cluster.deny("list", "secrets")
            result = await run_schedules(name)
            assert 'grant the verb "list" on "secrets"' in result.message
            assert p.cluster.secret("shop") is not None
            p.cluster.allow("list", "secrets")
            await run_schedules(name)
            assert p.cluster.secret("shop") is None
            assert await p.is_in_sync()


async def test_a_policy_of_the_cluster_is_named_and_nothing_is_lost(name: str) -> None:
    async with platform(name, "team-a") as p:
        rules = p.cluster.admission.rules
        rules.append(AdmissionRule("no-secrets", "all", message="use the vault"))
        message = await expect_failure(bind_space, name, ["team-a"], ["red"])
        assert 'ValidatingAdmissionPolicy "no-secrets" (binding "all")' in message
        pull_secret = pull_secrets_in("eu")["shop"]
        assert pull_secret.reason is Reason.ADMISSION_DENIED
        assert '"use the vault"; ask the owner of this policy' in pull_secret.message
        await run_schedules(name)
        assert _failures("shop") == 1
        rules.clear()
        await run_schedules(name)
        secret = p.cluster.raw_secret("shop")
        assert secret is not None
        rules.append(AdmissionRule("no-secrets", "all", message="use the vault"))
        p.cluster.edit_secret("shop", {"auths": {}})
        await run_schedules(name)
        assert p.cluster.raw_secret("shop") is not None
        rules.clear()
        await run_schedules(name)
        assert await p.is_in_sync()


async def test_a_foreign_secret_is_left_alone_told_once_and_replaced_when_it_is_gone(
    name: str,
) -> None:
    async with platform(name, "team-a") as p:
        p.cluster.add_foreign_secret("shop")
        foreign = p.cluster.raw_secret("shop")
        result = await p.bind("team-a")
        assert result.message == ""
        assert p.cluster.raw_secret("shop") == foreign
        assert "registry-integration" not in p.cluster.image_pull_secrets("shop")
        assert await p.pulls("till", "team-a")
        pull_secret = pull_secrets_in("eu")["shop"]
        assert (pull_secret.status, pull_secret.reason) == (
            PullSecretState.REFUSED,
            Reason.FOREIGN_SECRET,
        )
        assert pull_secret.message == (
            "a Secret shop/registry-integration that this installation does not own exists and is "
            "not changed: delete or rename it"
        )
        assert [binding.effective_at for binding in bindings_of(name)] == [None]
        before = p.writes()
        await run_schedules(name)
        assert p.writes() == before
        assert _failures("shop") == 1
        p.cluster.delete_secret("shop")
        await run_schedules(name)
        assert await p.pulls("shop", "team-a")
        assert await p.is_in_sync()

        p.cluster.delete_secret("shop")
        p.cluster.add_foreign_secret("shop")
        await p.unbind("team-a")
        assert p.cluster.raw_secret("shop") is not None
        assert await p.is_in_sync()


async def test_what_was_touched_by_hand_in_a_cluster_is_set_right(name: str) -> None:
    async with platform(name, "team-a") as p:
        await p.bind("team-a")
        p.cluster.set_image_pull_secrets("shop", "mine", "registry-integration")
        await _check_repair(p, "Modified", lambda: p.cluster.edit_secret("shop", {"auths": {}}))
        await _check_repair(p, "Modified", lambda: p.cluster.delete_secret("shop"))
        await _check_repair(p, "Modified", lambda: p.cluster.set_image_pull_secrets("shop", "mine"))
        assert p.cluster.image_pull_secrets("shop") == ("mine", "registry-integration")
        await p.unbind("team-a")
        assert p.cluster.image_pull_secrets("shop") == ("mine",)


async def test_ours_without_its_labels_is_taken_back_or_withdrawn(name: str) -> None:
    """After the last unbind, no robot account is on record that could prove whose it is."""
    async with platform(name, "team-a") as p:
        await p.bind("team-a")
        labels = (p.cluster.raw_secret("shop") or {})["metadata"]["labels"]
        p.cluster.relabel_secret("shop", {})
        assert (await run_schedules(p.name)).reasons == {"Modified"}
        assert (p.cluster.raw_secret("shop") or {})["metadata"]["labels"] == labels
        assert await p.is_in_sync()
        p.cluster.relabel_secret("shop", {})
        await p.unbind("team-a")
        assert p.cluster.raw_secret("shop") is None
        assert p.cluster.image_pull_secrets("shop") == ()


async def test_who_unlinks_again_and_again_is_named_and_it_is_not_called_delivered(
    name: str,
) -> None:
    async with platform(name, "team-a") as p:
        await p.bind("team-a")
        for _ in range(3):
            _replace_account(p)
            await run_schedules(name)
        pull_secrets = pull_secrets_in("eu")
        assert pull_secrets["till"].status is PullSecretState.DELIVERED
        assert pull_secrets["shop"].reason is Reason.CONTESTED
        assert 'again and again by "argocd-controller"' in pull_secrets["shop"].message
        _replace_account(p)
        before = p.writes()
        await run_schedules(name)
        assert p.writes() == before
        events = [row.what for row in rows(AuditRow) if row.subject == "shop"]
        assert events.count("secret.link-removed") == 3
        assert (events.count("secret.contested"), events.count("secret.failed")) == (1, 0)
        await p.unbind("team-a")
        assert p.cluster.secret("shop") is None


async def test_a_misspelled_label_withdraws_nothing_for_an_hour(name: str) -> None:
    async with platform(name, "team-a") as p:
        await p.bind("team-a")
        p.cluster.set_labels("shop", {LABEL: "Red"})
        await run_schedules(name)
        assert await p.pulls("shop", "team-a")
        records = run_in_transaction(clusters.list_namespaces, "eu")
        messages = {namespace.name: namespace.message for namespace in records}
        assert "stays in workspace red until" in messages["shop"]
        before = p.writes()
        advance_time(minutes=59)
        await run_schedules(name)
        assert (await p.pulls("shop", "team-a"), p.writes()) == (True, before)
        await p.unbind("team-a")
        assert not await p.pulls("shop", "team-a")
        await p.bind("team-a")
        assert await p.pulls("shop", "team-a")
        advance_time(minutes=2)
        await run_schedules(name)
        assert p.cluster.secret("shop") is None
        assert await p.pulls("till", "team-a")


async def test_where_service_accounts_are_not_linked_none_is_ever_touched(name: str) -> None:
    async with platform(name, "team-a", links=False) as p:
        result = await p.bind("team-a")
        assert result.message == ""
        assert p.cluster.secret("shop") is not None
        assert p.cluster.image_pull_secrets("shop") == ()
        assert await p.is_in_sync()
        p.cluster.set_image_pull_secrets("shop", "registry-integration")
        await p.unbind("team-a")
        assert p.cluster.image_pull_secrets("shop") == ("registry-integration",)
        assert not [call for call in p.cluster.requests.writes() if "serviceaccounts" in call.path]
    assert recorded_robots(name) == ()
