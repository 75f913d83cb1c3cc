"""The list of registries, and their names for pickers."""

from datetime import timedelta

from sqlmodel import Session

from models.core.settings import get_settings
from models.overview.lists import ListQuery, RegistryQuery, RegistrySort
from models.registries.condition import ConditionType, Health
from models.tables import RegistryRow
from tasks.store.lists.registries import list_names, list_registries
from tasks.store.registries import registries, spaces
from tasks.store.session import run_in_snapshot, run_in_transaction
from tests.support.builders import NOW, condition, registry, space
from tests.tasks.store.tools import integrate


def _observe(session: Session, name: str) -> None:
    session.add(session.get_one(RegistryRow, name).sqlmodel_update({"looked_at": NOW}))


def test_registries_with_totals_and_health_of_now(database: str) -> None:
    for name in ("alpha", "beta"):
        integrate(registry(name=name, address=f"http://{name}.test"))
        run_in_transaction(registries.save_conditions, name, [condition(ConditionType.REACHABLE)])
    run_in_transaction(spaces.save_spaces, "beta", [space("a"), space("b")])
    query = RegistryQuery(sort=RegistrySort.SPACES, descending=True)
    policy = get_settings().poll_policy

    page = run_in_snapshot(list_registries, query, policy, NOW)
    assert [registry.name for registry in page.items] == ["beta", "alpha"]
    assert [registry.totals.space_count for registry in page.items] == [2, 0]

    unknown = query.model_copy(update={"health": Health.UNKNOWN})
    healthy = query.model_copy(update={"health": Health.HEALTHY})
    assert run_in_snapshot(list_registries, healthy, policy, NOW).total == 2
    later = NOW + timedelta(days=1)
    run_in_transaction(_observe, "alpha")
    for query, names in ((unknown, ["alpha"]), (healthy, ["beta"])):
        page = run_in_snapshot(list_registries, query, policy, later)
        assert [registry.name for registry in page.items] == names


def test_names_for_a_picker(database: str) -> None:
    for name in ("harbor-eu", "harbor-us", "docker"):
        integrate(registry(name=name, address=f"http://{name}.test"))
    assert run_in_snapshot(list_names, ListQuery()) == ("docker", "harbor-eu", "harbor-us")
    assert run_in_snapshot(list_names, ListQuery(search="Harbor")) == ("harbor-eu", "harbor-us")
    assert run_in_snapshot(list_names, ListQuery(limit=1, offset=1)) == ("harbor-eu",)
