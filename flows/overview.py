"""Compute the overview: measure storage where due, aggregate, publish."""

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.operations.state_pages import publish_overview
from flows.operations.storage import measure_registries
from flows.runs import isolate_failure, report_errors
from models.core.plural import pluralize
from models.core.settings import get_settings
from tasks import clock
from tasks.secrets.form_blocks import sweep_form_credentials
from tasks.store.registries import registries
from tasks.store.retention import prune_history
from tasks.store.session import in_transaction


@flow(name="compute-overview", persist_result=False)
@report_errors
async def compute_overview() -> State[None]:
    """Measure storage where due, and publish the overview.

    It is published again only if its content changed, or after one hour. Audit entries older than
    the retention period are deleted, and so are credentials that abandoned forms of the console
    saved.
    """
    records = await in_transaction(registries.list_registries)
    interval, now = get_settings().storage_interval, clock.now()
    due_records = [record for record in records if record.is_storage_due(interval, now)]
    unreachable = await measure_registries(due_records)
    page_count = await publish_overview()
    notes = f"; storage unavailable: {', '.join(unreachable)}" if unreachable else ""
    if pruned := await prune_history(now):
        notes += f"; {pluralize(pruned, 'old audit entry')} deleted"
    await isolate_failure("credentials of forms", sweep_form_credentials(), _warn)
    return Completed(
        message=f"{pluralize(len(records), 'registry')}, {len(due_records)} measured, "
        f"{pluralize(page_count, 'page')} published{notes}"
    )


def _warn(message: str) -> bool:
    get_run_logger().warning("Abandoned credentials were not deleted: %s", message)
    return False
