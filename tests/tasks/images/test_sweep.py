"""A sweep goes on where it stopped, asks for each manifest once, and keeps what it cannot read."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from sqlmodel import Session, select

from deployments.simulators.docker_registry import (
    BasicAuth,
    SimulatedDockerRegistry,
    StoredManifest,
    TokenAuth,
    build_image,
    build_index,
)
from deployments.simulators.faults import Delay, Fault, FaultInjector, Respond
from models.core.errors import LeaseHeld, RemoteError
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

BASE = {"base": 1000}
ONE, TWO = build_image({**BASE, "one": 1}), build_image({**BASE, "two": 2})
SIZE_ONE, SIZE_TWO = len(ONE.content) + 2001, len(TWO.content) + 2002


class Server:
    """A simulated registry behind faults, and the requests that it got."""

    def __init__(self, **options: object) -> None:
        self.registry = SimulatedDockerRegistry(**options)  # type: ignore[arg-type]
        self.faults = FaultInjector(self.registry.app)
        self.url = ""

    def add(self, repository: str, tag: str, manifest: StoredManifest = ONE) -> None:
        self.registry.add_manifest(repository, tag, manifest)

    def fail(self, path: str, status: int = 500, **options: object) -> None:
        headers = (("Content-Type", "text/plain"), ("Retry-After", "0"))
        action = Respond(status, headers=headers)
        self.faults.add(Fault(action, path=path, **{"times": None, **options}))  # type: ignore[arg-type]

    def take_requests(self) -> Counter[str]:
        """Count requests by kind since the last call."""
        kinds = Counter(
            f"{record.method} {'manifest' if '/manifests/' in record.target else 'list'}"
            for record in self.registry.requests
        )
        self.registry.requests.clear()
        return kinds


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    with serving(server.faults) as server.url:
        record_registry(server.url)
        yield server


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
            row.slice_at = clock.now() - timedelta(minutes=1)
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


# What cannot be read


async def test_a_tag_that_fails_keeps_its_last_image(server: Server) -> None:
    server.add("team/a", "v1", ONE)
    server.add("team/a", "v2", TWO)
    await sweep(server.url)
    before = counted()
    server.fail(".*/manifests/v2", 403)
    await sweep(server.url)
    assert counted() == before


async def test_a_tag_that_was_never_read_is_not_counted(server: Server) -> None:
    server.add("team/a", "v1", ONE)
    server.add("team/a", "v2", TWO)
    server.fail(".*/manifests/v2", 403)
    await sweep(server.url)
    assert counted() == (SIZE_ONE, 1, 2)


async def test_a_404_of_a_proxy_removes_nothing(server: Server) -> None:
    server.add("team/a", "v1", ONE)
    server.add("team/b", "v1", TWO)
    await sweep(server.url)
    before = counted()
    server.fail("/v2/team/.*", 404)
    await sweep(server.url)
    assert counted() == before


async def test_a_repository_whose_tags_are_hidden_counts_as_one_tag(server: Server) -> None:
    server.add("team/a", "v1", ONE)
    server.add("team/b", "v1", TWO)
    server.fail("/v2/team/b/tags/list.*", 403)
    await sweep(server.url)
    assert counted() == (SIZE_ONE, 1, 2)


async def test_a_tag_that_disappears_during_the_sweep(server: Server) -> None:
    server.add("team/a", "v1", ONE)
    server.add("team/a", "v2", TWO)
    server.faults.add(
        Fault(
            Respond(200, body=b'{"name":"team/a","tags":["v1","v2","gone"]}'),
            path=".*/tags/list.*",
        )
    )
    await sweep(server.url)
    assert counted() == (SIZE_ONE + SIZE_TWO - 2000, 2, 2)


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"no JSON",
        ONE.content.replace(b'"size": 1,', b'"size": -1,'),
        ONE.content.replace(b'"size": 1,', b'"size": 1' + b"0" * 300 + b","),
        b'{"schemaVersion":2,"manifests":[' + b"[" * 50_000,
        b'{"schemaVersion":2,"layers":[' + b"{}," * 300_000 + b"{}]}",
    ],
    ids=["empty", "text", "negative", "huge", "deep", "many"],
)
async def test_a_hostile_manifest_is_not_counted_and_not_read_again(
    server: Server, body: bytes
) -> None:
    server.add("team/a", "v1", ONE)
    server.add("team/a", "hostile", StoredManifest(body, ONE.media_type))
    await sweep(server.url)
    server.take_requests()
    await sweep(server.url)
    assert counted() == (SIZE_ONE, 1, 2)
    assert server.take_requests()["GET manifest"] == 0


async def test_only_unusable_manifests_are_unknown_and_not_zero(server: Server) -> None:
    server.add("team/a", "v1", StoredManifest(b"{}", ONE.media_type))
    await sweep(server.url)
    assert counted() == (None, 0, 1)


async def test_a_manifest_with_another_digest_is_not_believed(server: Server) -> None:
    server.add("team/a", "v1", ONE)
    server.faults.add(
        Fault(Respond(200, body=TWO.content), method="GET", path=".*/manifests/sha256.*")
    )
    await sweep(server.url)
    assert counted() == (None, 0, 1)
    await sweep(server.url)  # it is read again
    assert counted() == (SIZE_ONE, 1, 1)


async def test_invisible_characters_do_not_change_a_digest(server: Server) -> None:
    body = ONE.content.replace(b'"mediaType"', b'"x": "\\u200b\xe2\x80\xae", "mediaType"', 1)
    server.add("team/a", "v1", StoredManifest(body, ONE.media_type))
    await sweep(server.url)
    assert counted() == (len(body) + 2001, 1, 1)


async def test_a_server_that_does_not_tell_the_digest(server: Server) -> None:
    server.add("team/a", "v1", ONE)
    server.faults.add(Fault(Respond(200), method="HEAD", path=".*/manifests/.*", times=None))
    await sweep(server.url)
    assert counted() == (SIZE_ONE, 1, 1)


async def test_throttling_pauses_the_sweep(server: Server) -> None:
    server.add("team/a", "v1")
    server.fail(".*/manifests/.*", 429, times=3)
    progress = await slice_once(server.url)
    due_at = figures().record.storage_due_at
    assert due_at is not None
    assert due_at - clock.now() > timedelta(minutes=9)
    assert progress.stage is Stage.RESOLVE


async def test_a_registry_that_is_down_ends_the_slice(server: Server) -> None:
    for number in range(50):
        server.add("team/a", f"v{number:02}")
    server.fail(".*/manifests/.*", 503)
    await slice_once(server.url)
    assert server.take_requests()["HEAD manifest"] == 0
    assert get_progress().stage is Stage.RESOLVE


@pytest.mark.parametrize("status", [404, 405, 403, 500])
async def test_without_a_catalog_it_is_unknown_and_says_why(server: Server, status: int) -> None:
    server.add("team/a", "v1")
    server.fail("/v2/_catalog.*", status)
    with pytest.raises(RemoteError):
        await slice_once(server.url)
    record = figures().record
    assert record.storage_used is None
    assert str(status) in record.storage_note
    assert record.storage_due_at is not None and record.storage_due_at > clock.now()


async def test_a_list_without_a_proved_end_removes_nothing(server: Server) -> None:
    for number in range(3):
        server.add(f"team/{number}", "v1")
    await sweep(server.url)
    link = (("Link", '</v2/_catalog?last=x>; rel="next"'), ("Content-Type", "application/json"))
    server.faults.add(
        Fault(
            Respond(200, body=b'{"repositories":["team/0"]}', headers=link),
            path="/v2/_cat.*",
            times=2,
        )
    )
    with pytest.raises(RemoteError):
        await slice_once(server.url)
    assert counted() == (SIZE_ONE, 3, 3)
    assert len(rows(RepositoryRow)) == 3


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
