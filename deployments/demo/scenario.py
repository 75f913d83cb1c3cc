"""Scenario of the demo: run each step as a user would, and verify it."""

import asyncio
import os
import threading

from prefect.client.orchestration import get_client

from deployments.demo.access import show_access
from deployments.demo.managed import show_discovery
from deployments.demo.platform import DEMO_PASSWORD, GIB, DemoPlatform, run_platform
from deployments.demo.runner import DemoRunner
from deployments.demo.table import overview_table
from models.core.plural import pluralize
from models.overview.overview import RegistryStatistics
from models.registries.condition import Health
from tasks.secrets.credentials import RegistryCredentials
from tasks.store.registries import statistics
from tasks.store.session import in_transaction

_REGISTRY_BY_FILE = "harbor-lab"
DOCUMENT = """\
registries:
  {name}:
    type: harbor
    address: {url}
    credential: {{block: demo-file}}
    description: Simulated, for the demo; declared in a file.
spaces:
  {name}: {{experiments: private}}
"""


def run_demo(*, once: bool, ui: str, console: str) -> int:
    """Run the whole scenario and return the exit status; unless `once`, wait for Ctrl-C first."""
    runner = DemoRunner()
    with run_platform() as platform:
        asyncio.run(_run_scenario(runner, platform))
        runner.console.print(f"\nConsole: {console}   Prefect UI: {ui}")
        runner.console.print(f"Password: {os.environ['PREFECT_API_AUTH_STRING']}")
        _print_result(runner)
        if not once:
            runner.console.print("The product keeps running. Press Ctrl-C to stop.")
            threading.Event().wait()
    return 1 if runner.failed_checks else 0


def _print_result(runner: DemoRunner) -> None:
    if runner.failed_checks:
        runner.console.print(f"[red]{pluralize(len(runner.failed_checks), 'check')} failed.[/red]")
    else:
        runner.console.print("[green]All checks passed.[/green]")


async def _run_scenario(runner: DemoRunner, platform: DemoPlatform) -> None:
    for name, user in (("demo-harbor", "admin"), ("demo-docker", "platform")):
        await RegistryCredentials(username=user, password=DEMO_PASSWORD).save(name, overwrite=True)
    await RegistryCredentials(username="admin", password="Typo12345").save(  # noqa: S106
        "demo-typo", overwrite=True
    )
    await _show_integration(runner, platform)
    await _show_refusals(runner, platform)
    await _show_drift(runner, platform)
    await show_access(runner, platform)
    await show_discovery(runner, platform, platform.stack)
    await _show_failures(runner, platform)
    await _show_overview(runner, platform)


def _block_reference(name: str) -> dict[str, object]:
    return {"$ref": {"block_document_slug": f"registry-credentials/{name}"}}


async def _show_integration(runner: DemoRunner, platform: DemoPlatform) -> None:
    runner.print_title("Integrate four simulated Harbors and a simulated Docker Registry")
    await asyncio.gather(
        *(
            runner.check_flow(
                "COMPLETED",
                f"integrate {name}",
                "integrate-registry",
                name=name,
                registry={"type": name.partition("-")[0], "address": url},
                credentials=_block_reference(f"demo-{name.partition('-')[0]}"),
                description=f"Simulated, for the demo ({name}).",
            )
            for name, url in platform.urls.items()
            if name != _REGISTRY_BY_FILE
        ),
        _integrate_by_file(runner, platform.urls[_REGISTRY_BY_FILE]),
    )


async def _integrate_by_file(runner: DemoRunner, url: str) -> None:
    # The address that a file may send the credentials to is declared with them.
    await RegistryCredentials(username="admin", password=DEMO_PASSWORD, origins=[url]).save(
        "demo-file", overwrite=True
    )
    document = DOCUMENT.format(name=_REGISTRY_BY_FILE, url=url)
    await runner.check_flow(
        "COMPLETED",
        f"integrate {_REGISTRY_BY_FILE} by file",
        "apply-configuration",
        document=document,
        name="demo.yaml",
    )


