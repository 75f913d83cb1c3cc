"""Registries: names and addresses are unique, also when two come at once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlmodel import Session

from models.core.audit import Entry
from models.core.errors import InputRefused
from models.registries.condition import ConditionType
from models.registries.registry import BlockRef, Kind, NoVerification, Registry
from models.tables import ConditionRow, LeaseRow, MeasurementRow, OutcomeRow, RegistryRow, SpaceRow
from tasks.store.registries import registries
from tasks.store.session import transact
from tests.support.builders import NOW, condition, registry
from tests.tasks.store.tools import INTEGRATED, audited, integrate, rows

pytestmark = pytest.mark.usefixtures("database")

OTHER = "http://other.test"


def test_added_as_it_is() -> None:
    one = registry(tls=NoVerification(), credential=BlockRef(name="harbor-prod"))
    integrate(one)
    found = transact(registries.dossier, "prod")
    assert (found.registry, found.integrated_at, found.conditions) == (one, NOW, ())
    assert transact(registries.dossiers) == (found,)
    assert audited() == [("registry.integrated", "prod")]


def test_an_integration_that_was_cut_short_goes_on() -> None:
    integrate()
    assert transact(registries.check_free, registry()) == registry()
    integrate()
    assert len(rows(RegistryRow)) == 1
    assert audited() == [("registry.integrated", "prod")]


def test_the_same_with_another_credential_is_brought_up_to_date() -> None:
    integrate()
    integrate(registry(credential=BlockRef(name="new")))
    assert transact(registries.dossier, "prod").registry.credential == BlockRef(name="new")
    assert audited() == [("registry.integrated", "prod"), ("registry.updated", "prod")]


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (registry(address=OTHER), r"'prod' is taken by http://registry.test.*update-registry"),
        (registry(Kind.DOCKER), r"'prod' is taken by http://registry.test"),
        (registry(name="twin"), r"integrated already as 'prod'.*remove-registry"),
    ],
)
def test_taken(wanted: Registry, told: str) -> None:
    integrate()
    with pytest.raises(InputRefused, match=told):
        transact(registries.check_free, wanted)
    with pytest.raises(InputRefused, match=told):
        integrate(wanted)
    assert [row.address for row in rows(RegistryRow)] == ["http://registry.test"]
    assert audited() == [("registry.integrated", "prod")]


@pytest.mark.parametrize(
    "pair",
    [
        (registry(name="one"), registry(name="two")),
        (registry(address="http://one.test"), registry(address="http://two.test")),
    ],
    ids=["one address", "one name"],
)
def test_of_two_at_once_exactly_one_wins(pair: tuple[Registry, Registry]) -> None:
    at_once = Barrier(2)

    def attempt(one: Registry) -> str:
        at_once.wait(10)
        try:
            integrate(one)
        except InputRefused as refused:
            return str(refused)
        return "added"

    with ThreadPoolExecutor(2) as threads:
        ends = list(threads.map(attempt, pair))
    assert ends.count("added") == 1, ends
    assert len(rows(RegistryRow)) == 1
    assert audited() == [("registry.integrated", "prod")]


def test_replaced() -> None:
    integrate()
    entry = Entry(subject="prod", what="registry.updated")
    transact(registries.replace, registry(address=OTHER), entry, at=NOW, flow_run="run-2")
    assert transact(registries.dossier, "prod").registry == registry(address=OTHER)
    assert audited() == [("registry.integrated", "prod"), ("registry.updated", "prod")]


def test_replaced_only_by_a_free_address() -> None:
    integrate()
    integrate(registry(name="other", address=OTHER))
    with pytest.raises(InputRefused, match="integrated already as 'other'"):
        transact(registries.replace, registry(address=OTHER), INTEGRATED, at=NOW, flow_run="run-2")
    assert transact(registries.dossier, "prod").registry == registry()


def test_unknown_ones_are_named_with_those_there_are() -> None:
    with pytest.raises(InputRefused, match=r"no registry 'gone' here.*none yet"):
        transact(registries.dossier, "gone")
    integrate()
    with pytest.raises(InputRefused, match=r"no registry 'gone' here; known are: prod"):
        transact(registries.dossier, "gone")


def test_conditions_in_the_order_of_the_questions() -> None:
    integrate()
    asked = (condition(ConditionType.SYNCED), condition(ConditionType.REACHABLE))
    transact(registries.save_conditions, "prod", asked)
    transact(registries.save_conditions, "prod", [condition(ConditionType.SYNCED, contrary=1)])
    found = transact(registries.dossier, "prod").conditions
    assert found == (condition(), condition(ConditionType.SYNCED, contrary=1))


def test_removed_with_all_that_belongs_to_it_but_its_audit() -> None:
    integrate()
    integrate(registry(name="other", address=OTHER), Entry(subject="other", what="x"))
    for name in ("prod", "other"):
        transact(_fill, name)
    entry = Entry(subject="prod", what="registry.removed")
    transact(registries.remove, "prod", entry, at=NOW, flow_run="run-2")
    for table in (RegistryRow, SpaceRow, ConditionRow, OutcomeRow, MeasurementRow, LeaseRow):
        assert len(rows(table)) == 1, table
    assert transact(registries.dossiers)[0].registry.name == "other"
    assert audited() == [
        ("registry.integrated", "prod"), ("x", "other"), ("registry.removed", "prod")
    ]  # fmt: skip


def _fill(session: Session, name: str) -> None:
    session.add(SpaceRow(registry_name=name, name="team"))
    session.add(LeaseRow(key=name, holder="me", expires_at=NOW))
    session.add(MeasurementRow(registry_name=name, at=NOW, spaces=1, repositories=1))
    session.add(
        OutcomeRow(registry_name=name, subject="team", kind="x", at=NOW, done=True, reason="Done")
    )
    registries.save_conditions(session, name, [condition()])
