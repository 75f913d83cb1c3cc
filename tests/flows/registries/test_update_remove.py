"""Updating proves first; removing shows first and forgets then."""

from deployments.simulators.docker_registry import DockerRegistry
from deployments.simulators.faults import Call, Fault
from deployments.simulators.server import closed_port_url, running
from flows.overview import compute_overview
from flows.registries.remove import remove_registry
from flows.registries.update import update_registry
from models.registries.registry import BlockRef
from tests.support.helpers import (
    audited,
    block,
    completed,
    dossier,
    failed,
    forget,
    harbor_at,
    integrate,
    known,
    page,
    settled,
    spaces_of,
    storage_due,
    told,
)


async def test_a_bad_new_address_keeps_the_old(name: str) -> None:
    with harbor_at() as place:
        await settled(name, place.url)
        again = await block(name)
        message = await failed(update_registry, name, address=closed_port_url(), credentials=again)
        assert "was not saved" in message
        assert dossier(name).registry.address == place.url
        with running(DockerRegistry().app) as other:
            message = await failed(update_registry, name, address=other, credentials=again)
            assert "Is it a Harbor" in message
        assert "Is it a Harbor" in await page(f"verdict-{name}")
    assert dossier(name).registry.address == place.url
    assert audited(name) == {"registry.integrated": 1}


async def test_a_good_new_address_replaces_the_old(name: str) -> None:
    with harbor_at("old") as place, harbor_at("new") as other:
        await settled(name, place.url)
        again = await block(name)
        await completed(
            update_registry, name, address=other.url, credentials=again, description="moved"
        )
    found = dossier(name).registry
    assert (found.address, found.description) == (other.url, "moved")
    assert spaces_of(name)["new"].missing_since is None
    assert spaces_of(name)["old"].missing_since is not None
    assert (await told(name))["registry.updated"] == 1


async def test_new_credentials_are_proved_too(name: str) -> None:
    with harbor_at() as place:
        place.harbor.add_user("second", "Second-12345", sysadmin=True)
        await settled(name, place.url)
        wrong = await block(f"{name}-wrong", "admin", "wr0ng-Password")
        assert "Credentials right" in await failed(update_registry, name, credentials=wrong)
        assert dossier(name).registry.credential == BlockRef(name=name)
        right = await block(f"{name}-second", "second", "Second-12345")
        await completed(update_registry, name, credentials=right)
    assert dossier(name).registry.credential == BlockRef(name=f"{name}-second")


async def test_another_ones_address_is_refused(name: str) -> None:
    with harbor_at() as place, harbor_at() as other:
        await settled(name, place.url)
        await settled(f"{name}-other", other.url)
        seen = other.faults.seen.total()
        again = await block(name)
        message = await failed(update_registry, name, address=other.url, credentials=again)
        assert f"integrated already as '{name}-other'" in message
        assert other.faults.seen.total() == seen


async def test_nothing_to_update_and_nobody_to_update(name: str) -> None:
    assert "nothing was given" in await failed(update_registry, name)
    assert "there is no registry" in await failed(update_registry, name, description="x")


async def test_removal_is_shown_first(name: str) -> None:
    with harbor_at("team") as place:
        await integrate(name, place.url)
        requests = place.faults.seen.total()
        assert "would be forgotten" in await completed(remove_registry, name)
        assert "preview: nothing was changed" in await page(f"removal-{name}")
        assert known() == [name]
        assert place.faults.seen.total() == requests
        told_ = await completed(remove_registry, name, confirm=True)
        assert "2 spaces, 0 bindings, 1 robot account" in told_
        assert place.harbor.robots == {}
    assert known() == []
    assert "| team |" in await page(f"removal-{name}")
    assert await told(name) == {"registry.integrated": 1, "registry.removed": 1}
    assert "there is no registry" in await failed(remove_registry, name, confirm=True)


async def test_a_removed_registry_may_come_back(name: str) -> None:
    with harbor_at() as place:
        await integrate(name, place.url, description="before")
        await completed(remove_registry, name, confirm=True)
        await integrate(name, place.url, description="before")
    assert "registry.removed" in await page(f"registry-{name}")
    assert await told(name) == {"registry.integrated": 2, "registry.removed": 1}


async def test_removed_while_the_overview_is_computed(name: str) -> None:
    """Measuring takes its time; who goes meanwhile is no reason to fail for the others."""
    with harbor_at() as place, harbor_at() as other:
        await settled(name, place.url)
        await settled(f"{name}-stays", other.url)
        storage_due()
        place.faults.add(Fault(Call(lambda: forget(name)), path=r".*/quotas.*"))
        assert "2 registries, 2 measured" in await completed(compute_overview)
    assert known() == [f"{name}-stays"]
