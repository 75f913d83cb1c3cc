"""A Docker Registry of yours; it is only read."""

from models.core.availability import Seen
from models.registries.condition import Status
from tasks.http.limits import Bounds
from tasks.registries.factory import connect
from tasks.store.registries import registries, spaces
from tasks.store.session import stored
from tests.live.servers import Live
from tests.support.helpers import integrate


async def test_every_step_is_proved_and_the_catalog_is_read(live_docker: Live) -> None:
    async with connect(live_docker.registry, live_docker.credential, Bounds()) as client:
        verdicts = await client.examine()
        snapshot = await client.look()
    assert [one for one in verdicts if one.status is Status.FALSE] == []
    assert isinstance(snapshot.spaces, Seen), snapshot.spaces
    print(f"\n  {len(snapshot.spaces.items)} spaces in {snapshot.seconds:.2f} s")


async def test_it_is_integrated(live_docker: Live, database: str, name: str) -> None:
    state = await integrate(
        name, live_docker.url, "docker", credentials=await live_docker.block(), tls=live_docker.tls
    )
    assert state.is_completed(), state.message
    dossier = await stored(registries.dossier, name)
    assert dossier.diagnosis.health == "healthy"
    assert dossier.spaces_read_at is not None
    assert await stored(spaces.spaces, name) is not None
