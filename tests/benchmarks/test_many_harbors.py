"""Many Harbors in one run of reconcile-all."""

from datetime import timedelta

import pytest
from sqlmodel import Session, update

from flows.registries.reconcile_all import reconcile_all
from models.core.settings import get_settings
from models.tables import RegistryRow
from tasks import clock
from tasks.store.session import in_transaction
from tests.benchmarks import bare
from tests.benchmarks.conftest import (
    integrate_registries,
    measure_seconds,
    print_ratio,
)
from tests.benchmarks.simulated import INSTANT_HARBOR, REAL_HARBOR, HarborCosts, harbors

SPACES = 50


@pytest.mark.parametrize("costs", [INSTANT_HARBOR, REAL_HARBOR], ids=str)
@pytest.mark.parametrize("registry_count", [20, 100, 200])
async def test_reconcile_all(registry_count: int, costs: HarborCosts) -> None:
    with harbors(registry_count, SPACES, costs) as urls:
        integrate_registries(urls)
        await reconcile_all()  # the first look writes every space down
        await in_transaction(_make_due)
        await reconcile_all()  # the second one finds nothing to do

        async def bare_loop() -> None:
            await bare.observe_all(urls, SPACES, get_settings().registries_at_once)

        bare_seconds = min([await measure_seconds(bare_loop) for _ in range(2)])
        await in_transaction(_make_due)
        product_seconds = await measure_seconds(reconcile_all)
    milliseconds = 1000 * product_seconds / registry_count
    suffix = f", {milliseconds:.0f} ms a registry, the flow run's own start included"
    label = f"reconcile-all of {registry_count} registries with {SPACES} spaces, "
    label += str(costs)
    print_ratio(label, product_seconds, bare_seconds, suffix)


def _make_due(session: Session) -> None:
    session.exec(update(RegistryRow).values(looked_at=clock.now() - timedelta(hours=1)))
