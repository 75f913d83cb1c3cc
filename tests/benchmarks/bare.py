"""The bare loop that figures are compared with: the same minimal requests, nothing else."""

import asyncio
import math
import ssl

import httpx

from tests.benchmarks.simulated import PASSWORD

AT_ONCE = 4
CLUSTER_AT_ONCE = 8
_TLS = ssl.create_default_context()  # built once: 30 ms a client would flatter what is compared
_SYSTEM = ("/health", "/users/current", "/systeminfo", "/statistics")


def _client() -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=AT_ONCE)
    return httpx.AsyncClient(auth=("admin", PASSWORD), limits=limits, verify=_TLS)


async def look(url: str, spaces: int) -> int:
    """Make the requests that a look at a Harbor needs, and parse them; return how many."""
    places = asyncio.Semaphore(AT_ONCE)
    async with _client() as client:

        async def get(path: str) -> None:
            async with places:
                client.cookies.clear()
                (await client.get(f"{url}/api/v2.0{path}")).raise_for_status().json()

        for path in _SYSTEM:
            await get(path)
        pages = math.ceil(spaces / 100)
        await asyncio.gather(
            *(get(f"/projects?page={page + 1}&page_size=100") for page in range(pages))
        )
    return len(_SYSTEM) + pages


async def look_at_all(urls: list[str], spaces: int, at_once: int) -> int:
    """Look at many Harbors side by side; return the number of requests."""
    places = asyncio.Semaphore(at_once)

    async def one(url: str) -> int:
        async with places:
            return await look(url, spaces)

    return sum(await asyncio.gather(*(one(url) for url in urls)))


async def set_public(url: str, names: list[str], public: bool) -> None:
    """Make one PUT for each project."""
    places = asyncio.Semaphore(AT_ONCE)
    async with _client() as client:

        async def put(name: str) -> None:
            async with places:
                client.cookies.clear()
                body = {"metadata": {"public": str(public).lower()}}
                answer = await client.put(f"{url}/api/v2.0/projects/{name}", json=body)
                answer.raise_for_status()

        await asyncio.gather(*(put(name) for name in names))


async def grant(url: str, robots: int, spaces: list[str]) -> None:
    """Make robot accounts that may pull all these spaces."""
    places = asyncio.Semaphore(AT_ONCE)
    access = [{"resource": "repository", "action": "pull"}]
    rights = [{"kind": "project", "namespace": name, "access": access} for name in spaces]
    async with _client() as client:

        async def post(number: int) -> None:
            async with places:
                client.cookies.clear()
                about = {"name": f"bare-{number}", "level": "system", "duration": -1}
                answer = await client.post(
                    f"{url}/api/v2.0/robots", json=about | {"permissions": rights}
                )
                answer.raise_for_status()

        await asyncio.gather(*(post(number) for number in range(robots)))


async def deliver(url: str, token: str, namespaces: list[str]) -> None:
    """Write a Secret into each namespace, and read and extend its default ServiceAccount."""
    places = asyncio.Semaphore(CLUSTER_AT_ONCE)
    limits = httpx.Limits(max_connections=CLUSTER_AT_ONCE)
    bearer = {"Authorization": f"Bearer {token}"}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "bare"}}
    apply = {"Content-Type": "application/apply-patch+yaml"}
    merge = {"Content-Type": "application/merge-patch+json"}
    linked = {"imagePullSecrets": [{"name": "bare"}]}
    async with httpx.AsyncClient(headers=bearer, limits=limits, verify=_TLS) as client:

        async def write(namespace: str) -> None:
            within = f"{url}/api/v1/namespaces/{namespace}"
            account = f"{within}/serviceaccounts/default"
            async with places:
                to = f"{within}/secrets/bare?fieldManager=bare"
                (await client.patch(to, json=secret, headers=apply)).raise_for_status()
                (await client.get(account)).raise_for_status()
                (await client.patch(account, json=linked, headers=merge)).raise_for_status()

        await asyncio.gather(*(write(namespace) for namespace in namespaces))
