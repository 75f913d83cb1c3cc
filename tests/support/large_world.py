"""A large world: 200 registries, 10,000 spaces in one, 1,000 namespaces, 50,000 bindings."""

import random
from datetime import timedelta
from typing import Any

from sqlalchemy import insert
from sqlmodel import Session, SQLModel

from tests.support.builders import NOW

LARGEST = "harbor-000"
REGISTRY_COUNT = 200
SPACE_COUNT = 10_000
NAMESPACE_COUNT = 1_000
WORKSPACE_COUNT = 500
BINDING_COUNT = 50_000


def save_large_world(session: Session) -> None:
    """Save the world as plain rows.

    Every registry is a Harbor with ten conditions. The first one has 10,000 spaces and 40,000
    bindings, 10,000 of them to the first workspace; 199 registries share the others. Two bindings
    of each hundred are held, and one robot account of each hundred lacks its spaces.
    """
    workspaces = [f"team-{number:04d}" for number in range(WORKSPACE_COUNT)]
    bindings = _bindings(workspaces)
    granted: dict[tuple[str, str], list[str]] = {}
    for row in bindings:
        granted.setdefault((row["registry_name"], row["workspace"]), []).append(row["space"])
    ids = {key: number for number, key in enumerate(sorted(granted))}
    tables: dict[str, list[dict[str, Any]]] = {
        "registry": [_registry(number) for number in range(REGISTRY_COUNT)],
        "condition": [_condition(n, kind) for n in range(REGISTRY_COUNT) for kind in _CONDITIONS],
        "space": [_space(LARGEST, number) for number in range(SPACE_COUNT)]
        + [_space(_name(n), number) for n in range(1, REGISTRY_COUNT) for number in range(50)],
        "workspace": [_workspace(name) for name in workspaces],
        "cluster": [_cluster(number) for number in range(10)],
        "namespace": [_namespace(number) for number in range(NAMESPACE_COUNT)],
        "binding": bindings,
        "robot_grant": [_robot(key, ids[key], granted[key]) for key in granted],
        "delivery": _pull_secrets(ids),
        "audit": [_audit(number) for number in range(20_000)],
    }
    for name, rows in tables.items():
        session.connection().execute(insert(SQLModel.metadata.tables[name]), rows)


_CONDITIONS = (
    *("Reachable", "TlsTrusted", "Supported", "Authenticated", "Administrator"),
    *("Serving", "Writable", "Catalog", "Synced"),
)


def _name(number: int) -> str:
    return f"harbor-{number:03d}"


def _registry(number: int) -> dict[str, Any]:
    return {
        "name": _name(number),
        "kind": "harbor",
        "address": f"https://harbor-{number}.example.com",
        "origin": "external",
        "credential": {"source": "block", "name": f"block-{number}"},
        "tls": {"mode": "verify"},
        "drift_policy": "enforce",
        "description": "Team registry",
        "integrated_at": NOW - timedelta(days=9),
        "looked_at": NOW,
        "spaces_read_at": NOW,
        "storage_read_at": NOW,
        "storage_used": number * 2**30,
    }


def _condition(number: int, kind: str) -> dict[str, Any]:
    return {
        "registry_name": _name(number),
        "type": kind,
        "status": "false" if number % 10 == 3 and kind == "Reachable" else "true",
        "reason": "Connected",
        "message": "answers",
        "since": NOW,
    }


def _space(registry: str, number: int) -> dict[str, Any]:
    return {
        "registry_name": registry,
        "name": f"space-{number:05d}",
        "remote_id": number,
        "desired": "private" if number % 3 else None,
        "observed": "public" if number % 7 == 0 else "private",
        "declared": False,
        "repositories": number % 40,
        "missing_since": NOW if number % 97 == 0 else None,
        "storage_used": number * 2**20,
        "storage_limit": -1,
    }


def _workspace(name: str) -> dict[str, Any]:
    return {"name": name, "source": "declared", "description": f"Team {name}"}


def _cluster(number: int) -> dict[str, Any]:
    return {"name": f"cluster-{number}", "reachable": True, "reason": "Connected", "looked_at": NOW}


def _namespace(number: int) -> dict[str, Any]:
    return {
        "cluster_name": f"cluster-{number % 10}",
        "name": f"ns-{number}",
        "uid": f"uid-{number}",
        "workspace": f"team-{number % WORKSPACE_COUNT:04d}",
        "source": "label",
        "terminating": False,
    }


def _bindings(workspaces: list[str]) -> list[dict[str, Any]]:
    keys = {(LARGEST, number, workspaces[0]) for number in range(SPACE_COUNT)}
    chance = random.Random(7)
    while len(keys) < 40_000:
        keys.add((LARGEST, chance.randrange(SPACE_COUNT), chance.choice(workspaces)))
    while len(keys) < BINDING_COUNT:
        registry = chance.randrange(1, REGISTRY_COUNT)
        keys.add((_name(registry), chance.randrange(50), chance.choice(workspaces)))
    return [
        {
            "registry_name": registry,
            "space": f"space-{space:05d}",
            "workspace": workspace,
            "bound_at": NOW - timedelta(days=1),
            "effective_at": NOW - timedelta(days=1, seconds=-(index % 90)),
            "held_since": NOW if index % 50 == 0 else None,
            "held_reason": "the space was recreated" if index % 50 == 0 else "",
        }
        for index, (registry, space, workspace) in enumerate(sorted(keys))
    ]


def _robot(key: tuple[str, str], number: int, spaces: list[str]) -> dict[str, Any]:
    registry, workspace = key
    return {
        "registry_name": registry,
        "robot_id": number,
        "workspace": workspace,
        "login": f"robot$ri-{workspace}",
        "spaces": spaces[:1] if number % 100 == 0 else spaces,
        "made_at": NOW - timedelta(days=number % 90),
        "sealed": "sealed",
    }


def _pull_secrets(ids: dict[tuple[str, str], int]) -> list[dict[str, Any]]:
    logins: dict[str, list[dict[str, Any]]] = {}
    for (registry, workspace), robot_id in ids.items():
        host = f"{registry}.example.com"
        account = f"robot$ri-{workspace}"
        logins.setdefault(workspace, []).append(
            {"registry": registry, "host": host, "account": account, "robot_id": robot_id}
        )
    return [
        {
            "cluster_name": row["cluster_name"],
            "namespace": row["name"],
            "status": "delivered",
            "fingerprint": "print",
            "logins": logins.get(row["workspace"], []),
            "reason": "Delivered",
            "delivered_at": NOW,
        }
        for row in map(_namespace, range(NAMESPACE_COUNT))
    ]


def _audit(number: int) -> dict[str, Any]:
    return {
        "at": NOW - timedelta(minutes=20_000 - number),
        "registry_name": LARGEST if number % 2 else _name(number % 200),
        "workspace": f"team-{number % WORKSPACE_COUNT:04d}",
        "subject": f"space-{number % 1_000:05d}",
        "what": "space.visibility_changed",
        "before": "public",
        "after": "private",
        "why": "requested",
    }
