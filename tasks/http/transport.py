"""The transport of all clients: an httpcore pool with a server name and an address guard.

httpx has an argument for neither: both are public arguments of httpcore.
"""

import ssl
from collections.abc import AsyncIterable, AsyncIterator
from typing import cast

import httpcore
import httpx

from tasks.http.connection.network import AddressGuard, Backend

_KEEPALIVE_SECONDS = 5.0


class Transport(httpx.AsyncBaseTransport):
    """Sends the requests of one client over its own connections.

    It raises the exceptions of httpcore; `tasks.http.errors` translates them.

    Args:
        tls_context: TLS context of all connections.
        max_connections: maximum number of connections.
        address_guard: checks the IP address of each connection; None checks none.
        server_name: host name to verify in the certificate, if it differs from the URL's.
        proxy: proxy of all connections, which ignores the server name; None connects directly.
    """

    def __init__(
        self,
        tls_context: ssl.SSLContext,
        max_connections: int,
        address_guard: AddressGuard | None = None,
        server_name: str = "",
        proxy: httpcore.Proxy | None = None,
    ) -> None:
        self._is_proxied = proxy is not None
        self._extensions = {"sni_hostname": server_name} if server_name else {}
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls_context,
            max_connections=max_connections,
            keepalive_expiry=_KEEPALIVE_SECONDS,
            network_backend=Backend(address_guard, proxy),
            proxy=proxy,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return the response, with its body unread.

        Raises:
            Exception: an exception of httpcore: no response.
        """
        response = await self._pool.handle_async_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=request.url.raw_scheme,
                    host=self._host(request.url.raw_host),
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                content=cast("AsyncIterable[bytes]", request.stream),
                extensions={**request.extensions, **self._extensions},
            )
        )
        return httpx.Response(
            status_code=response.status,
            headers=response.headers,
            stream=_ResponseStream(response),
            extensions=response.extensions,
        )

    def _host(self, host: bytes) -> bytes:
        # httpcore writes the host to a proxy as it is, and removes no brackets for TLS.
        return b"[%b]" % host if self._is_proxied and b":" in host else host

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pool.aclose()


class _ResponseStream(httpx.AsyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._response.aiter_stream()

    async def aclose(self) -> None:
        """Give the connection back to the pool."""
        await self._response.aclose()
