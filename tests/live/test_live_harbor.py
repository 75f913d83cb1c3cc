"""A Harbor of yours; projects named `ri-live-…` come and go, nothing else is written."""

import httpx
from pydantic import SecretStr

from flows.registries.create_space import create_space
from flows.registries.reconcile import reconcile_registry
from flows.registries.set_visibility import set_space_visibility
from models.core.availability import Complete
from models.core.reasons import Reason
from models.registries.condition import ConditionStatus
from models.registries.health import first_failure
from models.registries.observation import StorageReading
from models.registries.space import Visibility
from tasks.http.limits import ClientLimits
from tasks.registries.connect import create_registry_client
from tasks.registries.protocol import ClientOptions, Credential
from tasks.store.registries import registries, spaces
from tasks.store.session import in_transaction
from tests.live.servers import LiveServer
from tests.support.helpers import expect_success, integrate


async def test_every_step_is_proved_and_all_projects_are_read(live_harbor: LiveServer) -> None:
    options = ClientOptions(live_harbor.credential, ClientLimits())
    async with create_registry_client(live_harbor.registry, options) as client:
        verdicts = await client.probe()
        snapshot = await client.observe()
        reading = await client.read_storage()
    assert [verdict for verdict in verdicts if verdict.status is ConditionStatus.FALSE] == []
    assert isinstance(snapshot.spaces, Complete), snapshot.spaces
    assert isinstance(reading, StorageReading)
    print(f"\n  {len(snapshot.spaces.items)} spaces in {snapshot.seconds:.2f} s")


async def test_a_wrong_password_is_told(live_harbor: LiveServer) -> None:
    """The user does not exist, so nobody's account is locked by it."""
    stranger = Credential("ri-live-nobody", SecretStr("wrong"))
    options = ClientOptions(stranger, ClientLimits(), credential_refused=True)
    async with create_registry_client(live_harbor.registry, options) as client:
        failure = first_failure(await client.probe())
    assert failure is not None
    assert failure.reason in (Reason.BAD_CREDENTIALS, Reason.UNAUTHORIZED)


async def test_the_whole_story(
    live_harbor: LiveServer, harbor_console: httpx.Client, project: str, database: str, name: str
) -> None:
    """Integrate, create a space, make it public, drift, reconcile."""
    state = await integrate(
        name, live_harbor.url, credentials=await live_harbor.block(), tls=live_harbor.tls
    )
    assert state.is_completed(), state.message
    assert (await in_transaction(registries.get_registry, name)).health_summary.health in (
        "healthy",
        "degraded",
    )

    await expect_success(create_space, name, [project], Visibility.PRIVATE)
    assert _public(harbor_console, project) == "false"

    await expect_success(set_space_visibility, name, [project], Visibility.PUBLIC)
    assert _public(harbor_console, project) == "true"

    harbor_console.cookies.clear()
    body = {"metadata": {"public": "false"}}
    harbor_console.put(f"/projects/{project}", json=body).raise_for_status()
    await expect_success(reconcile_registry, name)
    assert _public(harbor_console, project) == "true"
    spaces_by_name = {space.name: space for space in await in_transaction(spaces.list_spaces, name)}
    assert spaces_by_name[project].observed == spaces_by_name[project].desired == "public"


def _public(console: httpx.Client, project: str) -> str:
    console.cookies.clear()
    response = console.get(f"/projects/{project}", headers={"X-Is-Resource-Name": "true"})
    return str(response.raise_for_status().json()["metadata"]["public"])
