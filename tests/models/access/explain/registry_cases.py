"""Chains that do not hold on the registry's side: the world, the link, the answer, what to do."""

from models.access.explain.evidence import Evidence
from models.access.explain.explanation import Answer, LinkName
from models.core.availability import Unseen
from models.core.reasons import Reason
from models.registries.condition import ConditionType, Status
from tests.models.access.explain.explain_builders import (
    ASKS,
    UNREACHABLE,
    docker_cluster,
    docker_side,
    evidence,
    gone_harbor,
    harbor_look,
    harbor_side,
)
from tests.support.access_builders import binding, robot, robots
from tests.support.builders import NOW, snapshot, space, verdict

YES, NO, UNKNOWN = Answer.YES, Answer.NO, Answer.UNKNOWN
DOWN = verdict(ConditionType.SERVING, Status.FALSE, Reason.COMPONENTS_DOWN, "registry does not run")
LOCKED = verdict(ConditionType.AUTHENTICATED, Status.FALSE, Reason.BAD_CREDENTIALS, "refused")
FORBIDDEN = Unseen(reason=Reason.FORBIDDEN, message="the robots may not be listed")

REGISTRY: dict[str, tuple[Evidence, LinkName, Answer, str]] = {
    "registry unknown": (
        evidence().model_copy(update={"registry": None}),
        LinkName.REGISTRY,
        UNKNOWN,
        "integrate-registry",
    ),
    "registry out of reach": (
        evidence(registry_side=gone_harbor()),
        LinkName.REGISTRY,
        UNKNOWN,
        'update-registry with name="prod"',
    ),
    "registry does not serve": (
        evidence(registry_side=harbor_side(look=harbor_look(DOWN, ASKS))),
        LinkName.REGISTRY,
        NO,
        "registry-prod",
    ),
    "our own credential refused": (
        evidence(
            registry_side=harbor_side(look=harbor_look(LOCKED, spaces=UNREACHABLE), accepted=None)
        ),
        LinkName.REGISTRY,
        UNKNOWN,
        "update-registry",
    ),
    "space not there": (
        evidence(registry_side=harbor_side(look=snapshot(verdicts=[ASKS]), space=None)),
        LinkName.SPACE,
        NO,
        'create-space with registry="prod", names=["team"]',
    ),
    "space not made yet": (
        evidence(
            registry_side=harbor_side(look=snapshot(verdicts=[ASKS]), space=space(declared=True))
        ),
        LinkName.SPACE,
        NO,
        'reconcile-registry with name="prod"',
    ),
    "spaces not listed": (
        evidence(registry_side=harbor_side(look=harbor_look(spaces=UNREACHABLE))),
        LinkName.SPACE,
        UNKNOWN,
        "registry-prod",
    ),
    "not bound": (
        evidence(registry_side=harbor_side(binding=None)),
        LinkName.BINDING,
        NO,
        'bind-space with registry="prod", spaces=["team"], workspaces=["team-a"]',
    ),
    "held": (
        evidence(
            registry_side=harbor_side(
                binding=binding(held_since=NOW, held_reason="made again"),
                grants=(),
            )
        ),
        LinkName.BINDING,
        NO,
        'resolve-held-bindings with registry="prod", spaces=["team"], workspaces=["team-a"]',
    ),
    "Docker: held": (
        evidence(
            docker_cluster(),
            docker_side(binding=binding(held_since=NOW, held_reason="forgotten")),
        ),
        LinkName.BINDING,
        NO,
        'action="restore"',
    ),
    "no robot account": (
        evidence(registry_side=harbor_side(grants=(), failure="Forbidden: no")),
        LinkName.GRANT,
        NO,
        'reconcile-registry with name="prod"',
    ),
    "robot account deleted": (
        evidence(registry_side=harbor_side(look=harbor_look(robots=robots()))),
        LinkName.GRANT,
        NO,
        "reconcile-registry",
    ),
    "robot account disabled": (
        evidence(
            registry_side=harbor_side(
                look=harbor_look(robots=robots(robot(1, "team", disabled=True)))
            )
        ),
        LinkName.GRANT,
        NO,
        "reconcile-registry",
    ),
    "robot account too narrow": (
        evidence(registry_side=harbor_side(look=harbor_look(robots=robots(robot(1, "other"))))),
        LinkName.GRANT,
        NO,
        "reconcile-registry",
    ),
    "secret changed in Harbor": (
        evidence(registry_side=harbor_side(accepted=False)),
        LinkName.GRANT,
        NO,
        'rotate-credentials with registry="prod", workspace="team-a"',
    ),
    "robot accounts not listed": (
        evidence(registry_side=harbor_side(look=harbor_look(robots=FORBIDDEN))),
        LinkName.GRANT,
        UNKNOWN,
        "registry-prod",
    ),
    "Docker: not bound": (
        evidence(docker_cluster(), docker_side(binding=None)),
        LinkName.BINDING,
        NO,
        "bind-space",
    ),
    "Docker: nothing given": (
        evidence(docker_cluster(delivery=None, due=None), docker_side(pull_user=False)),
        LinkName.GRANT,
        NO,
        "update-registry",
    ),
    "Docker: nothing given, and out of reach": (
        evidence(
            docker_cluster(delivery=None, due=None),
            docker_side(
                verdict(status=Status.FALSE, reason=Reason.TIMED_OUT, message="silent"),
                pull_user=False,
            ),
        ),
        LinkName.REGISTRY,
        UNKNOWN,
        "update-registry",
    ),
    "Docker: password wrong": (
        evidence(docker_cluster(), docker_side(accepted=False)),
        LinkName.GRANT,
        NO,
        "registry-credentials/puller",
    ),
}
