"""A client of the Prefect API whose failures have a message."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.exceptions import PrefectHTTPStatusError

from models.core.errors import IntegrationError

DEFAULT_SECONDS = 10.0
"""Prefect's client repeats requests for much longer; a page cannot wait for that."""


class PrefectUnavailable(IntegrationError):
    """The Prefect API did not answer, or with an error of its own."""


@asynccontextmanager
async def prefect_client(seconds: float = DEFAULT_SECONDS) -> AsyncIterator[PrefectClient]:
    """Yield a client of the Prefect API.

    Args:
        seconds: time-out of everything that is done with it.

    Raises:
        PrefectUnavailable: the API cannot be reached, rejects the password, or fails.
    """
    try:
        with anyio.fail_after(seconds):
            async with get_client() as client:
                yield client
    except PrefectHTTPStatusError as error:
        status = error.response.status_code
        if status == httpx.codes.UNAUTHORIZED:
            raise PrefectUnavailable(
                "the Prefect API rejects the password: set PREFECT_API_AUTH_STRING to that of the "
                "server"
            ) from None
        if not error.response.is_server_error:
            raise
        raise PrefectUnavailable(f"the Prefect API answered {status}: see its log") from None
    except (httpx.TransportError, TimeoutError) as error:
        raise PrefectUnavailable(
            f"the Prefect API did not answer ({type(error).__name__}): check that the Prefect "
            "server runs and that PREFECT_API_URL is its address"
        ) from None
