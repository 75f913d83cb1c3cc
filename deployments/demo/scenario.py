"""The story of the demo: each step says what it does, does it as a user would, and checks it."""

import asyncio
import os
import threading

from prefect.client.orchestration import get_client

from deployments.demo.access import grant_and_take
from deployments.demo.managed import appear
from deployments.demo.platform import GIB, PASSWORD, World, simulated
from deployments.demo.runner import Teller
from deployments.demo.table import overview_table
from models.overview.overview import RegistryFigures
from models.registries.condition import Health
from tasks.secrets.credentials import RegistryCredentials
from tasks.store.registries import statistics
from tasks.store.session import stored


def tell(*, once: bool, ui: str) -> int:
    """Tell the whole story; stay up until Ctrl-C unless it is to be told once."""
    teller = Teller()
    with simulated() as world:
        asyncio.run(_story(teller, world))
        teller.console.print(f"\nSee it in the UI: {ui}/v2/artifacts/key/overview")
        teller.console.print(f"Its password: {os.environ['PREFECT_API_AUTH_STRING']}")
        _conclude(teller)
        if not once:
            teller.console.print("The product stays up until Ctrl-C.")
            threading.Event().wait()
    return 1 if teller.broken else 0


def _conclude(teller: Teller) -> None:
    if teller.broken:
        teller.console.print(f"[red]{len(teller.broken)} parts of the story did not hold.[/red]")
    else:
        teller.console.print("[green]Every part of the story held.[/green]")


async def _story(teller: Teller, world: World) -> None:
    for name, user in (("demo-harbor", "admin"), ("demo-docker", "platform")):
        await RegistryCredentials(username=user, password=PASSWORD).save(name, overwrite=True)
    await RegistryCredentials(username="admin", password="Typo12345").save(  # noqa: S106
        "demo-typo", overwrite=True
    )
    await _integrate(teller, world)
    await _refuse(teller, world)
    await _drift(teller, world)
    await grant_and_take(teller, world)
    await appear(teller, world, world.stack)
    await _break(teller, world)
    await _overview(teller, world)


def _block(name: str) -> dict[str, object]:
    return {"$ref": {"block_document_slug": f"registry-credentials/{name}"}}


async def _integrate(teller: Teller, world: World) -> None:
    teller.title("Integrating four simulated Harbors and a simulated Docker Registry")
    await asyncio.gather(
        *(
            teller.expect(
                "COMPLETED",
                f"integrate {name}",
                "integrate-registry",
                name=name,
                registry={"type": name.partition("-")[0], "address": url},
                credentials=_block(f"demo-{name.partition('-')[0]}"),
                description=f"Simulated, for the demo ({name}).",
            )
            for name, url in world.urls.items()
        )
    )


async def _refuse(teller: Teller, world: World) -> None:
    teller.title("What cannot work is refused before anything is saved")
    await asyncio.gather(
        teller.expect(
            "FAILED",
            "a Harbor that is down",
            "integrate-registry",
            name="harbor-down",
            registry={"type": "harbor", "address": world.nowhere},
            credentials=_block("demo-harbor"),
        ),
        teller.expect(
            "FAILED",
            "a wrong password",
            "integrate-registry",
            name="harbor-typo",
            registry={"type": "harbor", "address": _by_name(world.urls["harbor-edge"])},
            credentials=_block("demo-typo"),
        ),
    )
    names = [one.name for one in await stored(statistics.figures)]
    teller.check(sorted(names) == sorted(world.urls), f"integrated are {', '.join(names)}")


def _by_name(url: str) -> str:
    """Return another spelling of an address, which is not taken yet."""
    return url.replace("127.0.0.1", "localhost")


async def _drift(teller: Teller, world: World) -> None:
    teller.title("Making a space private, and keeping it so")
    await teller.expect(
        "COMPLETED",
        "payments becomes private",
        "set-space-visibility",
        registry="harbor-main",
        names=["payments"],
        visibility="private",
    )
    teller.check(not world.main.projects["payments"].public, "Harbor itself says private")
    world.main.projects["payments"].public = True
    teller.console.print("  [dim]… somebody makes it public in Harbor's own console[/dim]")
    await teller.expect(
        "COMPLETED", "reconcile harbor-main", "reconcile-registry", name="harbor-main"
    )
    teller.check(not world.main.projects["payments"].public, "Harbor says private again")
    drifted = "space.visibility-drifted"
    teller.check(await _was_announced(drifted), f"the event {drifted} was sent")


async def _was_announced(event: str) -> bool:
    async with get_client() as client:
        for _ in range(50):
            wanted = {"filter": {"event": {"name": [event]}}, "limit": 1}
            answer = await client.request("POST", "/events/filter", json=wanted)
            if answer.json()["events"]:
                return True
            await asyncio.sleep(0.2)
    return False


async def _break(teller: Teller, world: World) -> None:
    teller.title("One Harbor goes down, another gets a new admin password")
    world.old.close()
    world.lab.users[1].password = "Changed98765"  # noqa: S105
    for round_ in ("first", "second"):
        await asyncio.gather(
            *(
                teller.expect("FAILED", f"{round_} look at {name}", "reconcile-registry", name=name)
                for name in ("harbor-old", "harbor-lab")
            )
        )


async def _overview(teller: Teller, world: World) -> None:
    teller.title("The overview")
    await teller.expect("COMPLETED", "compute the overview", "compute-overview")
    found = {one.name: one for one in await stored(statistics.figures)}
    teller.console.print(overview_table(tuple(found.values())))
    _check_numbers(teller, world, found)


def _check_numbers(teller: Teller, world: World, found: dict[str, RegistryFigures]) -> None:
    health = {name: one.dossier.diagnosis.health for name, one in found.items()}
    teller.check(
        all(
            health[name] is Health.HEALTHY for name in ("harbor-main", "harbor-edge", "docker-dev")
        ),
        "harbor-main, harbor-edge and docker-dev are healthy",
    )
    for name, why in (("harbor-old", "ConnectionRefused"), ("harbor-lab", "BadCredentials")):
        reason = found[name].dossier.diagnosis.reason
        teller.check(
            health[name] is Health.UNHEALTHY and reason == why,
            f"{name} is {health[name]}: {reason}",
        )
    teller.check(found["harbor-old"].storage == 42 * GIB, "harbor-old keeps its last numbers")
    teller.check(found["harbor-main"].totals.spaces == 6, "harbor-main has 6 spaces")
    teller.check(found["harbor-main"].totals.public == 2, "2 of them are public")
    quotas = (project.quota for project in world.main.projects.values())
    used = sum(quota.used for quota in quotas if quota)
    teller.check(found["harbor-main"].totals.used == used, "its storage adds up")
    teller.check(found["docker-dev"].storage is None, "docker-dev's storage is unknown, not zero")
