"""A change of access that is saved and not in force yet: the run says so, and why."""

from prefect import flow
from prefect.client.schemas.objects import State
from sqlmodel import Session, text, update

from deployments.simulators.faults import Fault, RunCallback
from flows.access.bind_space import bind_space
from flows.access.create_workspace import create_workspace
from flows.access.rotate_credentials import rotate_credentials
from flows.access.unbind_space import unbind_space
from flows.clusters.sync_namespaces import sync_namespaces
from flows.operations.access_changes import apply_access_change
from models.tables import LeaseRow
from tasks.store.access.clusters import lease_key
from tasks.store.leases import lease
from tasks.store.session import run_in_transaction
from tests.flows.access.test_held_bindings import held_spaces, recreate_project
from tests.support.helpers import (
    audit_events,
    expect_failure,
    expect_success,
    reconcile_all_now,
)
from tests.support.platform import bindings_of, platform, run_schedules

ROBOTS = r"/api/v2\.0/robots"


def _take_over(key: str) -> None:
    """What another run does to a lease that has expired."""

    def take_over(session: Session) -> None:
        statement = update(LeaseRow).where(LeaseRow.key == key)  # type: ignore[arg-type]
        session.exec(statement.values(holder="another", flow_run="0f6d"))

    run_in_transaction(take_over)


async def test_a_read_only_harbor(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a")
        writes = p.writes()
        p.harbor.simulator.settings.read_only = True
        pending = (
            f"saved, not in force yet: {name}: Harbor is read-only (1 change not made); follows "
            "when it is writable; up to date: cluster eu"
        )
        message = await expect_failure(bind_space, name, ["team-b"], ["red"])
        assert message.endswith(f" bound: {pending}")
        message = await expect_failure(unbind_space, name, ["team-a"], ["red"])
        assert message.endswith(f" unbound: {pending}")
        message = await expect_failure(rotate_credentials, name)
        assert message == (
            f"new secrets for 0 of 1 robot account in 1 registry, not in force yet: {name}: "
            "Harbor is read-only (2 changes not made); up to date: cluster eu; 1 secret not "
            "replaced: run rotate-credentials again when the registry accepts changes"
        )
        for _ in range(2):
            state = await reconcile_all_now()
            assert f"{name}: Harbor is read-only (1 change not made)" in (state.message or "")
            assert state.is_completed()
        assert p.writes() == writes
        assert await p.pulls("shop", "team-a")
        p.harbor.simulator.settings.read_only = False
        await run_schedules(name)
        assert await p.grants_exactly("team-b")
    assert audit_events(name)["grant.failed"] == 0


@flow
async def _apply_at_once(registry: str) -> State[None]:
    """What bind-space does after it has saved the bindings, without the time that it waits."""
    result = await apply_access_change(registry, wait_seconds=0)
    return result.final_state("1 binding bound")


async def test_a_registry_that_another_run_holds(name: str) -> None:
    async with platform(name, "team-a"), lease(name, flow_run="0f6d"):
        message = await expect_failure(_apply_at_once, name)
    assert message == (
        f"1 binding bound: saved, not in force yet: {name}: another run (flow run 0f6d) holds its "
        "lease; up to date: cluster eu; next attempt: reconcile-all (every 60 s)"
    )


async def test_an_unexpected_error_after_the_bindings_are_saved(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        trigger = "BEFORE INSERT ON outcome BEGIN SELECT RAISE(ABORT, 'full'); END"
        run_in_transaction(
            lambda session: session.connection().execute(text(f"CREATE TRIGGER full {trigger}"))
        )
        message = await expect_failure(bind_space, name, ["team-a"], ["red"])
        assert f"bound: saved, not in force yet: {name}: unexpected IntegrityError" in message
        assert "next attempt: reconcile-all (every 60 s)" in message
        run_in_transaction(lambda session: session.connection().execute(text("DROP TRIGGER full")))
        await run_schedules(name)
        assert await p.grants_exactly("team-a")


async def test_a_lost_lease_on_the_registry(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        p.harbor.faults.add(Fault(RunCallback(lambda: _take_over(name)), "POST", ROBOTS))
        message = await expect_failure(bind_space, name, ["team-a"], ["red"])
        assert message == (
            "1 binding (1 space, 1 workspace, 2 namespaces) bound: saved, not in force yet: "
            f"{name}: this run lost its lease to another run (flow run 0f6d); up to date: cluster "
            "eu; next attempt: reconcile-all (every 60 s)"
        )
        assert [binding.space for binding in bindings_of(name)] == ["team-a"]


async def test_a_cluster_that_another_run_holds(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        secret_path = ".*/secrets/.*"
        callback = RunCallback(lambda: _take_over(lease_key("eu")))
        p.cluster.faults.add(Fault(callback, "PATCH", secret_path))
        message = await expect_failure(bind_space, name, ["team-a"], ["red"])
        assert message.endswith(
            "saved, not in force yet: cluster eu: this run lost its lease to another run (flow "
            f"run 0f6d); up to date: {name}; next attempt: sync-namespaces (every 20 s)"
        )
        message = await expect_success(sync_namespaces)
        assert message == (
            "0 clusters, 0 namespaces in workspaces, 0 changes made; cluster eu: another run (flow "
            "run 0f6d) holds its lease"
        )


async def test_a_namespace_that_keeps_its_own_secret(name: str) -> None:
    async with platform(name, "team-a", namespaces={"shop": None}) as p:
        await expect_success(create_workspace, "red", ["eu/shop"])
        p.cluster.add_foreign_secret("shop")
        for _ in range(2):  # the binding is missing at first, then on record
            message = await expect_failure(bind_space, name, ["team-a"], ["red"])
            assert "saved, not in force yet: cluster eu: namespace shop: ForeignSecret" in message


async def test_a_space_that_was_replaced_before_it_was_bound(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        recreate_project(p, "team-a")
        message = await expect_failure(bind_space, name, ["team-?"], ["red"])
        assert (
            f"not in force yet: {name}: space team-a for workspace red: the binding is held: the "
            "space was deleted and recreated" in message
        )
        assert held_spaces(name) == ["team-a"]


async def test_the_scheduled_run_leaves_a_held_registry_alone_and_names_the_run(name: str) -> None:
    async with platform(name, "team-a"):
        async with lease(name, flow_run="0f6d"):
            message = (await reconcile_all_now()).message or ""
        assert f"1 left to another run ({name}: another run (flow run 0f6d))" in message
