"""The answer to "Can this namespace pull this image, and why?": a sequence of checks."""

from datetime import datetime
from enum import StrEnum

from models.core.base import FrozenModel


class Answer(StrEnum):
    """The answer of one check, or of the whole explanation."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class AccessCheckName(StrEnum):
    """The names of the checks, in order."""

    CLUSTER = "cluster"
    NAMESPACE = "namespace"
    WORKSPACE = "workspace"
    REGISTRY = "registry"
    SPACE = "space"
    BINDING = "binding"
    ROBOT = "grant"
    PULL_SECRET = "pull-secret"  # noqa: S105 - a check's name, no secret
    SERVICE_ACCOUNT = "service-account"


class AccessCheck(FrozenModel):
    """The result of one check.

    Attributes:
        observation: what was observed, or what is on record.
        at: time of the observation or the record (UTC); None if not known.
        fix: how to fix it; empty if the check passed.
    """

    name: AccessCheckName
    answer: Answer
    observation: str
    at: datetime | None = None
    fix: str = ""


def passed_check(name: AccessCheckName, message: str, at: datetime | None = None) -> AccessCheck:
    """Return a check that passed."""
    return AccessCheck(name=name, answer=Answer.YES, observation=message, at=at)


def failed_check(
    name: AccessCheckName, message: str, fix: str, at: datetime | None = None
) -> AccessCheck:
    """Return a check that failed."""
    return AccessCheck(name=name, answer=Answer.NO, observation=message, fix=fix, at=at)


def unknown_check(
    name: AccessCheckName, message: str, fix: str, at: datetime | None = None
) -> AccessCheck:
    """Return a check without a certain result."""
    return AccessCheck(name=name, answer=Answer.UNKNOWN, observation=message, fix=fix, at=at)


def blocked_check(name: AccessCheckName, other: AccessCheckName) -> AccessCheck:
    """Return a check that depends on another one which has not passed."""
    return unknown_check(name, f"depends on the {other}", f"see {other}")


class Question(FrozenModel):
    """The question of explain-access.

    Attributes:
        registry: name of the registry, or the first part of the image reference if unknown.
        space: the space of the image.
        image: the image reference as entered.
        service_account: ServiceAccount of the pods; empty for those that the workspace chooses.
        pod: an existing pod; empty for any pod.
    """

    cluster: str
    namespace: str
    registry: str
    space: str
    image: str
    service_account: str = ""
    pod: str = ""

    @property
    def namespace_path(self) -> str:
        """The namespace as `cluster/namespace`."""
        return f"{self.cluster}/{self.namespace}"


class Explanation(FrozenModel):
    """The answer to a question with all checks.

    Attributes:
        at: time of the question (UTC).
        checks: all checks, in order.
        first_failure: the first failed check, or else the first unknown one.
        fix: how to fix that check.
        notes: additional remarks.
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
        failed = next((check for check in self.checks if check.name is self.first_failure), None)
        return f"{sentence}; {failed.name}: {failed.observation}" if failed else sentence


def _path(space: str) -> str:
    return space if space.startswith("/") else f"/{space}"


def conclude(
    question: Question, at: datetime, checks: tuple[AccessCheck, ...], notes: tuple[str, ...] = ()
) -> Explanation:
    """Return the explanation: no if a check failed, unknown if one is unknown, else yes."""
    for answer in (Answer.NO, Answer.UNKNOWN):
        first = next((check for check in checks if check.answer is answer), None)
        if first is not None:
            return Explanation(
                question=question,
                at=at,
                answer=answer,
                checks=checks,
                first_failure=first.name,
                fix=first.fix,
                notes=notes,
            )
    return Explanation(question=question, at=at, answer=Answer.YES, checks=checks, notes=notes)
