"""The answer to "why can, or can't, this namespace pull this image?": a chain of links."""

from datetime import datetime
from enum import StrEnum

from models.core.base import FrozenModel


class Answer(StrEnum):
    """Whether one link holds, or the whole chain."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class AccessCheckName(StrEnum):
    """The links, in the order in which one leads to the next."""

    CLUSTER = "cluster"
    NAMESPACE = "namespace"
    WORKSPACE = "workspace"
    REGISTRY = "registry"
    SPACE = "space"
    BINDING = "binding"
    ROBOT = "grant"
    PULL_SECRET = "pull-secret"  # noqa: S105 - a link's name, no secret
    SERVICE_ACCOUNT = "service-account"


class AccessCheck(FrozenModel):
    """One link of the chain.

    Attributes:
        observation: what was seen, or what is on record.
        at: when that was so (UTC); None if nothing is known.
        fix: what to do about it; empty if it holds.
    """

    name: AccessCheckName
    answer: Answer
    observation: str
    at: datetime | None = None
    fix: str = ""


def passed_check(name: AccessCheckName, message: str, at: datetime | None = None) -> AccessCheck:
    """Return a link that holds."""
    return AccessCheck(name=name, answer=Answer.YES, observation=message, at=at)


def failed_check(
    name: AccessCheckName, message: str, fix: str, at: datetime | None = None
) -> AccessCheck:
    """Return a link that does not hold."""
    return AccessCheck(name=name, answer=Answer.NO, observation=message, fix=fix, at=at)


def unknown_check(
    name: AccessCheckName, message: str, fix: str, at: datetime | None = None
) -> AccessCheck:
    """Return a link of which nothing certain is known."""
    return AccessCheck(name=name, answer=Answer.UNKNOWN, observation=message, fix=fix, at=at)


def blocked_check(name: AccessCheckName, other: AccessCheckName) -> AccessCheck:
    """Return a link that cannot be asked about while another one does not hold."""
    return unknown_check(name, f"depends on the {other}", f"see {other}")


class Question(FrozenModel):
    """What is asked.

    Attributes:
        registry: the registry's name here, or what was written instead.
        space: the space that the image is in.
        image: as it was asked for.
    """

    cluster: str
    namespace: str
    registry: str
    space: str
    image: str

    @property
    def namespace_path(self) -> str:
        """The namespace with its cluster."""
        return f"{self.cluster}/{self.namespace}"


class Explanation(FrozenModel):
    """The whole chain.

    Attributes:
        at: when it was asked (UTC).
        checks: all of them, in order.
        first_failure: the first that does not hold, or else the first that is not known.
        fix: what to do about that one.
        notes: what else a person should know.
    """

    question: Question
    at: datetime
    answer: Answer
    checks: tuple[AccessCheck, ...]
    first_failure: AccessCheckName | None = None
    fix: str = ""
    notes: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """The answer in one sentence."""
        can = {Answer.YES: "can pull", Answer.NO: "cannot pull"}
        target = f"{self.question.registry}{_path(self.question.space)}"
        if self.answer is Answer.UNKNOWN:
            sentence = f"it is not known whether {self.question.namespace_path} can pull {target}"
        else:
            sentence = f"{self.question.namespace_path} {can[self.answer]} {target}"
        failed_link = next((link for link in self.checks if link.name is self.first_failure), None)
        return (
            f"{sentence}; {failed_link.name}: {failed_link.observation}"
            if failed_link
            else sentence
        )


def _path(space: str) -> str:
    return space if space.startswith("/") else f"/{space}"


def conclude(
    question: Question, at: datetime, links: tuple[AccessCheck, ...], notes: tuple[str, ...] = ()
) -> Explanation:
    """Draw the conclusion: no if one link does not hold, unknown if one is not known, else yes."""
    for answer in (Answer.NO, Answer.UNKNOWN):
        first = next((link for link in links if link.answer is answer), None)
        if first is not None:
            return Explanation(
                question=question,
                at=at,
                answer=answer,
                checks=links,
                first_failure=first.name,
                fix=first.fix,
                notes=notes,
            )
    return Explanation(question=question, at=at, answer=Answer.YES, checks=links, notes=notes)
