"""The answer to "why can, or can't, this namespace pull this image?": a chain of links."""

from datetime import datetime
from enum import StrEnum

from models.core.base import Value


class Answer(StrEnum):
    """Whether one link holds, or the whole chain."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class LinkName(StrEnum):
    """The links, in the order in which one leads to the next."""

    CLUSTER = "cluster"
    NAMESPACE = "namespace"
    WORKSPACE = "workspace"
    REGISTRY = "registry"
    SPACE = "space"
    BINDING = "binding"
    GRANT = "grant"
    PULL_SECRET = "pull-secret"  # noqa: S105 - a link's name, no secret
    SERVICE_ACCOUNT = "service-account"


class ChainLink(Value):
    """One link of the chain.

    Attributes:
        seen: what was seen, or what is on record.
        at: when that was so (UTC); None if nothing is known.
        fix: what to do about it; empty if it holds.
    """

    name: LinkName
    answer: Answer
    seen: str
    at: datetime | None = None
    fix: str = ""


def holds(name: LinkName, seen: str, at: datetime | None = None) -> ChainLink:
    """Return a link that holds."""
    return ChainLink(name=name, answer=Answer.YES, seen=seen, at=at)


def fails(name: LinkName, seen: str, fix: str, at: datetime | None = None) -> ChainLink:
    """Return a link that does not hold."""
    return ChainLink(name=name, answer=Answer.NO, seen=seen, fix=fix, at=at)


def unsure(name: LinkName, seen: str, fix: str, at: datetime | None = None) -> ChainLink:
    """Return a link of which nothing certain is known."""
    return ChainLink(name=name, answer=Answer.UNKNOWN, seen=seen, fix=fix, at=at)


def depends(name: LinkName, other: LinkName) -> ChainLink:
    """Return a link that cannot be asked about while another one does not hold."""
    return unsure(name, f"depends on the {other}", f"see {other}")


class Question(Value):
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
    def place(self) -> str:
        """The namespace with its cluster."""
        return f"{self.cluster}/{self.namespace}"


class Explanation(Value):
    """The whole chain.

    Attributes:
        at: when it was asked (UTC).
        links: all of them, in order.
        failing: the first that does not hold, or else the first that is not known.
        fix: what to do about that one.
        notes: what else a person should know.
    """

    question: Question
    at: datetime
    answer: Answer
    links: tuple[ChainLink, ...]
    failing: LinkName | None = None
    fix: str = ""
    notes: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The answer in one sentence."""
        can = {Answer.YES: "can pull", Answer.NO: "cannot pull"}
        what = f"{self.question.registry}{_path(self.question.space)}"
        if self.answer is Answer.UNKNOWN:
            told = f"it is not known whether {self.question.place} can pull {what}"
        else:
            told = f"{self.question.place} {can[self.answer]} {what}"
        failing = next((one for one in self.links if one.name is self.failing), None)
        return f"{told}; {failing.name}: {failing.seen}" if failing else told


def _path(space: str) -> str:
    return space if space.startswith("/") else f"/{space}"


def concluded(
    question: Question, at: datetime, links: tuple[ChainLink, ...], notes: tuple[str, ...] = ()
) -> Explanation:
    """Draw the conclusion: no if one link does not hold, unknown if one is not known, else yes."""
    for answer in (Answer.NO, Answer.UNKNOWN):
        first = next((link for link in links if link.answer is answer), None)
        if first is not None:
            return Explanation(
                question=question,
                at=at,
                answer=answer,
                links=links,
                failing=first.name,
                fix=first.fix,
                notes=notes,
            )
    return Explanation(question=question, at=at, answer=Answer.YES, links=links, notes=notes)
