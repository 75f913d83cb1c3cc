"""Publish what is known of workspaces."""

from collections.abc import Sequence

from models.overview.build_views import workspace_views
from tasks import clock
from tasks.pages.workspace import workspace_news, workspace_page
from tasks.prefect.artifacts import publish_if_news
from tasks.store import views
from tasks.store.session import stored


async def publish_workspaces(names: Sequence[str] | None = None) -> int:
    """Publish `workspace-<name>` for each workspace with news; return how many were written.

    Args:
        names: whose; None for all. One that is not there (any more) has no page.
    """
    written = 0
    for view in workspace_views(await stored(views.facts_of_workspaces, names, clock.now())):
        page, news = workspace_page(view), workspace_news(view)
        title = "What it may pull, and where"
        written += await publish_if_news(f"workspace-{view.workspace.name}", page, news, title)
    return written
