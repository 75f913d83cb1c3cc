"""Flows that can show what they would do, and the button that does it."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from models.core.base import FrozenModel
from tasks.prefect.flow_runs import FlowRunView


class Preview(FrozenModel):
    """How a flow previews its changes.

    Attributes:
        parameter: the parameter that tells a preview from the change.
        preview_value: its value in a preview; the change has the opposite.
        label: text of the button that makes the change.
        reduces_access: whether the change can take access away, or removes something.
    """

    parameter: str
    preview_value: bool
    label: str
    reduces_access: bool = False


def _dry_run(label: str, *, reduces_access: bool = False) -> Preview:
    return Preview(
        parameter="dry_run", preview_value=True, label=label, reduces_access=reduces_access
    )


def _confirm(label: str) -> Preview:
    return Preview(parameter="confirm", preview_value=False, label=label, reduces_access=True)


PREVIEWS: Mapping[str, Preview] = {
    "bind-space": _dry_run("Bind now"),
    "unbind-space": _dry_run("Unbind now", reduces_access=True),
    "resolve-held-bindings": _dry_run("Resolve now", reduces_access=True),
    "set-space-visibility": _dry_run("Set now", reduces_access=True),
    "create-workspace": _dry_run("Change now", reduces_access=True),
    "remove-workspace": _dry_run("Remove now", reduces_access=True),
    "reconcile-registry": _dry_run("Reconcile now", reduces_access=True),
    "sync-namespaces": _dry_run("Sync now", reduces_access=True),
    "discover-managed-harbors": _dry_run("Discover now"),
    "remove-registry": _confirm("Remove now"),
    "remove-cluster": _confirm("Remove now"),
}
"""Previews by name of the flow."""


MAX_AGE = timedelta(minutes=15)
"""Who applies an older preview would not know what happens: the flow plans anew."""


def is_outdated(run: FlowRunView, now: datetime) -> bool:
    """Return whether a preview is too old to be applied."""
    return run.ended_at is None or now - run.ended_at > MAX_AGE


def find_preview(run: FlowRunView) -> Preview | None:
    """Return the preview that a run is; None if it changes something, or has not succeeded."""
    preview = PREVIEWS.get(run.flow)
    if preview is None or not run.is_completed:
        return None
    is_preview = run.parameters.get(preview.parameter) is preview.preview_value
    return preview if is_preview else None
