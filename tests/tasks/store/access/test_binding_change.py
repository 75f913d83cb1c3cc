"""What somebody asks to be bound or unbound, held against what is on record."""

from collections.abc import Sequence

import pytest

from models.access.binding import Workspace
from models.core.errors import InvalidRequest
from models.registries.registry import CAPABILITIES, Kind
from tasks.store.access import bindings, clusters, workspaces
from tasks.store.access.binding_change import BindingChange, plan_bind, plan_unbind
from tasks.store.registries import spaces
from tasks.store.session import in_transaction, run_in_transaction
from tests.support.access_builders import binding, namespace
from tests.support.builders import NOW, registry, space
from tests.tasks.store.access_tools import registered_cluster
from tests.tasks.store.tools import integrate

pytestmark = pytest.mark.usefixtures("database")

RUN = {"at": NOW, "flow_run": "run-1"}
SHOP, WEB, UNASSIGNED = namespace(), namespace("web", "team-b"), namespace("x", None)
BINDINGS = (binding("a"), binding("b"), binding("a", "team-b"), binding("gone", "team-b"))


async def platform() -> None:
    integrate()
    integrate(registry(Kind.DOCKER, name="images", address="http://images.test"))
    for name in ("team-a", "team-b"):
        run_in_transaction(workspaces.save_workspace, Workspace(name=name), [], **RUN)  # type: ignore[arg-type]
    run_in_transaction(
        spaces.save_spaces, "prod", [space("a"), space("b"), space("c", missing_since=NOW)]
    )
    run_in_transaction(spaces.save_spaces, "images", [space("/")])
    run_in_transaction(bindings.bind, BINDINGS, **RUN)  # type: ignore[arg-type]
    async with registered_cluster("eu") as lease_id:
        arguments = {"lease_id": lease_id, **RUN}
        await in_transaction(
            clusters.save_namespaces,
            "eu",
            [SHOP, WEB, UNASSIGNED],
            [],
            **arguments,  # type: ignore[arg-type]
        )


def bind(patterns: Sequence[str], *names: str, registry: str = "prod") -> BindingChange:
    return run_in_transaction(plan_bind, registry, patterns, names, NOW)


def unbind(patterns: Sequence[str], *names: str, registry: str = "prod") -> BindingChange:
    return run_in_transaction(plan_unbind, registry, patterns, names)


async def test_only_what_is_not_so_already_is_bound() -> None:
    await platform()
    assert bind(["*"], "team-b", "team-a", "team-a") == BindingChange(
        capabilities=CAPABILITIES[Kind.HARBOR],
        bindings=(binding("c"), binding("b", "team-b"), binding("c", "team-b")),
        namespaces=(SHOP, WEB),
        total_count=4,
    )


async def test_all_is_so_already() -> None:
    await platform()
    assert bind(["a"], "team-b") == BindingChange(
        capabilities=CAPABILITIES[Kind.HARBOR], bindings=(), namespaces=(WEB,), total_count=4
    )


async def test_on_a_docker_registry() -> None:
    await platform()
    change = bind(["/"], "team-a", registry="images")
    assert (change.capabilities, change.total_count) == (CAPABILITIES[Kind.DOCKER], 0)
    assert change.bindings == (binding("/", registry="images"),)


async def test_only_what_is_there_is_unbound() -> None:
    await platform()
    assert unbind(["a", "c"], "team-a") == BindingChange(
        capabilities=CAPABILITIES[Kind.HARBOR],
        bindings=(binding("a"),),
        namespaces=(SHOP,),
        total_count=4,
    )


async def test_what_is_gone_from_the_registry_can_be_unbound() -> None:
    await platform()
    assert unbind(["gone"], "team-b").bindings == (binding("gone", "team-b"),)
    assert unbind(["*"], "team-b").bindings == (BINDINGS[2], BINDINGS[3])
    with pytest.raises(InvalidRequest, match="no space 'gone'"):
        bind(["gone"], "team-a")


@pytest.mark.parametrize("work", [bind, unbind])
async def test_what_nobody_knows_is_refused(work: object) -> None:
    await platform()
    asking = bind if work is bind else unbind
    with pytest.raises(
        InvalidRequest, match="no registry 'ghost'; integrated registries: images, prod"
    ):
        asking(["a"], "team-a", registry="ghost")
    with pytest.raises(
        InvalidRequest, match="no workspace ghost; existing workspaces: team-a, team-b"
    ):
        asking(["a"], "team-a", "ghost")
    with pytest.raises(InvalidRequest, match="prod has no space 'ghost'"):
        asking(["a", "ghost"], "team-a")


async def test_asking_changes_nothing() -> None:
    await platform()
    before = run_in_transaction(bindings.list_bindings)
    bind(["*"], "team-a", "team-b")
    unbind(["*"], "team-a", "team-b")
    assert run_in_transaction(bindings.list_bindings) == before
