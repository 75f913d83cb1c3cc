"""Records of several tables that one decision needs."""

import pytest

from flows.operations import bindings as binding_operations
from flows.operations import memberships
from models.access.binding import Workspace
from models.access.binding_change import BindingRecords
from models.core.errors import InvalidRequest
from models.registries.registry import CAPABILITIES, Kind
from tasks.store.registries import spaces
from tasks.store.session import in_transaction, run_in_transaction
from tasks.store.state import load_binding_records
from tests.support.access_builders import binding, namespace
from tests.support.builders import NOW, registry, run_context, space
from tests.tasks.store.access_tools import registered_cluster
from tests.tasks.store.tools import integrate

pytestmark = pytest.mark.usefixtures("database")


async def test_the_records_of_bindings_are_those_of_one_registry() -> None:
    integrate()
    integrate(registry(Kind.DOCKER, name="images", address="http://images.test"))
    for name in ("team-a", "team-b"):
        workspace = Workspace(name=name)
        run_in_transaction(memberships.add_or_update_workspace, workspace, [], run_context())
    run_in_transaction(spaces.save_spaces, "prod", [space("b", missing_since=NOW), space("a")])
    run_in_transaction(spaces.save_spaces, "images", [space("/")])
    new_bindings = [binding("a"), binding("/", registry="images"), binding("b", "team-b")]
    run_in_transaction(binding_operations.bind, new_bindings, run_context())
    async with registered_cluster("eu") as lease_id:
        context, namespaces = run_context("", lease_id), [namespace(), namespace("x", None)]
        await in_transaction(memberships.update_memberships, "eu", namespaces, context)
    assert run_in_transaction(load_binding_records, "prod") == BindingRecords(
        registry="prod",
        capabilities=CAPABILITIES[Kind.HARBOR],
        spaces=("a", "b"),
        bindings=(binding("a"), binding("b", "team-b")),
        workspaces=("team-a", "team-b"),
        namespaces=(namespace(), namespace("x", None)),
    )
    images = run_in_transaction(load_binding_records, "images")
    assert (images.capabilities, images.spaces) == (CAPABILITIES[Kind.DOCKER], ("/",))
    with pytest.raises(
        InvalidRequest, match="no registry 'ghost'; integrated registries: images, prod"
    ):
        run_in_transaction(load_binding_records, "ghost")
