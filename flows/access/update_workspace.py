"""Update a workspace: choose the ServiceAccounts that get the pull secret."""

from prefect import flow
from prefect.client.schemas.objects import State

from flows.access import messages
from flows.forms.fields import ExistingWorkspaceField, ServiceAccountsField
from flows.operations.access_changes import to_state
from flows.operations.memberships import update_workspace_choice
from flows.operations.reconcile_registry import LEASE_WAIT_SECONDS
from flows.operations.sync_clusters import sync_registered_clusters
from flows.runs import new_run_context, report_errors
from models.access.access_summary import summarize_access
from models.access.requests import parse_service_accounts
from models.core.settings import get_settings
from tasks.prefect.events import send_events
from tasks.store.session import in_transaction


@flow(name="update-workspace", flow_run_name="update workspace {name}", persist_result=False)
@report_errors
async def update_workspace(
    name: ExistingWorkspaceField, service_accounts: ServiceAccountsField
) -> State[None]:
    """Choose the ServiceAccounts of a workspace's namespaces that get the pull secret.

    The pull secret is removed from ServiceAccounts that are not chosen any more, if this service
    added it. Everything else about the workspace stays as it is.
    """
    choice = parse_service_accounts(service_accounts)
    await in_transaction(update_workspace_choice, name, choice, new_run_context())
    results = await sync_registered_clusters(wait_seconds=LEASE_WAIT_SECONDS)
    await send_events()
    return to_state(
        summarize_access(
            messages.service_accounts_chosen(name, choice),
            [result.target([name]) for result in results],
            get_settings().poll_policy.interval,
        )
    )
