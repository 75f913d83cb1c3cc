"""A Docker Registry of yours; it is only read."""

from models.core.availability import Complete
from models.registries.condition import ConditionStatus
from tasks.http.limits import ClientLimits
from tasks.registries.connect import create_registry_client
from tasks.registries.protocol import ClientOptions
from tasks.store.registries import registries, spaces
from tasks.store.session import in_transaction
from tests.live.servers import LiveServer
from tests.support.helpers import integrate


async def test_every_step_is_proved_and_the_catalog_is_read(live_docker: LiveServer) -> None:
    options = ClientOptions(live_docker.credential, ClientLimits())
    async with create_registry_client(live_docker.registry, options) as client:
        verdicts = await client.probe()
        snapshot = await client.observe()
    assert [verdict for verdict in verdicts if verdict.status is ConditionStatus.FALSE] == []
    assert isinstance(snapshot.spaces, Complete), snapshot.spaces
    print(f"\n  {len(snapshot.spaces.items)} spaces in {snapshot.seconds:.2f} s")


async def test_it_is_integrated(live_docker: LiveServer, database: str, name: str) -> None:
    state = await integrate(
        name, live_docker.url, "docker", credentials=await live_docker.block(), tls=live_docker.tls
    )
    assert state.is_completed(), state.message
    record = await in_transaction(registries.get_registry, name)
    assert record.health_summary.health == "healthy"
    assert record.spaces_read_at is not None
    assert await in_transaction(spaces.list_spaces, name) is not None
