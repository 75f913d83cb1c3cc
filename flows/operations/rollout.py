"""Save what has reached every namespace of its workspace: new secrets and bindings."""

from collections.abc import Collection
from datetime import datetime

from sqlmodel import Session

from models.access.rollout import Rollout, first_ungranted
from models.access.rotation import newly_rolled_out, pending_rollouts
from tasks.store.access import bindings, clusters
from tasks.store.registries import registries, robots


def save_rolled_out_robots(session: Session, now: datetime) -> None:
    """Save which replacement robot accounts have reached every namespace of their workspace."""
    robot_accounts = robots.list_robots(session)
    if pending_rollouts(robot_accounts):
        namespaces, secrets = clusters.list_namespaces(session), clusters.list_pull_secrets(session)
        rolled_out = newly_rolled_out(robot_accounts, namespaces, secrets)
        robots.save_rolled_out(session, rolled_out, now)


def find_ungranted(session: Session, registry: str, requested: Collection[tuple[str, str]]) -> str:
    """Return the first requested binding that its registry does not grant; empty if none.

    Args:
        registry: name of the registry.
        requested: space and workspace of each requested binding.
    """
    rollout = Rollout(
        {registry: registries.get_registry(session, registry).registry},
        robots.list_robots(session, registry),
        (),
        (),
    )
    return first_ungranted(
        rollout,
        [
            binding
            for binding in bindings.list_bindings(session, registry=registry)
            if (binding.space, binding.workspace) in requested
        ],
    )


def save_rollout(session: Session, now: datetime) -> None:
    """Save which secrets and bindings are in effect."""
    save_rolled_out_robots(session, now)
    pending = bindings.list_not_yet_effective(session)
    if not pending:
        return
    rollout = Rollout(
        {record.registry.name: record.registry for record in registries.list_registries(session)},
        robots.list_robots(session),
        clusters.list_namespaces(session),
        clusters.list_pull_secrets(session),
    )
    effective_bindings = [binding for binding in pending if rollout.find_gap(binding) is None]
    bindings.save_effective(session, effective_bindings, now)