async def _show_refusals(runner: DemoRunner, platform: DemoPlatform) -> None:
    runner.print_title("Registries that fail the probe are not saved")
    await asyncio.gather(
        runner.check_flow(
            "FAILED",
            "a Harbor that is down",
            "integrate-registry",
            name="harbor-down",
            registry={"type": "harbor", "address": platform.closed_url},
            credentials=_block_reference("demo-harbor"),
        ),
        runner.check_flow(
            "FAILED",
            "a wrong password",
            "integrate-registry",
            name="harbor-typo",
            registry={"type": "harbor", "address": _with_host_name(platform.urls["harbor-edge"])},
            credentials=_block_reference("demo-typo"),
        ),
    )
    names = [
        registry.name for registry in await in_transaction(statistics.list_registry_statistics)
    ]
    runner.check(
        sorted(names) == sorted(platform.urls), f"integrated registries: {', '.join(names)}"
    )


def _with_host_name(url: str) -> str:
    """Return another spelling of an address, which no registry uses yet."""
    return url.replace("127.0.0.1", "localhost")


async def _show_drift(runner: DemoRunner, platform: DemoPlatform) -> None:
    runner.print_title("Make a space private, and correct drift")
    await runner.check_flow(
        "COMPLETED",
        "make payments private",
        "set-space-visibility",
        registry="harbor-main",
        names=["payments"],
        visibility="private",
    )
    runner.check(not platform.main.projects["payments"].public, "payments is private in Harbor")
    platform.main.projects["payments"].public = True
    runner.console.print("  [dim]… make it public in Harbor's own console[/dim]")
    await runner.check_flow(
        "COMPLETED", "reconcile harbor-main", "reconcile-registry", name="harbor-main"
    )
    runner.check(
        not platform.main.projects["payments"].public, "payments is private in Harbor again"
    )
    drifted = "space.visibility-drifted"
    runner.check(await _was_event_sent(drifted), f"the event {drifted} was sent")


async def _was_event_sent(event: str) -> bool:
    async with get_client() as client:
        for _ in range(50):
            event_filter = {"filter": {"event": {"name": [event]}}, "limit": 1}
            answer = await client.request("POST", "/events/filter", json=event_filter)
            if answer.json()["events"]:
                return True
            await asyncio.sleep(0.2)
    return False


async def _show_failures(runner: DemoRunner, platform: DemoPlatform) -> None:
    runner.print_title("One Harbor goes down, another gets a new admin password")
    platform.old_stack.close()
    platform.lab.users[1].password = "Changed98765"  # noqa: S105
    for round_ in ("first", "second"):
        await asyncio.gather(
            *(
                runner.check_flow(
                    "FAILED", f"{round_} reconcile of {name}", "reconcile-registry", name=name
                )
                for name in ("harbor-old", "harbor-lab")
            )
        )


async def _show_overview(runner: DemoRunner, platform: DemoPlatform) -> None:
    runner.print_title("Overview")
    await runner.check_flow("COMPLETED", "compute the overview", "compute-overview")
    registries = {
        registry.name: registry
        for registry in await in_transaction(statistics.list_registry_statistics)
    }
    runner.console.print(overview_table(tuple(registries.values())))
    _check_numbers(runner, platform, registries)


def _check_numbers(
    runner: DemoRunner, platform: DemoPlatform, registries: dict[str, RegistryStatistics]
) -> None:
    health = {name: registry.record.health_summary.health for name, registry in registries.items()}
    runner.check(
        all(
            health[name] is Health.HEALTHY for name in ("harbor-main", "harbor-edge", "docker-dev")
        ),
        "harbor-main, harbor-edge and docker-dev are healthy",
    )
    for name, expected_reason in (
        ("harbor-old", "ConnectionRefused"),
        ("harbor-lab", "BadCredentials"),
    ):
        reason = registries[name].record.health_summary.reason
        runner.check(
            health[name] is Health.UNHEALTHY and reason == expected_reason,
            f"{name} is {health[name]}: {reason}",
        )
    runner.check(
        registries["harbor-old"].storage_used == 42 * GIB, "harbor-old keeps its last statistics"
    )
    runner.check(registries["harbor-main"].totals.space_count == 6, "harbor-main has 6 spaces")
    runner.check(registries["harbor-main"].totals.public_count == 2, "2 of them are public")
    quotas = (project.quota for project in platform.main.projects.values())
    used = sum(quota.used for quota in quotas if quota)
    runner.check(
        registries["harbor-main"].totals.storage_used == used,
        "its storage is the sum of its spaces",
    )
    coverage = registries["docker-dev"].record.storage_coverage
    runner.check(
        coverage is not None and coverage.is_complete and coverage.total == 4,
        "docker-dev's storage is counted from all of its 4 tags",
    )
