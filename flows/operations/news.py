"""Publish what a run found only if the run before it did not find the same."""

from tasks import clock
from tasks.prefect.artifacts import Page, publish_changed
from tasks.store.publications import list_publications, save_publications
from tasks.store.session import in_transaction


async def publish_news(page: Page) -> None:
    """Publish a page of results if it changed; a run every minute repeats it once an hour."""
    last = await in_transaction(list_publications)
    if digests := await publish_changed([page], last):
        await in_transaction(save_publications, digests, clock.now())
