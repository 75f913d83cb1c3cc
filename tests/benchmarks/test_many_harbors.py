"""Many Harbors in one run of reconcile-all."""

from datetime import timedelta

import pytest
from sqlmodel import Session, update

from flows.registries.reconcile_all import reconcile_all
from models.core.settings import settings
from models.tables import RegistryRow
from tasks import clock
from tasks.store.session import stored
from tests.benchmarks import bare
from tests.benchmarks.conftest import integrated, speed, tell, timed
from tests.benchmarks.simulated import REAL_PASSWORD_SECONDS, harbors

SPACES = 50


@pytest.mark.parametrize("password_seconds", [0.0, REAL_PASSWORD_SECONDS])
@pytest.mark.parametrize("many", [20, 100, 200])
async def test_reconcile_all(many: int, password_seconds: float) -> None:
    with harbors(many, SPACES, password_seconds) as urls:
        integrated(urls)
        await reconcile_all()  # the first look writes every space down

        async def bare_loop() -> None:
            await bare.look_at_all(urls, SPACES, settings().registries_at_once)

        bare_seconds = min([await timed(bare_loop) for _ in range(2)])
        await stored(_make_due)
        ours = await timed(reconcile_all)
    each = f", {1000 * ours / many:.0f} ms a registry, the flow run's own start included"
    what = f"reconcile-all of {many} registries with {SPACES} spaces, {speed(password_seconds)}"
    tell(what, ours, bare_seconds, each)


def _make_due(session: Session) -> None:
    session.exec(update(RegistryRow).values(looked_at=clock.now() - timedelta(hours=1)))
