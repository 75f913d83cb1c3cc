"""A Harbor of yours; projects named `ri-live-…` come and go, nothing else is written."""

import httpx
from pydantic import SecretStr

from flows.registries.create_space import create_space
from flows.registries.reconcile import reconcile_registry
from flows.registries.set_visibility import set_space_visibility
from models.core.availability import Seen
from models.core.reasons import Reason
from models.registries.condition import Status
from models.registries.health import failed
from models.registries.observation import StorageReading
from models.registries.space import Visibility
from tasks.http.limits import Bounds
from tasks.registries.factory import connect
from tasks.registries.protocol import Credential
from tasks.store.registries import registries, spaces
from tasks.store.session import stored
from tests.live.servers import Live
from tests.support.helpers import completed, integrate


async def test_every_step_is_proved_and_all_projects_are_read(live_harbor: Live) -> None:
    async with connect(live_harbor.registry, live_harbor.credential, Bounds()) as client:
        verdicts = await client.examine()
        snapshot = await client.look()
        reading = await client.read_storage()
    assert [one for one in verdicts if one.status is Status.FALSE] == []
    assert isinstance(snapshot.spaces, Seen), snapshot.spaces
    assert isinstance(reading, StorageReading)
    print(f"\n  {len(snapshot.spaces.items)} spaces in {snapshot.seconds:.2f} s")


async def test_a_wrong_password_is_told(live_harbor: Live) -> None:
    """The user does not exist, so nobody's account is locked by it."""
    stranger = Credential("ri-live-nobody", SecretStr("wrong"))
    async with connect(live_harbor.registry, stranger, Bounds(), refused=True) as client:
        broken = failed(await client.examine())
    assert broken is not None
    assert broken.reason in (Reason.BAD_CREDENTIALS, Reason.UNAUTHORIZED)


async def test_the_whole_story(
    live_harbor: Live, harbor_console: httpx.Client, project: str, database: str, name: str
) -> None:
    """Integrate, create a space, make it public, drift, reconcile."""
    state = await integrate(
        name, live_harbor.url, credentials=await live_harbor.block(), tls=live_harbor.tls
    )
    assert state.is_completed(), state.message
    assert (await stored(registries.dossier, name)).diagnosis.health in ("healthy", "degraded")

    await completed(create_space, name, [project], Visibility.PRIVATE)
    assert _public(harbor_console, project) == "false"

    await completed(set_space_visibility, name, [project], Visibility.PUBLIC)
    assert _public(harbor_console, project) == "true"

    harbor_console.cookies.clear()
    body = {"metadata": {"public": "false"}}
    harbor_console.put(f"/projects/{project}", json=body).raise_for_status()
    await completed(reconcile_registry, name)
    assert _public(harbor_console, project) == "true"
    known = {space.name: space for space in await stored(spaces.spaces, name)}
    assert known[project].observed == known[project].desired == "public"


def _public(console: httpx.Client, project: str) -> str:
    console.cookies.clear()
    found = console.get(f"/projects/{project}", headers={"X-Is-Resource-Name": "true"})
    return str(found.raise_for_status().json()["metadata"]["public"])
