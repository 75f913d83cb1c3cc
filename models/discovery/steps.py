"""The steps of discovery, and the plan that consists of them."""

from typing import Annotated, Literal

from pydantic import Field

from models.core.base import FrozenModel
from models.core.limits import ChangeLimits, LimitExceeded, exceeded_limit
from models.discovery.managed_harbor import HarborRef, ManagedHarbor, ManagedHarborRecord
from models.discovery.observation import UnavailableHarbors


class Adopt(FrozenModel):
    """Integrate a new Harbor that is ready, as the registry with this name."""

    kind: Literal["adopt"] = "adopt"
    harbor: ManagedHarbor
    registry: str


class AdoptExisting(FrozenModel):
    """Link a Harbor to the registry that a user integrated at its address, without changing it.

    Only a user can request it, and Harbor must accept the password in its own Secret.
    """

    kind: Literal["take-over"] = "take-over"
    harbor: ManagedHarbor
    registry: str


class UpdateAdopted(FrozenModel):
    """Update the address, password reference or CA of an adopted Harbor's registry."""

    kind: Literal["follow"] = "follow"
    harbor: ManagedHarbor
    registry: str
    reason: str


class ConfirmIdentity(FrozenModel):
    """Check whether an object is the Harbor of a registry on record.

    The robot accounts of that Harbor are read with the password in the object's own Secret. The
    result is a `Relocate`, `Replace` or `SetState` step: see `models/discovery/claims.py`.
    """

    kind: Literal["prove"] = "prove"
    harbor: ManagedHarbor
    registry: str
    reason: str


class Relocate(FrozenModel):
    """Link the registry to this object, which is the same Harbor; change nothing else.

    Attributes:
        previous: record of the previously linked object.
    """

    kind: Literal["relocate"] = "relocate"
    harbor: ManagedHarbor
    registry: str
    previous: ManagedHarborRecord | None = None


class Replace(FrozenModel):
    """Link the registry to this object, which is another Harbor; hold the registry's bindings.

    Attributes:
        previous: record of the previously linked object.
    """

    kind: Literal["replace"] = "replace"
    harbor: ManagedHarbor
    registry: str
    previous: ManagedHarborRecord | None = None


class Forget(FrozenModel):
    """Delete the record of a Harbor without bindings that was missing past the grace period."""

    kind: Literal["retire"] = "retire"
    ref: HarborRef
    registry: str


class SetState(FrozenModel):
    """Save the record of a Harbor; change nothing else."""

    kind: Literal["note"] = "note"
    record: ManagedHarborRecord


Step = Annotated[
    Adopt
    | AdoptExisting
    | UpdateAdopted
    | ConfirmIdentity
    | Relocate
    | Replace
    | Forget
    | SetState,
    Field(discriminator="kind"),
]


def is_record_only(step: Step) -> bool:
    """Return whether a step changes only records, and no registry."""
    return isinstance(step, SetState) or (isinstance(step, Forget) and not step.registry)


def step_ref(step: Step) -> HarborRef:
    """Return the reference of the step's Harbor."""
    if isinstance(step, SetState):
        return step.record.ref
    return step.ref if isinstance(step, Forget) else step.harbor.ref


def step_label(step: Step) -> str:
    """Return a one-word label for a step."""
    return step.record.state.value if isinstance(step, SetState) else step.kind


def step_reason(step: Step) -> str:
    """Return the reason for a step or its effect; empty if the label is sufficient."""
    if isinstance(step, SetState):
        return step.record.message
    if isinstance(step, UpdateAdopted | ConfirmIdentity):
        return step.reason
    return {
        "adopt": "",
        "take-over": "linked to the registry that a user integrated at this address",
        "relocate": "the same Harbor: bindings and robot accounts are kept",
        "replace": "another Harbor: the bindings are held",
        "retire": "missing longer than the grace period",
    }[step.kind]


class DiscoveryPlan(FrozenModel):
    """The plan of one discovery.

    Attributes:
        steps: steps in the order of their Harbor references, those for missing Harbors first.
        adopted_count: number of adopted Harbors; the share of the safety limits refers to it.
        unavailable: clusters and sources that could not be read; no Harbor there is considered
            missing.
        warnings: what prevents an adopted Harbor from being reached, and what to do.
    """

    steps: tuple[Step, ...] = ()
    adopted_count: int = 0
    unavailable: tuple[UnavailableHarbors, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def refusals(self) -> tuple[str, ...]:
        """Which clusters refuse their credential: no later run helps, a person has to act."""
        return tuple(str(failure) for failure in self.unavailable if failure.needs_person)

    def exceeded_limit(self, limits: ChangeLimits) -> LimitExceeded | None:
        """Return the safety limit that is exceeded if too many adopted Harbors are forgotten."""
        retired = sum(isinstance(step, Forget) and bool(step.registry) for step in self.steps)
        return exceeded_limit(
            "discovery", retired, self.adopted_count, "forget", limits, "managed Harbors"
        )

    def limit_adoptions(self, max_adoptions: int) -> tuple["DiscoveryPlan", int]:
        """Return the plan with at most `max_adoptions` adoptions, and the number postponed."""
        adoptions = [step for step in self.steps if isinstance(step, Adopt)]
        postponed = adoptions[max_adoptions:]
        steps = tuple(step for step in self.steps if step not in postponed)
        return self.model_copy(update={"steps": steps}), len(postponed)

    def only(self, namespace: str, name: str) -> "DiscoveryPlan":
        """Return the part of the plan for one Harbor."""
        steps = (
            step
            for step in self.steps
            if (step_ref(step).namespace, step_ref(step).name) == (namespace, name)
        )
        return self.model_copy(update={"steps": tuple(steps)})

    def without_removals(self) -> "DiscoveryPlan":
        """Return the safe subset of the plan: no registry is removed."""
        steps = tuple(
            step for step in self.steps if not (isinstance(step, Forget) and step.registry)
        )
        return self.model_copy(update={"steps": steps})
