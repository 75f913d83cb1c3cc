"""Storage figures: unknown, zero and unlimited are three things."""

import pytest

from deployments.simulators.faults import Fault, FaultInjector, Respond
from deployments.simulators.harbor import SimulatedHarbor
from models.core.errors import RemoteError
from models.core.reasons import Reason
from models.registries.observation import UNLIMITED, SpaceStorage, StorageReading
from tests.support.simulator_servers import serving
from tests.tasks.registries.tools import harbor, open_client, with_wrong_password


async def _read(app: SimulatedHarbor | FaultInjector) -> StorageReading:
    with serving(app.app if isinstance(app, SimulatedHarbor) else app) as url:
        async with open_client(url) as client:
            return await client.read_storage()


def _figures(reading: StorageReading) -> dict[str, tuple[int | None, int | None]]:
    assert reading.spaces.is_complete
    return {
        space_storage.name: (space_storage.used, space_storage.limit)
        for space_storage in reading.spaces.items
    }


async def test_used_and_limit() -> None:
    simulated = harbor()
    simulated.add_project("full", storage_used=5_000_000_000, storage_limit=6_000_000_000)
    simulated.add_project("123", storage_used=7)
    reading = await _read(simulated)
    assert reading.total == 5_000_000_007
    assert _figures(reading) == {
        "library": (0, UNLIMITED),
        "full": (5_000_000_000, 6_000_000_000),
        "123": (7, UNLIMITED),
    }
    assert simulated.requests.writes() == []


async def test_all_pages_are_read() -> None:
    simulated = harbor(projects=249)
    assert len(_figures(await _read(simulated))) == 250
    assert len(simulated.requests) == 3 + 2


async def test_without_quotas_the_total_is_known_and_the_rest_is_not() -> None:
    simulated = SimulatedHarbor(quota_per_project_enable=False)
    simulated.add_project("full", storage_used=9)
    reading = await _read(simulated)
    assert reading.total == 9
    assert not reading.spaces.is_complete
    assert reading.spaces.reason is Reason.NOT_PROBED
    assert "quotas are disabled" in reading.spaces.message


async def test_a_row_that_says_not_whose_it_is_is_left_out() -> None:
    faults = FaultInjector(harbor().app)
    row = b'{"id": %d, "ref": %s, "hard": {"storage": -1}, "used": {"storage": 1}}'
    rows = b"[%s,%s]" % (row % (1, b"{}"), row % (2, b'{"name": "a"}'))
    faults.add(Fault(Respond(200, rows, (("X-Total-Count", "2"),)), path=".*/quotas.*"))
    reading = await _read(faults)
    assert reading.spaces.is_complete
    assert reading.spaces.items == (SpaceStorage(name="a", used=1, limit=UNLIMITED),)


async def test_what_an_administrator_only_is_told_is_unknown_to_others() -> None:
    faults = FaultInjector(harbor().app)
    faults.add(Fault(Respond(403), path=".*/configurations"))
    nothing = b'{"total_project_count": 0, "total_storage_consumption": 0}'
    faults.add(Fault(Respond(200, nothing), path=".*/statistics"))
    reading = await _read(faults)
    assert reading.total is None
    assert _figures(reading) == {"library": (0, UNLIMITED)}


async def test_rows_that_shift_are_unknown() -> None:
    faults = FaultInjector(harbor().app)
    faults.add(Fault(Respond(200, b"[]", (("X-Total-Count", "1"),)), path=".*/quotas.*"))
    reading = await _read(faults)
    assert not reading.spaces.is_complete
    assert reading.spaces.reason is Reason.PAGES_SHIFTED


@pytest.mark.parametrize("path", [".*/quotas.*", ".*/statistics", ".*/configurations"])
@pytest.mark.parametrize("action", [Respond(502), Respond(200, b"nonsense"), Respond(404)])
async def test_what_cannot_be_read_is_an_error(path: str, action: Respond) -> None:
    faults = FaultInjector(harbor().app)
    faults.add(Fault(action, path=path, times=None))
    with pytest.raises(RemoteError):
        await _read(faults)


async def test_a_wrong_password_reads_nothing() -> None:
    with serving(harbor().app) as url:
        async with open_client(url, credential=with_wrong_password()) as client:
            with pytest.raises(RemoteError) as excinfo:
                await client.read_storage()
    assert excinfo.value.reason is Reason.UNAUTHORIZED
