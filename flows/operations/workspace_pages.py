"""Publish the pages of workspaces."""

from collections.abc import Sequence

from models.overview.build_views import build_workspace_views
from tasks import clock
from tasks.pages.workspace import workspace_digest_source, workspace_page
from tasks.prefect.artifacts import publish_if_changed
from tasks.store import views
from tasks.store.session import in_transaction


async def publish_workspace_pages(names: Sequence[str] | None = None) -> int:
    """Publish `workspace-<name>` for each workspace that changed; return the number of pages.

    Args:
        names: names of workspaces; None for all. Unknown names are ignored.
    """
    page_count = 0
    for view in build_workspace_views(
        await in_transaction(views.load_workspace_facts, names, clock.now())
    ):
        page, digest_source = workspace_page(view), workspace_digest_source(view)
        title = "Spaces that the workspace can pull, and its namespaces"
        page_count += await publish_if_changed(
            f"workspace-{view.workspace.name}", page, digest_source, title
        )
    return page_count
