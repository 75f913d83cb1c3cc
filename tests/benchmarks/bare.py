"""The bare loop that figures are compared with: the same minimal requests, nothing else."""

import asyncio
import math
import ssl

import httpx

from tests.benchmarks.simulated import PASSWORD

MAX_CONCURRENCY = 4
CLUSTER_MAX_CONCURRENCY = 8
_TLS = ssl.create_default_context()  # built once: 30 ms a client would flatter what is compared
_SYSTEM = ("/health", "/users/current", "/systeminfo", "/statistics")


def _client() -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=MAX_CONCURRENCY)
    return httpx.AsyncClient(auth=("admin", PASSWORD), limits=limits, verify=_TLS)


async def observe(url: str, spaces: int) -> int:
    """Make the requests that a look at a Harbor needs, and parse them; return how many."""
    semaphore = asyncio.Semaphore(MAX_CONCURRENCY)
    async with _client() as client:

        async def get(path: str) -> None:
            async with semaphore:
                client.cookies.clear()
                (await client.get(f"{url}/api/v2.0{path}")).raise_for_status().json()

        for path in _SYSTEM:
            await get(path)
        pages = math.ceil(spaces / 100)
        await asyncio.gather(
            *(get(f"/projects?page={page + 1}&page_size=100") for page in range(pages))
        )
    return len(_SYSTEM) + pages


async def observe_all(urls: list[str], spaces: int, max_concurrency: int) -> int:
    """Look at many Harbors side by side; return the number of requests."""
    semaphore = asyncio.Semaphore(max_concurrency)

    async def observe_one(url: str) -> int:
        async with semaphore:
            return await observe(url, spaces)

    return sum(await asyncio.gather(*(observe_one(url) for url in urls)))


async def set_public(url: str, names: list[str], public: bool) -> None:
    """Make one PUT for each project."""
    semaphore = asyncio.Semaphore(MAX_CONCURRENCY)
    async with _client() as client:

        async def put(name: str) -> None:
            async with semaphore:
                client.cookies.clear()
                body = {"metadata": {"public": str(public).lower()}}
                response = await client.put(f"{url}/api/v2.0/projects/{name}", json=body)
                response.raise_for_status()

        await asyncio.gather(*(put(name) for name in names))


async def create_robots(url: str, robots: int, spaces: list[str]) -> None:
    """Make robot accounts that may pull all these spaces."""
    semaphore = asyncio.Semaphore(MAX_CONCURRENCY)
    access = [{"resource": "repository", "action": "pull"}]
    rights = [{"kind": "project", "namespace": name, "access": access} for name in spaces]
    async with _client() as client:

        async def post(number: int) -> None:
            async with semaphore:
                client.cookies.clear()
                fields = {"name": f"bare-{number}", "level": "system", "duration": -1}
                response = await client.post(
                    f"{url}/api/v2.0/robots", json=fields | {"permissions": rights}
                )
                response.raise_for_status()

        await asyncio.gather(*(post(number) for number in range(robots)))


async def write_pull_secrets(url: str, token: str, namespaces: list[str]) -> None:
    """Write a Secret into each namespace, and read and extend its default ServiceAccount."""
    semaphore = asyncio.Semaphore(CLUSTER_MAX_CONCURRENCY)
    limits = httpx.Limits(max_connections=CLUSTER_MAX_CONCURRENCY)
    bearer = {"Authorization": f"Bearer {token}"}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "bare"}}
    apply = {"Content-Type": "application/apply-patch+yaml"}
    merge = {"Content-Type": "application/merge-patch+json"}
    link_patch = {"imagePullSecrets": [{"name": "bare"}]}
    async with httpx.AsyncClient(headers=bearer, limits=limits, verify=_TLS) as client:

        async def write(namespace: str) -> None:
            namespace_url = f"{url}/api/v1/namespaces/{namespace}"
            account = f"{namespace_url}/serviceaccounts/default"
            async with semaphore:
                secret_url = f"{namespace_url}/secrets/bare?fieldManager=bare"
                (await client.patch(secret_url, json=secret, headers=apply)).raise_for_status()
                (await client.get(account)).raise_for_status()
                (await client.patch(account, json=link_patch, headers=merge)).raise_for_status()

        await asyncio.gather(*(write(namespace) for namespace in namespaces))
