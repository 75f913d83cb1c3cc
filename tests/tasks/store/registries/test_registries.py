"""Registries: names and addresses are unique, also when two come at once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlmodel import Session

from flows.operations.integration import save_registry
from models.core.audit import AuditEntry
from models.core.errors import InvalidRequest
from models.registries.condition import ConditionType
from models.registries.record import check_available
from models.registries.registry import BlockRef, Kind, Registry, SkipVerify
from models.registries.schedule import PullUserAttempts
from models.tables import (
    ChangeResultRow,
    ConditionRow,
    LeaseRow,
    MeasurementRow,
    RegistryRow,
    SpaceRow,
)
from tasks.store.registries import registries
from tasks.store.session import run_in_transaction
from tests.support.builders import NOW, condition, registry, run_context
from tests.tasks.store.tools import INTEGRATED, audit_entries, integrate, rows

pytestmark = pytest.mark.usefixtures("database")

OTHER = "http://other.test"


def test_added_as_it_is() -> None:
    new_registry = registry(tls=SkipVerify(), credential=BlockRef(name="harbor-prod"))
    integrate(new_registry)
    saved_registry = run_in_transaction(registries.get_registry, "prod")
    assert (saved_registry.registry, saved_registry.integrated_at, saved_registry.conditions) == (
        new_registry,
        NOW,
        (),
    )
    assert run_in_transaction(registries.list_registries) == (saved_registry,)
    assert audit_entries() == [("registry.integrated", "prod")]


def test_an_integration_that_was_cut_short_goes_on() -> None:
    integrate()
    candidates = run_in_transaction(registries.list_with_name_or_host, registry())
    assert check_available(registry(), candidates) == registry()
    integrate()
    assert len(rows(RegistryRow)) == 1
    assert audit_entries() == [("registry.integrated", "prod")]


def test_the_same_with_another_credential_is_brought_up_to_date() -> None:
    integrate()
    integrate(registry(credential=BlockRef(name="new")))
    assert run_in_transaction(registries.get_registry, "prod").registry.credential == BlockRef(
        name="new"
    )
    assert audit_entries() == [("registry.integrated", "prod"), ("registry.updated", "prod")]


@pytest.mark.parametrize(
    ("candidate", "message"),
    [
        (
            registry(address=OTHER),
            r"'prod' is already used for http://registry.test.*update-registry",
        ),
        (registry(Kind.DOCKER), r"'prod' is already used for http://registry.test"),
        (registry(name="twin"), r"already integrated as 'prod'.*remove-registry"),
    ],
)
def test_taken(candidate: Registry, message: str) -> None:
    integrate()
    with pytest.raises(InvalidRequest, match=message):
        check_available(candidate, run_in_transaction(registries.list_with_name_or_host, candidate))
    with pytest.raises(InvalidRequest, match=message):
        integrate(candidate)
    assert [row.address for row in rows(RegistryRow)] == ["http://registry.test"]
    assert audit_entries() == [("registry.integrated", "prod")]


@pytest.mark.parametrize(
    "pair",
    [
        (registry(name="one"), registry(name="two")),
        (registry(address="http://one.test"), registry(address="http://two.test")),
    ],
    ids=["one address", "one name"],
)
def test_of_two_at_once_exactly_one_wins(pair: tuple[Registry, Registry]) -> None:
    barrier = Barrier(2)

    def attempt(candidate: Registry) -> str:
        barrier.wait(10)
        try:
            integrate(candidate)
        except InvalidRequest as error:
            return str(error)
        return "added"

    with ThreadPoolExecutor(2) as threads:
        ends = list(threads.map(attempt, pair))
    assert ends.count("added") == 1, ends
    assert len(rows(RegistryRow)) == 1
    assert audit_entries() == [("registry.integrated", "prod")]


def test_replaced() -> None:
    integrate()
    entry = AuditEntry(subject="prod", action="registry.updated")
    run_in_transaction(save_registry, registry(address=OTHER), entry, run_context("run-2"))
    assert run_in_transaction(registries.get_registry, "prod").registry == registry(address=OTHER)
    assert audit_entries() == [("registry.integrated", "prod"), ("registry.updated", "prod")]


PULL_ONLY = registry(kind=Kind.DOCKER).model_copy(
    update={"pull_credential": BlockRef(name="puller")}
)


@pytest.mark.parametrize(
    ("update", "renews", "proof"),
    [
        ({"description": "other"}, False, "proof"),
        ({"description": "other"}, True, ""),  # the same block, with another password
        ({"address": OTHER}, False, ""),
        ({"pull_credential": BlockRef(name="other")}, False, ""),
    ],
)
def test_a_tested_specification_tries_its_pull_only_user_at_once(
    update: dict[str, object], renews: bool, proof: str
) -> None:
    integrate(PULL_ONLY)
    run_in_transaction(_refuse_pull_user)
    after = PULL_ONLY.model_copy(update=update)
    run_in_transaction(
        save_registry, after, INTEGRATED, run_context("run-2"), renews_pull_user=renews
    )
    record = run_in_transaction(registries.get_registry, "prod")
    assert record.pull_user_attempts == PullUserAttempts()
    assert (record.pull_user_proof, bool(record.conditions)) == (proof, bool(proof))


def test_integrated_again_its_pull_only_user_is_tried_at_once() -> None:
    integrate(PULL_ONLY)
    run_in_transaction(_refuse_pull_user)
    integrate(PULL_ONLY)
    record = run_in_transaction(registries.get_registry, "prod")
    assert (record.pull_user_proof, record.pull_user_attempts) == ("proof", PullUserAttempts())


def _refuse_pull_user(session: Session) -> None:
    row = session.get_one(RegistryRow, "prod")
    row.pull_user_proof, row.pull_user_refused = "proof", "other"
    row.pull_user_failures, row.pull_user_tried_at = 4, NOW
    registries.save_conditions(session, "prod", [condition(ConditionType.PULL_USER_VALID)])


def test_replaced_only_by_a_free_address() -> None:
    integrate()
    integrate(registry(name="other", address=OTHER))
    with pytest.raises(InvalidRequest, match="already integrated as 'other'"):
        run_in_transaction(
            save_registry,
            registry(address=OTHER),
            INTEGRATED,
            run_context("run-2"),
        )
    assert run_in_transaction(registries.get_registry, "prod").registry == registry()


def test_unknown_ones_are_named_with_those_there_are() -> None:
    with pytest.raises(InvalidRequest, match=r"no registry 'gone'; integrated registries: none"):
        run_in_transaction(registries.get_registry, "gone")
    integrate()
    with pytest.raises(InvalidRequest, match=r"no registry 'gone'; integrated registries: prod"):
        run_in_transaction(registries.get_registry, "gone")


def test_conditions_in_the_order_of_the_questions() -> None:
    integrate()
    conditions = (condition(ConditionType.SYNCED), condition(ConditionType.REACHABLE))
    run_in_transaction(registries.save_conditions, "prod", conditions)
    run_in_transaction(
        registries.save_conditions, "prod", [condition(ConditionType.SYNCED, opposing_checks=1)]
    )
    saved_conditions = run_in_transaction(registries.get_registry, "prod").conditions
    assert saved_conditions == (condition(), condition(ConditionType.SYNCED, opposing_checks=1))


def test_removed_with_all_that_belongs_to_it_but_its_audit() -> None:
    integrate()
    integrate(registry(name="other", address=OTHER), AuditEntry(subject="other", action="x"))
    for name in ("prod", "other"):
        run_in_transaction(_fill, name)
    entry = AuditEntry(subject="prod", action="registry.removed")
    run_in_transaction(registries.delete_registry, "prod", entry, run_context("run-2"))
    for table in (RegistryRow, SpaceRow, ConditionRow, ChangeResultRow, MeasurementRow, LeaseRow):
        assert len(rows(table)) == 1, table
    assert run_in_transaction(registries.list_registries)[0].registry.name == "other"
    assert audit_entries() == [
        ("registry.integrated", "prod"), ("x", "other"), ("registry.removed", "prod")
    ]  # fmt: skip


def _fill(session: Session, name: str) -> None:
    session.add(SpaceRow(registry_name=name, name="team"))
    session.add(LeaseRow(key=name, holder="me", expires_at=NOW))
    session.add(MeasurementRow(registry_name=name, at=NOW, spaces=1, repositories=1))
    session.add(
        ChangeResultRow(
            registry_name=name, subject="team", kind="x", at=NOW, done=True, reason="Done"
        )
    )
    registries.save_conditions(session, name, [condition()])
