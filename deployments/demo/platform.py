"""The simulated registries of the demo: what is in them, and how they misbehave later."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from deployments.simulators.docker_registry import Basic, DockerRegistry
from deployments.simulators.harbor import Harbor
from deployments.simulators.kubernetes import EmulatedCluster, running_cluster
from deployments.simulators.server import closed_port_url, running
from models.core.labels import WORKSPACE_LABEL
from models.discovery.trust import MANAGED_LABEL

GIB = 2**30
NAMESPACES = {"shop": "team-shop", "shop-staging": "team-shop", "analytics": "team-data"}
"""The emulated cluster's namespaces, with the workspace that their label names."""
HARBORS = "harbors"
"""Where the platform's own Harbors are: the one namespace that is marked as trusted."""
PASSWORD = "Harbor12345"  # noqa: S105 - of simulated registries only


@dataclass
class World:
    """The registries and their addresses.

    Attributes:
        urls: address by name.
        cluster: an emulated Kubernetes cluster, not a real one.
        stack: ends what runs when the demo does.
        old: stopping it takes `harbor-old` down.
    """

    main: Harbor
    edge: Harbor
    lab: Harbor
    dev: DockerRegistry
    cluster: EmulatedCluster
    stack: ExitStack
    urls: dict[str, str] = field(default_factory=dict)
    old: ExitStack = field(default_factory=ExitStack)
    nowhere: str = field(default_factory=closed_port_url)


@contextmanager
def simulated() -> Iterator[World]:
    """Run all simulated registries until the block ends."""
    old = Harbor(admin_password=PASSWORD, version="v2.11.2-1a2b3c4d")
    old.add_project("archive", storage_used=42 * GIB, repositories=("app-2019", "app-2020"))
    with ExitStack() as stack:
        cluster = stack.enter_context(running_cluster())
        for namespace, workspace in NAMESPACES.items():
            cluster.add_namespace(namespace, {WORKSPACE_LABEL: workspace})
        cluster.add_namespace(HARBORS, {MANAGED_LABEL: "true"})
        world = World(
            main=_main(), edge=_edge(), lab=_lab(), dev=_dev(), cluster=cluster, stack=stack
        )
        stack.push(world.old)
        for name, app in (
            ("harbor-main", world.main.app),
            ("harbor-edge", world.edge.app),
            ("harbor-lab", world.lab.app),
            ("docker-dev", world.dev.app),
        ):
            world.urls[name] = stack.enter_context(running(app))
        world.main.external_url = world.urls["harbor-main"]  # where it sends who needs a token
        world.urls["harbor-old"] = world.old.enter_context(running(old.app))
        yield world


def _main() -> Harbor:
    harbor = Harbor(admin_password=PASSWORD)
    for name, gib, public in (
        ("base-images", 18, True),
        ("payments", 31, True),
        ("web-shop", 57, False),
        ("search", 12, False),
        ("data-science", 143, False),
    ):
        harbor.add_project(
            name,
            public=public,
            storage_used=gib * GIB,
            storage_limit=200 * GIB,
            repositories=tuple(f"app-{number}" for number in range(gib // 8 + 1)),
        )
    for image in ("web-shop/frontend", "search/index"):
        harbor.add_image(image, "v1")
    return harbor


def _edge() -> Harbor:
    harbor = Harbor(admin_password=PASSWORD, version="v2.12.4-5d6e7f80")
    harbor.add_project("edge-agents", public=True, storage_used=9 * GIB, repositories=("agent",))
    harbor.add_project("firmware", storage_used=4 * GIB, repositories=("a", "b", "c"))
    return harbor


def _lab() -> Harbor:
    harbor = Harbor(admin_password=PASSWORD)
    harbor.add_project("experiments", storage_used=77 * GIB, repositories=("gpu", "cpu"))
    return harbor


def _dev() -> DockerRegistry:
    registry = DockerRegistry(Basic({"platform": PASSWORD}))
    for repository in ("tools/lint", "tools/build", "team-a/api", "hello-world"):
        registry.add_repository(repository, tags=("v1",))
    return registry
