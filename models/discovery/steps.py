"""What may be done about managed Harbors: a closed list of steps, and a plan of them."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from models.core.base import Value
from models.core.limits import Limits, check_share
from models.discovery.managed_harbor import Managed, ManagedHarbor, Place


class Adopt(Value):
    """Integrate a Harbor that is ready and not known; it gets this name."""

    kind: Literal["adopt"] = "adopt"
    harbor: ManagedHarbor
    registry: str


class TakeOver(Value):
    """Link a Harbor to what was integrated by hand at its address, of which nothing is changed.

    Only a person can ask for it, and only the password in the Harbor's own Secret allows it.
    """

    kind: Literal["take-over"] = "take-over"
    harbor: ManagedHarbor
    registry: str


class Follow(Value):
    """Bring an adopted Harbor's address, password or authority up to date."""

    kind: Literal["follow"] = "follow"
    harbor: ManagedHarbor
    registry: str
    why: str


class Prove(Value):
    """Find out whether an object stands for the Harbor of a registry on record.

    It is carried out by asking that Harbor, with the password in the object's own Secret, and comes
    to one of `Relocate`, `Replace` and `Note`: see `models/discovery/claims.py`.
    """

    kind: Literal["prove"] = "prove"
    harbor: ManagedHarbor
    registry: str
    why: str


class Relocate(Value):
    """It is the same Harbor: link its registry to this object, and change nothing else.

    Attributes:
        holder: the object that it was linked to.
    """

    kind: Literal["relocate"] = "relocate"
    harbor: ManagedHarbor
    registry: str
    holder: Managed | None = None


class Replace(Value):
    """It is another Harbor under the old address: the bindings of its registry are held."""

    kind: Literal["replace"] = "replace"
    harbor: ManagedHarbor
    registry: str
    holder: Managed | None = None


class Retire(Value):
    """Forget a Harbor without bindings that was missing beyond its grace."""

    kind: Literal["retire"] = "retire"
    place: Place
    registry: str


class Note(Value):
    """Only write down how a Harbor stands."""

    kind: Literal["note"] = "note"
    managed: Managed


Step = Annotated[
    Adopt | TakeOver | Follow | Prove | Relocate | Replace | Retire | Note,
    Field(discriminator="kind"),
]


def is_note(step: Step) -> bool:
    """Whether a step touches nothing but what is on record of a Harbor that has no registry."""
    return isinstance(step, Note) or (isinstance(step, Retire) and not step.registry)


def place_of(step: Step) -> Place:
    """Return which Harbor a step is about."""
    if isinstance(step, Note):
        return step.managed.place
    return step.place if isinstance(step, Retire) else step.harbor.place


def word_of(step: Step) -> str:
    """Return what becomes of a Harbor by a step, in a word."""
    return step.managed.standing.value if isinstance(step, Note) else step.kind


def why_of(step: Step) -> str:
    """Return why a step is to be done, or what it means; empty where its word says it all."""
    if isinstance(step, Note):
        return step.managed.message
    if isinstance(step, Follow | Prove):
        return step.why
    return {
        "adopt": "",
        "take-over": "linked to what was integrated by hand at this address",
        "relocate": "the same Harbor inside: bindings and robot accounts stay",
        "replace": "another Harbor inside: its bindings are held",
        "retire": "gone for longer than the grace",
    }[step.kind]


class DiscoveryPlan(Value):
    """What is to be done about managed Harbors.

    Attributes:
        steps: in the order of their places.
        adopted: how many are adopted, the whole that the brake's share is of.
        unseen: why a cluster could not be read, by cluster; nothing is concluded about it.
    """

    steps: tuple[Step, ...] = ()
    adopted: int = 0
    unseen: Mapping[str, str] = {}

    def check(self, limits: Limits) -> None:
        """Refuse to forget too many Harbors at once.

        Raises:
            PlanRefused: with the numbers and the way out.
        """
        retired = sum(isinstance(step, Retire) and bool(step.registry) for step in self.steps)
        check_share("discovery", retired, self.adopted, "forget", limits, "managed Harbors")

    def limited(self, most: int) -> tuple["DiscoveryPlan", int]:
        """Return the plan with at most so many adoptions, and how many are left for later."""
        adoptions = [step for step in self.steps if isinstance(step, Adopt)]
        later = adoptions[most:]
        kept = tuple(step for step in self.steps if step not in later)
        return self.model_copy(update={"steps": kept}), len(later)

    def about(self, namespace: str, name: str) -> "DiscoveryPlan":
        """Return the part of the plan that is about one Harbor."""
        kept = (
            step
            for step in self.steps
            if (place_of(step).namespace, place_of(step).name) == (namespace, name)
        )
        return self.model_copy(update={"steps": tuple(kept)})

    def without_retirements(self) -> "DiscoveryPlan":
        """Return the plan that is left after a refusal."""
        kept = tuple(
            step for step in self.steps if not (isinstance(step, Retire) and step.registry)
        )
        return self.model_copy(update={"steps": kept})
