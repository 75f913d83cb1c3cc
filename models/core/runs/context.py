"""The run that decides and writes."""

from datetime import datetime

from models.core.base import FrozenModel
from models.core.runs.actor import Actor


class RunContext(FrozenModel):
    """What the steps of one run share: when, for which flow run, and under which lease.

    Attributes:
        now: time of the run's decisions and records (UTC).
        flow_run: id of the flow run, for the audit; empty outside of a flow run.
        actor: who started the run, for the audit.
        lease_id: the lease that the run holds on the registry or cluster that it works on; without
            one, what requires a lease cannot be saved.
    """

    now: datetime
    flow_run: str = ""
    actor: Actor = Actor()
    lease_id: str = ""

    def at(self, now: datetime) -> "RunContext":
        """Return the context after a step that took time: requests to a server."""
        return self.model_copy(update={"now": now})
