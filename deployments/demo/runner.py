"""Runner of the demo: runs flows as a user does, prints and records the checks."""

import asyncio
import time

from prefect.client.schemas.objects import FlowRun
from prefect.deployments import arun_deployment
from rich.console import Console
from rich.markup import escape

_RUN_SECONDS = 180.0
_WIDTH = 140


class DemoRunner:
    """Prints progress and records failed checks."""

    def __init__(self) -> None:
        self.console = Console(highlight=False)
        if not self.console.is_terminal:
            self.console.width = _WIDTH
        self.failed_checks: list[str] = []
        self.started_at = time.monotonic()

    def print_title(self, text: str) -> None:
        """Print the title of a part, with the elapsed time."""
        seconds = time.monotonic() - self.started_at
        self.console.print(f"\n[bold]{text}[/bold] [dim]({seconds:.0f} s)[/dim]")

    def check(self, condition: bool, text: str) -> None:
        """Print a check and record it if it failed."""
        mark = "[green]✓[/green]" if condition else "[red]✗[/red]"
        self.console.print(f"  {mark} {escape(text)}")
        if not condition:
            self.failed_checks.append(text)

    async def run_flow(self, flow: str, parameters: dict[str, object]) -> FlowRun:
        """Run a deployment as the UI does, and wait for its final state.

        Prefect cancels the run if a scheduled run of the same flow has not ended; it is started
        again.
        """
        deadline = time.monotonic() + _RUN_SECONDS
        while True:
            run = await arun_deployment(
                f"{flow}/default", parameters=parameters, timeout=_RUN_SECONDS, poll_interval=0.2
            )
            if not _was_refused_a_slot(run) or time.monotonic() > deadline:
                return run
            await asyncio.sleep(1)

    async def check_flow(self, kind: str, text: str, flow: str, **parameters: object) -> None:
        """Run a flow and check the type of its final state."""
        self.console.print(f"  [dim]… {text}[/dim]")
        run = await self.run_flow(flow, parameters)
        state = run.state
        message = (state.message or "")[:170] if state else ""
        self.check(state is not None and state.type.value == kind, f"{text}: {message}")


def _was_refused_a_slot(run: FlowRun) -> bool:
    state = run.state
    return (
        state is not None
        and state.is_cancelled()
        and "concurrency limit" in (state.message or "").lower()
    )
