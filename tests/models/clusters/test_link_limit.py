"""One run changes a bounded number of links in a namespace, and says how many are left."""

from collections.abc import Sequence

import pytest

from models.clusters.cluster import ObservedServiceAccount
from models.clusters.link_plan import MAX_LINK_CHANGES, limit_link_changes
from models.clusters.pull_secret import PullSecretPlan, PullSecretState, PullSecretStatus
from models.clusters.pull_secret_plan import plan_pull_secrets
from models.clusters.pull_secret_status import update_statuses
from models.clusters.service_account_choice import ServiceAccountChoice
from models.core.reasons import Reason
from tests.support.access_builders import (
    cluster,
    cluster_result,
    cluster_snapshot,
    desired_pull_secret,
    observed_namespace,
    pull_secret_status,
    secret,
    service_account,
)
from tests.support.builders import NOW

ALL = ServiceAccountChoice(text="all")
COUNT = 250
NAMES = tuple(f"a{number:03}" for number in range(COUNT - 1))


class World:
    """A namespace with many ServiceAccounts, another with one, and what is on record."""

    def __init__(self, linked: Sequence[str] = (), *, is_desired: bool = True) -> None:
        self.linked, self.has_secret = set(linked), bool(linked)
        self.desired = {"shop": desired_pull_secret()} if is_desired else {}
        self.statuses: tuple[PullSecretStatus, ...] = ()
        if linked:
            self.statuses = (pull_secret_status(links=tuple(sorted(linked))),)

    def run(self) -> PullSecretPlan:
        """Plan, and apply."""
        accounts: list[ObservedServiceAccount] = [
            service_account(name=name, linked=name in self.linked) for name in (*NAMES, "default")
        ]
        observed = cluster_snapshot(
            [observed_namespace()], [secret()] if self.has_secret else [], accounts
        )
        plan = limit_link_changes(
            plan_pull_secrets(
                cluster(), observed, self.desired, self.statuses, choices={"shop": ALL}
            )
        )
        for change in plan.changes:
            match change.kind:
                case "link":
                    self.linked.add(change.service_account)
                case "unlink":
                    self.linked.discard(change.service_account)
                case kind:
                    self.has_secret = kind == "deliver"
        outcomes = [cluster_result(change) for change in plan.changes]
        self.statuses = update_statuses(plan, outcomes, self.desired, now=NOW)
        return plan


def counts(plan: PullSecretPlan) -> dict[str, int]:
    kinds = [change.kind for change in plan.changes]
    return {kind: kinds.count(kind) for kind in sorted(set(kinds))}


def test_the_rest_is_pending_with_its_number_and_follows() -> None:
    world = World()
    assert counts(world.run()) == {"deliver": 1, "link": MAX_LINK_CHANGES}
    assert "default" in world.linked
    (status,) = world.statuses
    assert (status.status, status.reason) == (PullSecretState.PENDING, Reason.LINKS_PENDING)
    assert status.message == (
        "the imagePullSecrets of 150 more ServiceAccounts are changed by the next runs: each "
        "changes at most 100 in a namespace"
    )
    assert (status.logins, len(status.links)) == (desired_pull_secret().logins, MAX_LINK_CHANGES)
    assert counts(world.run()) == {"link": MAX_LINK_CHANGES}
    assert "of 50 more" in world.statuses[0].message
    assert counts(world.run()) == {"link": 50}
    assert world.statuses[0].status is PullSecretState.DELIVERED
    assert len(world.statuses[0].links) == COUNT
    assert counts(world.run()) == {}


def test_the_secret_is_deleted_at_once_and_the_links_follow() -> None:
    world = World(NAMES, is_desired=False)
    assert counts(world.run()) == {"unlink": MAX_LINK_CHANGES, "withdraw": 1}
    (status,) = world.statuses
    assert (status.reason, status.logins, status.fingerprint) == (Reason.LINKS_PENDING, (), "")
    assert len(status.links) == len(NAMES) - MAX_LINK_CHANGES
    assert counts(world.run()) == {"unlink": MAX_LINK_CHANGES}
    assert counts(world.run()) == {"unlink": 49}
    assert (world.linked, world.statuses) == (set(), ())
    assert counts(world.run()) == {}


def test_what_is_not_on_record_is_removed_at_once() -> None:
    world = World(NAMES, is_desired=False)
    world.statuses = ()
    accounts = [
        service_account(name=name, linked=True, manager="registry-integration") for name in NAMES
    ]
    observed = cluster_snapshot([observed_namespace()], [secret()], accounts)
    plan = plan_pull_secrets(cluster(), observed, {}, ())
    assert limit_link_changes(plan) == plan
    assert counts(plan) == {"unlink": len(NAMES), "withdraw": 1}


@pytest.mark.parametrize("count", [1, MAX_LINK_CHANGES])
def test_a_namespace_within_the_limit_is_not_changed(count: int) -> None:
    accounts = [service_account(name=name, linked=False) for name in NAMES[: count - 1]]
    observed = cluster_snapshot([observed_namespace()], [secret()], accounts)
    desired = {"shop": desired_pull_secret()}
    plan = plan_pull_secrets(cluster(), observed, desired, (), choices={"shop": ALL})
    assert len(plan.changes) == count
    assert limit_link_changes(plan) == plan


def test_a_part_of_the_content_stays_the_reason() -> None:
    accounts = [service_account(name=name, linked=False) for name in NAMES]
    observed = cluster_snapshot([observed_namespace()], [], accounts)
    desired = {"shop": desired_pull_secret()}
    plan = plan_pull_secrets(
        cluster(), observed, desired, (), {"shop": "no password"}, choices={"shop": ALL}
    )
    limited = limit_link_changes(plan)
    assert limited.statuses == plan.statuses
    assert counts(limited) == {"deliver": 1, "link": MAX_LINK_CHANGES}
