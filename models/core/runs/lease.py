"""Why a run could not work on a registry or cluster: another run holds the lease."""

from models.core.base import FrozenModel


class LeaseConflict(FrozenModel):
    """The other run that holds a lease.

    Attributes:
        flow_run: id of its flow run; empty if it is not known.
        is_lost: whether this run held the lease before, and lost it to the other run.
    """

    flow_run: str = ""
    is_lost: bool = False

    @property
    def message(self) -> str:
        """Return which run holds the lease, for a list of results."""
        if self.is_lost:
            return f"this run lost its lease to {self.other_run}"
        return f"{self.other_run} holds its lease"

    @property
    def other_run(self) -> str:
        """Return the other run: `another run (flow run 0f6d…)`."""
        return f"another run (flow run {self.flow_run})" if self.flow_run else "another run"
