"""Simulated registries and cluster of the demo."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from deployments.simulators.docker_registry import (
    BasicAuth,
    SimulatedDockerRegistry,
    build_image,
)
from deployments.simulators.harbor import SimulatedHarbor
from deployments.simulators.kubernetes import SimulatedCluster, running_cluster
from deployments.simulators.server import get_closed_url, run_server
from models.core.labels import WORKSPACE_LABEL
from models.discovery.trust import MANAGED_LABEL

GIB = 2**30
DEMO_NAMESPACES = {"shop": "team-shop", "shop-staging": "team-shop", "analytics": "team-data"}
"""Namespaces of the simulated cluster, with the workspace in their label."""
HARBOR_NAMESPACE = "harbors"
"""Namespace of the managed Harbors: the only one labelled as trusted."""
DEMO_PASSWORD = "Harbor12345"  # noqa: S105 - of simulated registries only


@dataclass
class DemoPlatform:
    """The simulated registries and cluster.

    Attributes:
        urls: address of each registry, by name.
        cluster: a simulated Kubernetes cluster.
        stack: stops all servers at the end of the demo.
        old_stack: closing it stops `harbor-old`.
        closed_url: an address that refuses connections.
    """

    main: SimulatedHarbor
    edge: SimulatedHarbor
    lab: SimulatedHarbor
    dev: SimulatedDockerRegistry
    cluster: SimulatedCluster
    stack: ExitStack
    urls: dict[str, str] = field(default_factory=dict)
    old_stack: ExitStack = field(default_factory=ExitStack)
    closed_url: str = field(default_factory=get_closed_url)


@contextmanager
def run_platform() -> Iterator[DemoPlatform]:
    """Run all simulated registries until the block ends."""
    old = SimulatedHarbor(admin_password=DEMO_PASSWORD, version="v2.11.2-1a2b3c4d")
    old.add_project("archive", storage_used=42 * GIB, repositories=("app-2019", "app-2020"))
    with ExitStack() as stack:
        cluster = stack.enter_context(running_cluster())
        for namespace, workspace in DEMO_NAMESPACES.items():
            cluster.add_namespace(namespace, {WORKSPACE_LABEL: workspace})
        cluster.add_namespace(HARBOR_NAMESPACE, {MANAGED_LABEL: "true"})
        platform = DemoPlatform(
            main=_main_harbor(),
            edge=_edge_harbor(),
            lab=_lab_harbor(),
            dev=_dev_registry(),
            cluster=cluster,
            stack=stack,
        )
        stack.push(platform.old_stack)
        for name, app in (
            ("harbor-main", platform.main.app),
            ("harbor-edge", platform.edge.app),
            ("harbor-lab", platform.lab.app),
            ("docker-dev", platform.dev.app),
        ):
            platform.urls[name] = stack.enter_context(run_server(app))
        platform.main.external_url = platform.urls["harbor-main"]  # used in its token challenges
        platform.urls["harbor-old"] = platform.old_stack.enter_context(run_server(old.app))
        yield platform


def _main_harbor() -> SimulatedHarbor:
    harbor = SimulatedHarbor(admin_password=DEMO_PASSWORD)
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


def _edge_harbor() -> SimulatedHarbor:
    harbor = SimulatedHarbor(admin_password=DEMO_PASSWORD, version="v2.12.4-5d6e7f80")
    harbor.add_project("edge-agents", public=True, storage_used=9 * GIB, repositories=("agent",))
    harbor.add_project("firmware", storage_used=4 * GIB, repositories=("a", "b", "c"))
    return harbor


def _lab_harbor() -> SimulatedHarbor:
    harbor = SimulatedHarbor(admin_password=DEMO_PASSWORD)
    harbor.add_project("experiments", storage_used=77 * GIB, repositories=("gpu", "cpu"))
    return harbor


def _dev_registry() -> SimulatedDockerRegistry:
    registry = SimulatedDockerRegistry(BasicAuth({"platform": DEMO_PASSWORD}))
    for number, repository in enumerate(("tools/lint", "tools/build", "team-a/api", "hello-world")):
        layers = {"base": GIB, repository: number * GIB // 4}  # all images share one layer
        registry.add_manifest(repository, "v1", build_image(layers))
    return registry
