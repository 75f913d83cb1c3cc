"""A sweep goes on where it stopped, asks for each manifest once, and keeps what it cannot read."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlmodel import Session, select

from deployments.simulators.docker_registry import (
    BasicAuth,
    StoredManifest,
    TokenAuth,
    build_index,
)
from deployments.simulators.faults import Delay, Fault
from models.core.errors import LeaseHeld
from models.images.sweep import Stage
from models.registries.observation import Coverage
from models.registries.space import Space
from models.tables import ManifestRow, RegistryRow, RepositoryRow, SweepRow
from tasks import clock
from tasks.images.sweep import sweep_slice
from tasks.store.leases import lease
from tasks.store.registries import images
from tasks.store.registries.registries import replace_registry
from tasks.store.registries.spaces import save_spaces
from tasks.store.registries.statistics import list_space_statistics
from tasks.store.session import run_in_transaction
from tests.support.builders import run_context
from tests.support.simulator_servers import serving
from tests.tasks.images.tools import (
    NAME,
    ONE,
    SIZE_ONE,
    SIZE_TWO,
    TWO,
    Server,
    counted,
    figures,
    get_progress,
    open_reader,
    record_registry,
    slice_once,
    sweep,
)
from tests.tasks.registries.tools import USER
from tests.tasks.store.tools import INTEGRATED, rows


async def test_a_first_and_a_second_sweep(server: Server) -> None:
    for repository in ("team/a", "team/b", "root"):
        server.add(repository, "v1", ONE)
        server.add(repository, "v2", TWO)
    server.add("team/a", "all", build_index([ONE, TWO]))
    await sweep(server.url)
    first = server.take_requests()
    total = SIZE_ONE + SIZE_TWO - 2000 + len(build_index([ONE, TWO]).content)
    assert counted() == (total, 7, 7)
    assert (first["HEAD manifest"], first["GET manifest"]) == (7, 3)
    await sweep(server.url)
    second = server.take_requests()
    assert (second["HEAD manifest"], second["GET manifest"]) == (7, 0)
    assert counted() == (total, 7, 7)


async def test_each_space_has_its_figure(server: Server) -> None:
    server.add("team/a", "v1", ONE)
    server.add("other/a", "v1", ONE)
    server.add("other/a", "broken", StoredManifest(b"{}", ONE.media_type))
    run_in_transaction(_add_spaces, "team", "other")
    await sweep(server.url)
    by_name = {f.space.name: f for f in run_in_transaction(list_space_statistics, NAME)}
    assert by_name["team"].storage_used == by_name["other"].storage_used == SIZE_ONE
    assert by_name["team"].storage_coverage == Coverage(counted=1, total=1)
    assert by_name["other"].storage_coverage == Coverage(counted=1, total=2)


def _add_spaces(session: Session, *names: str) -> None:
    save_spaces(session, NAME, [Space(name=name) for name in names])


async def test_what_is_gone_falls_out_and_its_manifests_are_deleted(server: Server) -> None:
    server.add("team/a", "v1", ONE)
    server.add("team/a", "v2", TWO)
    server.add("team/b", "v1", ONE)
    await sweep(server.url)
    server.registry.remove_tags("team/a", "v2")
    server.registry.remove_repository("team/b")
    await sweep(server.url)
    assert counted() == (SIZE_ONE, 1, 1)
    assert len(rows(ManifestRow)) == 1
    assert [row.name for row in rows(RepositoryRow)] == ["team/a"]


@pytest.mark.parametrize("requests", [2, 3, 7])
async def test_slices_of_any_size_end_with_the_same_figure(
    server: Server, requests: int, set_budget: Callable[[int], None]
) -> None:
    for number in range(4):
        server.add(f"team/{number}", "v1", ONE)
        server.add(f"team/{number}", "v2", TWO)
    server.add("team/empty", "v1")
    server.registry.remove_tags("team/empty")
    server.add("team/1", "all", build_index([ONE, TWO]))
    set_budget(requests)
    for _ in range(60):
        _let_a_minute_pass()
        progress = await slice_once(server.url, 0.2)
        if progress.stage is Stage.DONE:
            break
    total = SIZE_ONE + SIZE_TWO - 2000 + len(build_index([ONE, TWO]).content)
    assert counted() == (total, 9, 9)


def _let_a_minute_pass() -> None:
    def work(session: Session) -> None:
        for row in session.exec(select(SweepRow)):
            row.slice_at = (row.slice_at or clock.now()) - timedelta(minutes=1)
            session.add(row)

    run_in_transaction(work)


async def test_a_slice_keeps_its_budget(server: Server, set_budget: Callable[[int], None]) -> None:
    for number in range(50):
        server.add("team/a", f"v{number}")
    set_budget(20)
    await slice_once(server.url, 0.2)
    assert sum(server.take_requests().values()) <= 20 + 3  # login, catalog, its end
    progress = await slice_once(server.url, 0.2)  # within the same minute
    assert progress.stage is not Stage.DONE
    assert sum(server.take_requests().values()) <= 4


async def test_a_slice_keeps_its_time(server: Server) -> None:
    for number in range(100):
        server.add("team/a", f"v{number}")
    server.faults.add(Fault(Delay(0.05), path=".*manifests.*", times=None))
    started = asyncio.get_running_loop().time()
    progress = await slice_once(server.url, 0.3)
    assert asyncio.get_running_loop().time() - started < 1.5
    assert progress.stage is Stage.RESOLVE
    await sweep(server.url)
    assert counted() == (SIZE_ONE, 100, 100)


async def test_figures_of_a_part_are_a_lower_bound(
    server: Server, set_budget: Callable[[int], None]
) -> None:
    server.add("team/a", "v1", ONE)
    for number in range(2, 30):
        server.add("team/a", f"v{number}", TWO)
    set_budget(7)
    await slice_once(server.url, 0.2)
    used, counted_tags, tags = counted()
    assert (tags, counted_tags < tags) == (29, True)
    assert figures().record.storage_due_at is not None
    set_budget(10**9)
    await sweep(server.url)
    assert counted() == (SIZE_ONE + SIZE_TWO - 2000, 29, 29)
    assert figures().record.storage_due_at is None
    assert used is None or used <= SIZE_ONE + SIZE_TWO - 2000


async def test_a_killed_slice_goes_on(server: Server) -> None:
    for number in range(300):
        server.add("team/a", f"v{number:03}")
    server.faults.add(Fault(Delay(30), path=".*/manifests/v150", times=1))
    async with open_reader(server.url) as reader:
        task = asyncio.create_task(sweep_slice(NAME, reader))
        while get_progress().tag < "v099":
            await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    before = server.take_requests()
    assert before["HEAD manifest"] < 300
    await sweep(server.url)
    assert server.take_requests()["HEAD manifest"] == 200
    assert counted() == (SIZE_ONE, 300, 300)


@pytest.mark.parametrize("tag_count", [999, 1000, 1001])
async def test_docker_registry_has_no_pages_of_tags(server: Server, tag_count: int) -> None:
    """It ignores `n` and `last`: exactly a page of tags proves nothing by itself."""
    for number in range(tag_count):
        server.add("team/a", f"v{number}")
    await sweep(server.url)
    assert counted() == (SIZE_ONE, tag_count, tag_count)


# Who may count, and where it is kept


async def test_two_runs_do_not_count_at_once(server: Server) -> None:
    server.add("team/a", "v1")
    async with lease(f"storage/{NAME}"):
        with pytest.raises(LeaseHeld):
            await slice_once(server.url)


async def test_switched_off_it_is_unknown_and_nothing_is_kept(server: Server) -> None:
    server.add("team/a", "v1")
    run_in_transaction(_add_spaces, "team")
    await sweep(server.url)
    spec = figures().record.registry.model_copy(update={"count_storage": False})
    run_in_transaction(replace_registry, spec, INTEGRATED, run_context())
    record = figures().record
    assert (record.storage_used, record.storage_coverage, figures().storage_used) == (None,) * 3
    assert [rows(kind) for kind in (ManifestRow, RepositoryRow, SweepRow)] == [[], [], []]
    await slice_once(server.url)  # a slice that was under way saves nothing
    assert [rows(kind) for kind in (ManifestRow, RepositoryRow, SweepRow)] == [[], [], []]


@pytest.mark.parametrize("auth", [BasicAuth({"user": "pw"}), TokenAuth({"user": "pw"})])
async def test_with_authentication(auth: BasicAuth | TokenAuth) -> None:
    server = Server(auth=auth)
    for number in range(3):
        server.add(f"team/{number}", "v1")
        server.add(f"team/{number}", "v2", TWO)
    with serving(server.faults) as url:
        record_registry(url)
        await sweep(url, USER)
    assert counted() == (SIZE_ONE + SIZE_TWO - 2000, 6, 6)
    if isinstance(auth, TokenAuth):
        assert auth.issued_count == 1 + 3  # the login, and one for each repository


async def test_an_unchanged_registry_costs_no_rows(server: Server) -> None:
    for number in range(5):
        server.add(f"team/{number}", "v1")
    await sweep(server.url)
    before = rows(RepositoryRow), rows(ManifestRow)
    await sweep(server.url)
    assert (rows(RepositoryRow), rows(ManifestRow)) == before


def test_a_registry_that_is_removed_leaves_nothing(server: Server) -> None:
    run_in_transaction(images.update_names, NAME, {"a", "b"})

    def remove(session: Session) -> None:
        session.delete(session.get_one(RegistryRow, NAME))

    run_in_transaction(remove)
    assert rows(RepositoryRow) == []


async def test_two_requests_a_minute_are_enough_with_tokens(
    set_budget: Callable[[int], None],
) -> None:
    server = Server(auth=TokenAuth({USER.username: USER.password.get_secret_value()}))
    for repository in ("team/a", "team/b"):
        server.add(repository, "v1", ONE)
        server.add(repository, "v2", TWO)
    with serving(server.faults) as url:
        record_registry(url)
        set_budget(2)
        async with open_reader(url, USER) as reader:
            for _ in range(40):
                _let_a_minute_pass()
                before = reader.request_count
                await sweep_slice(NAME, reader, 0.5)
                assert reader.request_count - before <= 8
                if get_progress().stage is Stage.DONE:
                    break
        assert get_progress().stage is Stage.DONE
        assert counted()[1:] == (4, 4)
