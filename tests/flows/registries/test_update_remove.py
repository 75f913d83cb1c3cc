"""Updating proves first; removing shows first and forgets then."""

from deployments.simulators.docker_registry import SimulatedDockerRegistry
from deployments.simulators.faults import Fault, RunCallback
from deployments.simulators.server import get_closed_url, run_server
from flows.overview import compute_overview
from flows.registries.remove import remove_registry
from flows.registries.update import update_registry
from models.registries.registry import BlockRef
from tests.support.helpers import (
    add_registry,
    audit_events,
    expect_failure,
    expect_success,
    harbor_with,
    integrate,
    make_storage_due,
    page,
    record_of,
    registry_names,
    remove_registry_record,
    save_credentials,
    sent_events,
    spaces_of,
)


async def test_a_bad_new_address_keeps_the_old(name: str) -> None:
    with harbor_with() as harbor:
        await add_registry(name, harbor.url)
        credentials = await save_credentials(name)
        message = await expect_failure(
            update_registry, name, address=get_closed_url(), credentials=credentials
        )
        assert "was not saved" in message
        assert record_of(name).registry.address == harbor.url
        with run_server(SimulatedDockerRegistry().app) as other:
            message = await expect_failure(
                update_registry, name, address=other, credentials=credentials
            )
            assert "Is it a Harbor" in message
        assert "Is it a Harbor" in await page(f"probe-{name}")
    assert record_of(name).registry.address == harbor.url
    assert audit_events(name) == {"registry.integrated": 1}


async def test_a_good_new_address_replaces_the_old(name: str) -> None:
    with harbor_with("old") as harbor, harbor_with("new") as other:
        await add_registry(name, harbor.url)
        credentials = await save_credentials(name)
        await expect_success(
            update_registry, name, address=other.url, credentials=credentials, description="moved"
        )
    registry = record_of(name).registry
    assert (registry.address, registry.description) == (other.url, "moved")
    assert spaces_of(name)["new"].missing_since is None
    assert spaces_of(name)["old"].missing_since is not None
    assert (await sent_events(name))["registry.updated"] == 1


async def test_new_credentials_are_proved_too(name: str) -> None:
    with harbor_with() as harbor:
        harbor.simulator.add_user("second", "Second-12345", sysadmin=True)
        await add_registry(name, harbor.url)
        wrong_credentials = await save_credentials(f"{name}-wrong", "admin", "wr0ng-Password")
        assert "Credentials right" in await expect_failure(
            update_registry, name, credentials=wrong_credentials
        )
        assert record_of(name).registry.credential == BlockRef(name=name)
        right_credentials = await save_credentials(f"{name}-second", "second", "Second-12345")
        await expect_success(update_registry, name, credentials=right_credentials)
    assert record_of(name).registry.credential == BlockRef(name=f"{name}-second")


async def test_another_ones_address_is_refused(name: str) -> None:
    with harbor_with() as harbor, harbor_with() as other:
        await add_registry(name, harbor.url)
        await add_registry(f"{name}-other", other.url)
        request_count = other.faults.request_counts.total()
        credentials = await save_credentials(name)
        message = await expect_failure(
            update_registry, name, address=other.url, credentials=credentials
        )
        assert f"already integrated as '{name}-other'" in message
        assert other.faults.request_counts.total() == request_count


async def test_nothing_to_update_and_nobody_to_update(name: str) -> None:
    assert "no changes given" in await expect_failure(update_registry, name)
    assert "there is no registry" in await expect_failure(update_registry, name, description="x")


async def test_removal_is_shown_first(name: str) -> None:
    with harbor_with("team") as harbor:
        await integrate(name, harbor.url)
        request_count = harbor.faults.request_counts.total()
        assert f"{name} would be removed with" in await expect_success(remove_registry, name)
        assert "preview: nothing was changed" in await page(f"removal-{name}")
        assert registry_names() == [name]
        assert harbor.faults.request_counts.total() == request_count
        message = await expect_success(remove_registry, name, confirm=True)
        assert "2 spaces, 0 bindings, 1 robot account" in message
        assert harbor.simulator.robots == {}
    assert registry_names() == []
    assert "| team |" in await page(f"removal-{name}")
    assert await sent_events(name) == {"registry.integrated": 1, "registry.removed": 1}
    assert "there is no registry" in await expect_failure(remove_registry, name, confirm=True)


async def test_a_removed_registry_may_come_back(name: str) -> None:
    with harbor_with() as harbor:
        await integrate(name, harbor.url, description="before")
        await expect_success(remove_registry, name, confirm=True)
        await integrate(name, harbor.url, description="before")
    assert await sent_events(name) == {"registry.integrated": 2, "registry.removed": 1}


async def test_removed_while_the_overview_is_computed(name: str) -> None:
    """Measuring takes its time; who goes meanwhile is no reason to fail for the others."""
    with harbor_with() as harbor, harbor_with() as other:
        await add_registry(name, harbor.url)
        await add_registry(f"{name}-stays", other.url)
        make_storage_due()
        harbor.faults.add(
            Fault(RunCallback(lambda: remove_registry_record(name)), path=r".*/quotas.*")
        )
        assert "2 registries, 2 measured" in await expect_success(compute_overview)
    assert registry_names() == [f"{name}-stays"]
