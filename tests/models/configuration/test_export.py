"""Export, then apply on an empty installation: the same state."""

from typing import Any

import pytest
import trustme
from hypothesis import example, given
from hypothesis import strategies as st

from models.configuration.document import WorkspaceEntry
from models.configuration.export import export_document
from models.configuration.parse import parse_documents
from models.configuration.planner import PlanOptions, plan_configuration
from models.configuration.scope import Scope
from models.configuration.things import CurrentThing, ThingKey, ThingKind, World
from models.registries.registry import RegistryOrigin
from tests.models.configuration.worlds import (
    EMPTY,
    applied,
    bind,
    binding_key,
    by_hand,
    docker,
    harbor,
    registry_key,
    world_of,
)

AUTHORITY_PEM = trustme.CA().cert_pem.bytes().decode()

FULL: dict[str, Any] = {
    "registries": {
        "prod": harbor(description="yes: 'no' # {}\nnext", drift_policy="report"),
        "dev": docker(
            credential={"environment": "REGISTRY_CREDENTIAL_DEV"},
            pull_credential={"file": "team/pull"},
            tls={"mode": "ca", "bundle": AUTHORITY_PEM},
            token_service="https://auth.example.com",
            pull_addresses=["mirror.example.com:8443"],
            count_storage=False,
            allow_push=True,
            client_certificate={"block": "client"},
            proxy="http://proxy.example.com:3128",
            proxy_credential={"environment": "REGISTRY_CREDENTIAL_PROXY"},
            public_opens_all=True,
        ),
        "edge": docker("http://[2001:db8::1]:5000", tls={"mode": "insecure"}),
    },
    "spaces": {
        "prod": {"shop": "private", "no": "public", "1e3": "private"},
        "dev": {"/": "public"},
    },
    "clusters": {"eu": {"credential": {"block": "eu"}, "link_service_accounts": False}, "us": {}},
    "workspaces": {
        "red": {"namespaces": ["eu/shop", "eu/a"], "service_accounts": "a in (b, c)"},
        "blue": {"clusters": ["us"], "description": "null"},
    },
    "bindings": [bind("prod", ["shop", "no"], "red", "blue"), bind("dev", ["/"], "red")],
}
LARGE: dict[str, Any] = {
    "registries": {
        f"reg-{number}": docker(f"https://r{number}.example.com") for number in range(200)
    },
    "spaces": {
        f"reg-{number}": {f"space-{index}": "private" for index in range(10)}
        for number in range(200)
    },
    "workspaces": {"red": {}, "blue": {}},
    "bindings": [bind(f"reg-{number}", ["space-*"], "red", "blue") for number in range(200)],
}


def rebuilt(world: World) -> World:
    """Return the world after its export was applied on an empty one."""
    documents = parse_documents({"export.yaml": export_document(world)})
    options = PlanOptions(Scope(name="export.yaml"))
    after = EMPTY
    for _ in range(2):
        after = applied(after, plan_configuration(documents, after, options))
    return after


@pytest.mark.parametrize("content", [FULL, LARGE, {}])
def test_an_export_builds_the_same_state(content: dict[str, Any]) -> None:
    world = by_hand(world_of(content)) if content else EMPTY
    if not content:
        assert export_document(world).count("\n") == 3
        return
    after = rebuilt(world)
    assert after.things == world.things
    assert after.registries == world.registries
    assert set(after.marks) == set(world.things)


@given(st.text(max_size=200))
@example("\x85 a line end of another time")
@example("\u2028 \U0001f600 \ufeff")
def test_any_text_survives(description: str) -> None:
    world = by_hand(world_of({}))
    spec = WorkspaceEntry.model_construct(description=description)
    world = world._replace(things={ThingKey(ThingKind.WORKSPACE, "red"): CurrentThing(spec)})
    (parsed,) = parse_documents({"export.yaml": export_document(world)})
    assert parsed.document.workspaces["red"].description == description


def test_held_bindings_and_managed_registries_are_left_out() -> None:
    world = world_of(FULL)
    held = CurrentThing(world.things[binding_key("shop")].spec, "its space was replaced")
    managed = world.registries["prod"].model_copy(update={"origin": RegistryOrigin.MANAGED})
    world = world._replace(
        things={**world.things, binding_key("shop"): held},
        registries={**world.registries, "prod": managed},
    )
    (parsed,) = parse_documents({"export.yaml": export_document(world)})
    document = parsed.document
    assert set(document.registries) == {"dev", "edge"}
    assert set(document.spaces) == {"prod", "dev"}
    bindings = {
        (entry.registry, space, workspace)
        for entry in document.bindings
        for space in entry.spaces
        for workspace in entry.workspaces
    }
    assert ("prod", "shop", "red") not in bindings
    assert ("prod", "no", "red") in bindings
    assert registry_key() in world.things
