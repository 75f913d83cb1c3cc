"""What may be done about managed Harbors: a closed list of steps, and a plan of them."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from models.core.base import FrozenModel
from models.core.limits import ChangeLimits, check_change_limit
from models.discovery.managed_harbor import HarborRef, ManagedHarbor, ManagedHarborRecord


class Adopt(FrozenModel):
    """Integrate a Harbor that is ready and not known; it gets this name."""

    kind: Literal["adopt"] = "adopt"
    harbor: ManagedHarbor
    registry: str


class AdoptExisting(FrozenModel):
    """Link a Harbor to what was integrated by hand at its address, of which nothing is changed.

    Only a person can ask for it, and only the password in the Harbor's own Secret allows it.
    """

    kind: Literal["take-over"] = "take-over"
    harbor: ManagedHarbor
    registry: str


class UpdateAdopted(FrozenModel):
    """Bring an adopted Harbor's address, password or authority up to date."""

    kind: Literal["follow"] = "follow"
    harbor: ManagedHarbor
    registry: str
    reason: str


class ConfirmIdentity(FrozenModel):
    """Find out whether an object stands for the Harbor of a registry on record.

    It is carried out by asking that Harbor, with the password in the object's own Secret, and comes
    to one of `Relocate`, `Replace` and `SetState`: see `models/discovery/claims.py`.
    """

    kind: Literal["prove"] = "prove"
    harbor: ManagedHarbor
    registry: str
    reason: str


class Relocate(FrozenModel):
    """It is the same Harbor: link its registry to this object, and change nothing else.

    Attributes:
        previous: the object that it was linked to.
    """

    kind: Literal["relocate"] = "relocate"
    harbor: ManagedHarbor
    registry: str
    previous: ManagedHarborRecord | None = None


class Replace(FrozenModel):
    """It is another Harbor under the old address: the bindings of its registry are held."""

    kind: Literal["replace"] = "replace"
    harbor: ManagedHarbor
    registry: str
    previous: ManagedHarborRecord | None = None


class Forget(FrozenModel):
    """Forget a Harbor without bindings that was missing beyond its grace."""

    kind: Literal["retire"] = "retire"
    ref: HarborRef
    registry: str


class SetState(FrozenModel):
    """Only write down how a Harbor stands."""

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
    """Whether a step touches nothing but what is on record of a Harbor that has no registry."""
    return isinstance(step, SetState) or (isinstance(step, Forget) and not step.registry)


def step_ref(step: Step) -> HarborRef:
    """Return which Harbor a step is about."""
    if isinstance(step, SetState):
        return step.record.ref
    return step.ref if isinstance(step, Forget) else step.harbor.ref


def step_label(step: Step) -> str:
    """Return what becomes of a Harbor by a step, in a word."""
    return step.record.state.value if isinstance(step, SetState) else step.kind


def step_reason(step: Step) -> str:
    """Return why a step is to be done, or what it means; empty where its word says it all."""
    if isinstance(step, SetState):
        return step.record.message
    if isinstance(step, UpdateAdopted | ConfirmIdentity):
        return step.reason
    return {
        "adopt": "",
        "take-over": "linked to what was integrated by hand at this address",
        "relocate": "the same Harbor inside: bindings and robot accounts stay",
        "replace": "another Harbor inside: its bindings are held",
        "retire": "gone for longer than the grace",
    }[step.kind]


class DiscoveryPlan(FrozenModel):
    """What is to be done about managed Harbors.

    Attributes:
        steps: in the order of their places.
        adopted_count: how many are adopted, the whole that the brake's share is of.
        unavailable: why a cluster could not be read, by cluster; nothing is concluded about it.
    """

    steps: tuple[Step, ...] = ()
    adopted_count: int = 0
    unavailable: Mapping[str, str] = {}

    def raise_if_unsafe(self, limits: ChangeLimits) -> None:
        """Refuse to forget too many Harbors at once.

        Raises:
            PlanRefused: with the numbers and the way out.
        """
        retired = sum(isinstance(step, Forget) and bool(step.registry) for step in self.steps)
        check_change_limit(
            "discovery", retired, self.adopted_count, "forget", limits, "managed Harbors"
        )

    def limit_adoptions(self, max_adoptions: int) -> tuple["DiscoveryPlan", int]:
        """Return the plan with at most so many adoptions, and how many are left for later."""
        adoptions = [step for step in self.steps if isinstance(step, Adopt)]
        postponed = adoptions[max_adoptions:]
        steps = tuple(step for step in self.steps if step not in postponed)
        return self.model_copy(update={"steps": steps}), len(postponed)

    def only(self, namespace: str, name: str) -> "DiscoveryPlan":
        """Return the part of the plan that is about one Harbor."""
        steps = (
            step
            for step in self.steps
            if (step_ref(step).namespace, step_ref(step).name) == (namespace, name)
        )
        return self.model_copy(update={"steps": tuple(steps)})

    def without_removals(self) -> "DiscoveryPlan":
        """Return the plan that is left after a refusal."""
        steps = tuple(
            step for step in self.steps if not (isinstance(step, Forget) and step.registry)
        )
        return self.model_copy(update={"steps": steps})
