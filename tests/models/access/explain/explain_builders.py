"""Evidence for a namespace that can pull, with parameters for changes."""

from typing import Any

from models.access.explain.evidence import ClusterEvidence, Evidence, RegistryEvidence
from models.access.explain.explanation import AccessCheck, AccessCheckName, Explanation, Question
from models.clusters.cluster import ClusterStatus
from models.core.availability import Unavailable
from models.core.labels import WORKSPACE_LABEL
from models.core.reasons import Reason
from models.registries.condition import CheckResult, ConditionStatus, ConditionType
from models.registries.registry import BlockRef, Kind
from models.registries.space import Visibility
from tests.support.access_builders import (
    binding,
    cluster,
    cluster_snapshot,
    desired_pull_secret,
    login,
    namespace,
    observed_namespace,
    pull_secret_status,
    robot,
    robot_account,
    robots,
    secret,
    service_account,
)
from tests.support.builders import (
    NOW,
    check_result,
    condition,
    observed_space,
    registry,
    registry_record,
    snapshot,
    space,
)

UNREACHABLE = Unavailable(reason=Reason.TIMED_OUT, message="no answer in time")
QUESTION = Question(
    cluster="eu", namespace="shop", registry="prod", space="team", image="prod/team/app:1"
)
LOGIN_REQUIRED = check_result(ConditionType.AUTHENTICATED, reason=Reason.CREDENTIALS_ACCEPTED)
OPEN = check_result(ConditionType.AUTHENTICATED, reason=Reason.NO_AUTHENTICATION)


def cluster_side(**overrides: Any) -> ClusterEvidence:
    """A namespace of team-a with the desired pull secret."""
    cluster_evidence = ClusterEvidence(
        cluster=cluster(),
        status=ClusterStatus(reachable=True, seen_at=NOW),
        snapshot=cluster_snapshot([observed_namespace()], [secret()], [service_account()]),
        namespace=namespace(),
        labels=(WORKSPACE_LABEL,),
        pull_secret_status=pull_secret_status(),
        desired=desired_pull_secret(),
    )
    return cluster_evidence.model_copy(update=overrides)


def cluster_observation(**overrides: Any) -> Any:
    """The observation of `cluster_side`, with changed sections."""
    return cluster_side().snapshot.model_copy(update=overrides)


def unreachable_cluster(**overrides: Any) -> ClusterEvidence:
    """The evidence of `cluster_side` for an unreachable cluster."""
    observation = cluster_snapshot(UNREACHABLE, UNREACHABLE, UNREACHABLE)
    return cluster_side(snapshot=observation, **overrides)


def harbor_side(visibility: Visibility = Visibility.PRIVATE, **overrides: Any) -> RegistryEvidence:
    """A Harbor that team-a can pull from."""
    observation = snapshot(
        observed_space(visibility=visibility), verdicts=[check_result(), LOGIN_REQUIRED]
    )
    registry_evidence = RegistryEvidence(
        record=registry_record(condition()),
        snapshot=observation.model_copy(update={"robots": robots(robot(1, "team"))}),
        space=space(observed=visibility),
        binding=binding(effective_at=NOW),
        robots=(robot_account(1, "team"),),
        login_accepted=True,
    )
    return registry_evidence.model_copy(update=overrides)


def harbor_observation(*verdicts: CheckResult, **overrides: Any) -> Any:
    """The observation of `harbor_side`, with changes."""
    fields = {"checks": verdicts, **overrides} if verdicts else overrides
    return harbor_side().snapshot.model_copy(update=fields)


def unreachable_harbor(**overrides: Any) -> RegistryEvidence:
    """The evidence of `harbor_side` for an unreachable Harbor."""
    timed_out = check_result(
        status=ConditionStatus.FALSE, reason=Reason.TIMED_OUT, message="no answer in time"
    )
    observation = harbor_observation(timed_out, spaces=UNREACHABLE, robots=UNREACHABLE)
    return harbor_side(snapshot=observation, login_accepted=None, **overrides)


def docker_side(
    *verdicts: CheckResult, pull_user: bool = True, public: bool = False, **overrides: Any
) -> RegistryEvidence:
    """A Docker Registry with a pull-only user, which team-a is bound to."""
    desired = Visibility.PUBLIC if public else None
    spec = registry(Kind.DOCKER).model_copy(
        update={"pull_credential": BlockRef(name="puller") if pull_user else None}
    )
    registry_evidence = RegistryEvidence(
        record=registry_record(condition(), spec=spec),
        snapshot=snapshot(
            observed_space(id=None, visibility=None),
            verdicts=verdicts or (check_result(), LOGIN_REQUIRED),
        ),
        space=space(id=None, observed=None, desired=desired),
        binding=binding(),
        login_accepted=True if pull_user else None,
    )
    return registry_evidence.model_copy(update=overrides)


def docker_cluster(**overrides: Any) -> ClusterEvidence:
    """The evidence about the cluster for `docker_side`."""
    logins = (login(robot_id=None, account="puller"),)
    return cluster_side(
        **{
            "pull_secret_status": pull_secret_status(logins=logins),
            "desired": desired_pull_secret(*logins),
            **overrides,
        }
    )


def evidence(
    side: ClusterEvidence | None = None,
    registry_side: RegistryEvidence | None = None,
    **overrides: Any,
) -> Evidence:
    """All evidence; the default registry is a healthy Harbor."""
    full_evidence = Evidence(
        question=QUESTION,
        at=NOW,
        cluster=side or cluster_side(),
        registry=registry_side or harbor_side(),
        registry_names=("prod", "docker-dev"),
    )
    return full_evidence.model_copy(update=overrides)


def link_of(explanation: Explanation, name: AccessCheckName) -> AccessCheck:
    return next(link for link in explanation.checks if link.name is name)
