"""A world in which a namespace can pull, and what may be changed in it."""

from typing import Any

from models.access.explain.evidence import ClusterEvidence, Evidence, RegistryEvidence
from models.access.explain.explanation import ChainLink, Explanation, LinkName, Question
from models.clusters.cluster import ClusterState
from models.core.availability import Unseen
from models.core.labels import WORKSPACE_LABEL
from models.core.reasons import Reason
from models.registries.condition import ConditionType, Status, Verdict
from models.registries.registry import BlockRef, Kind
from models.registries.space import Visibility
from tests.support.access_builders import (
    account,
    binding,
    cluster,
    cluster_snapshot,
    delivery,
    due,
    grant,
    labelled,
    login,
    namespace,
    robot,
    robots,
    secret,
)
from tests.support.builders import NOW, condition, dossier, registry, seen, snapshot, space, verdict

UNREACHABLE = Unseen(reason=Reason.TIMED_OUT, message="no answer in time")
QUESTION = Question(
    cluster="eu", namespace="shop", registry="prod", space="team", image="prod/team/app:1"
)
ASKS = verdict(ConditionType.AUTHENTICATED, reason=Reason.CREDENTIALS_ACCEPTED)
OPEN = verdict(ConditionType.AUTHENTICATED, reason=Reason.NO_AUTHENTICATION)


def cluster_side(**changed: Any) -> ClusterEvidence:
    """A namespace of team-a that holds what is due."""
    whole = ClusterEvidence(
        cluster=cluster(),
        state=ClusterState(reachable=True, seen_at=NOW),
        look=cluster_snapshot([labelled()], [secret()], [account()]),
        namespace=namespace(),
        labels=(WORKSPACE_LABEL,),
        delivery=delivery(),
        due=due(),
    )
    return whole.model_copy(update=changed)


def looked(**changed: Any) -> Any:
    """The look of `cluster_side`, with a section changed."""
    return cluster_side().look.model_copy(update=changed)


def cut_off(**changed: Any) -> ClusterEvidence:
    """The same, with the cluster out of reach."""
    look = cluster_snapshot(UNREACHABLE, UNREACHABLE, UNREACHABLE)
    return cluster_side(look=look, **changed)


def harbor_side(visibility: Visibility = Visibility.PRIVATE, **changed: Any) -> RegistryEvidence:
    """A Harbor that team-a may pull from."""
    look = snapshot(seen(visibility=visibility), verdicts=[verdict(), ASKS])
    whole = RegistryEvidence(
        dossier=dossier(condition()),
        look=look.model_copy(update={"robots": robots(robot(1, "team"))}),
        space=space(observed=visibility),
        binding=binding(effective_at=NOW),
        grants=(grant(1, "team"),),
        accepted=True,
    )
    return whole.model_copy(update=changed)


def harbor_look(*verdicts: Verdict, **changed: Any) -> Any:
    """The look of `harbor_side`, with something changed."""
    more = {"verdicts": verdicts, **changed} if verdicts else changed
    return harbor_side().look.model_copy(update=more)


def gone_harbor(**changed: Any) -> RegistryEvidence:
    """The same, out of reach."""
    silent = verdict(status=Status.FALSE, reason=Reason.TIMED_OUT, message="no answer in time")
    look = harbor_look(silent, spaces=UNREACHABLE, robots=UNREACHABLE)
    return harbor_side(look=look, accepted=None, **changed)


def docker_side(
    *verdicts: Verdict, pull_user: bool = True, public: bool = False, **changed: Any
) -> RegistryEvidence:
    """A Docker Registry with a pull-only user, which team-a is bound to."""
    desired = Visibility.PUBLIC if public else None
    of = registry(Kind.DOCKER).model_copy(
        update={"pull_credential": BlockRef(name="puller") if pull_user else None}
    )
    whole = RegistryEvidence(
        dossier=dossier(condition(), of=of),
        look=snapshot(seen(id=None, visibility=None), verdicts=verdicts or (verdict(), ASKS)),
        space=space(id=None, observed=None, desired=desired),
        binding=binding(),
        accepted=True if pull_user else None,
    )
    return whole.model_copy(update=changed)


def docker_cluster(**changed: Any) -> ClusterEvidence:
    """The cluster's side of it."""
    held = (login(robot_id=None, account="puller"),)
    return cluster_side(**{"delivery": delivery(logins=held), "due": due(*held), **changed})


def evidence(
    side: ClusterEvidence | None = None,
    registry_side: RegistryEvidence | None = None,
    **changed: Any,
) -> Evidence:
    """Both sides; without a registry side it is the Harbor that is well."""
    whole = Evidence(
        question=QUESTION,
        at=NOW,
        cluster=side or cluster_side(),
        registry=registry_side or harbor_side(),
        known=("prod", "docker-dev"),
    )
    return whole.model_copy(update=changed)


def link_of(told: Explanation, name: LinkName) -> ChainLink:
    return next(one for one in told.links if one.name is name)
