"""Cases with a failed check of the registry: the evidence, the check, the answer, the fix."""

from models.access.explain.evidence import Evidence
from models.access.explain.explanation import AccessCheckName, Answer
from models.core.availability import Unavailable
from models.core.reasons import Reason
from models.registries.condition import ConditionStatus, ConditionType
from tests.models.access.explain.explain_builders import (
    LOGIN_REQUIRED,
    UNREACHABLE,
    docker_cluster,
    docker_side,
    evidence,
    harbor_observation,
    harbor_side,
    unreachable_harbor,
)
from tests.support.access_builders import binding, robot, robots
from tests.support.builders import NOW, check_result, snapshot, space

YES, NO, UNKNOWN = Answer.YES, Answer.NO, Answer.UNKNOWN
DOWN = check_result(
    ConditionType.SERVING, ConditionStatus.FALSE, Reason.COMPONENTS_DOWN, "registry does not run"
)
LOCKED = check_result(
    ConditionType.AUTHENTICATED, ConditionStatus.FALSE, Reason.BAD_CREDENTIALS, "refused"
)
FORBIDDEN = Unavailable(reason=Reason.FORBIDDEN, message="the robots may not be listed")

REGISTRY: dict[str, tuple[Evidence, AccessCheckName, Answer, str]] = {
    "registry unknown": (
        evidence().model_copy(update={"registry": None}),
        AccessCheckName.REGISTRY,
        UNKNOWN,
        "integrate-registry",
    ),
    "registry out of reach": (
        evidence(registry_side=unreachable_harbor()),
        AccessCheckName.REGISTRY,
        UNKNOWN,
        'update-registry with name="prod"',
    ),
    "registry does not serve": (
        evidence(registry_side=harbor_side(snapshot=harbor_observation(DOWN, LOGIN_REQUIRED))),
        AccessCheckName.REGISTRY,
        NO,
        "registry-prod",
    ),
    "our own credential refused": (
        evidence(
            registry_side=harbor_side(
                snapshot=harbor_observation(LOCKED, spaces=UNREACHABLE), login_accepted=None
            )
        ),
        AccessCheckName.REGISTRY,
        UNKNOWN,
        "update-registry",
    ),
    "space not there": (
        evidence(
            registry_side=harbor_side(snapshot=snapshot(verdicts=[LOGIN_REQUIRED]), space=None)
        ),
        AccessCheckName.SPACE,
        NO,
        'create-space with registry="prod", names=["team"]',
    ),
    "space not made yet": (
        evidence(
            registry_side=harbor_side(
                snapshot=snapshot(verdicts=[LOGIN_REQUIRED]), space=space(declared=True)
            )
        ),
        AccessCheckName.SPACE,
        NO,
        'reconcile-registry with name="prod"',
    ),
    "spaces not listed": (
        evidence(registry_side=harbor_side(snapshot=harbor_observation(spaces=UNREACHABLE))),
        AccessCheckName.SPACE,
        UNKNOWN,
        "registry-prod",
    ),
    "not bound": (
        evidence(registry_side=harbor_side(binding=None)),
        AccessCheckName.BINDING,
        NO,
        'bind-space with registry="prod", spaces=["team"], workspaces=["team-a"]',
    ),
    "held": (
        evidence(
            registry_side=harbor_side(
                binding=binding(held_since=NOW, held_reason="made again"),
                robots=(),
            )
        ),
        AccessCheckName.BINDING,
        NO,
        'resolve-held-bindings with registry="prod", spaces=["team"], workspaces=["team-a"]',
    ),
    "Docker: held": (
        evidence(
            docker_cluster(),
            docker_side(binding=binding(held_since=NOW, held_reason="forgotten")),
        ),
        AccessCheckName.BINDING,
        NO,
        'action="restore"',
    ),
    "no robot account": (
        evidence(registry_side=harbor_side(robots=(), robot_failure="Forbidden: no")),
        AccessCheckName.ROBOT,
        NO,
        'reconcile-registry with name="prod"',
    ),
    "robot account deleted": (
        evidence(registry_side=harbor_side(snapshot=harbor_observation(robots=robots()))),
        AccessCheckName.ROBOT,
        NO,
        "reconcile-registry",
    ),
    "robot account disabled": (
        evidence(
            registry_side=harbor_side(
                snapshot=harbor_observation(robots=robots(robot(1, "team", disabled=True)))
            )
        ),
        AccessCheckName.ROBOT,
        NO,
        "reconcile-registry",
    ),
    "robot account too narrow": (
        evidence(
            registry_side=harbor_side(snapshot=harbor_observation(robots=robots(robot(1, "other"))))
        ),
        AccessCheckName.ROBOT,
        NO,
        "reconcile-registry",
    ),
    "secret changed in Harbor": (
        evidence(registry_side=harbor_side(login_accepted=False)),
        AccessCheckName.ROBOT,
        NO,
        'rotate-credentials with registry="prod", workspace="team-a"',
    ),
    "robot accounts not listed": (
        evidence(registry_side=harbor_side(snapshot=harbor_observation(robots=FORBIDDEN))),
        AccessCheckName.ROBOT,
        UNKNOWN,
        "registry-prod",
    ),
    "Docker: not bound": (
        evidence(docker_cluster(), docker_side(binding=None)),
        AccessCheckName.BINDING,
        NO,
        "bind-space",
    ),
    "Docker: nothing given": (
        evidence(
            docker_cluster(pull_secret_status=None, desired=None), docker_side(pull_user=False)
        ),
        AccessCheckName.ROBOT,
        NO,
        "update-registry",
    ),
    "Docker: nothing given, and out of reach": (
        evidence(
            docker_cluster(pull_secret_status=None, desired=None),
            docker_side(
                check_result(
                    status=ConditionStatus.FALSE, reason=Reason.TIMED_OUT, message="silent"
                ),
                pull_user=False,
            ),
        ),
        AccessCheckName.REGISTRY,
        UNKNOWN,
        "update-registry",
    ),
    "Docker: password wrong": (
        evidence(docker_cluster(), docker_side(login_accepted=False)),
        AccessCheckName.ROBOT,
        NO,
        "registry-credentials/puller",
    ),
}
