"""Health endpoints for load balancers and Kubernetes; they need no login and show no names."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from deployments.console.context import console_of, read
from models.core.errors import IntegrationError
from tasks.store.schema_revision import require_current_schema


async def is_alive(request: Request) -> Response:
    """Answer that the process serves requests."""
    del request
    return PlainTextResponse("ok\n")


async def is_ready(request: Request) -> Response:
    """Answer whether pages can be shown and runs be started: 200, or 503 with the causes."""
    causes = [
        *await _database_causes(),
        *await _schedule_causes(request),
    ]
    if not causes:
        return PlainTextResponse("ok\n")
    return PlainTextResponse("\n".join(causes) + "\n", status_code=503)


async def _database_causes() -> list[str]:
    try:
        # Pages check the schema once per process: it may have been migrated since.
        await read(lambda session: require_current_schema(session.connection()))
    except IntegrationError as error:
        return [f"database: {error}"]
    except Exception as error:  # the text could contain a password
        return [f"database: cannot be read ({type(error).__name__})"]
    return []


async def _schedule_causes(request: Request) -> list[str]:
    silence = await console_of(request).find_silence()
    if silence.prefect_error:
        return [f"Prefect API: {silence.prefect_error}"]
    return [
        f"schedule: no run of {item.flow} has ended since {item.since:%Y-%m-%dT%H:%M:%SZ}"
        for item in silence.schedules
    ]
