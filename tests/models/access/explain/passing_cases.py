"""Chains in which every link holds: the world, and what is said of one of them."""

from datetime import timedelta

from models.access.explain.evidence import Evidence
from tests.models.access.explain.explain_builders import (
    ASKS,
    OPEN,
    cluster_side,
    docker_cluster,
    docker_side,
    evidence,
    harbor_look,
    harbor_side,
    looked,
)
from tests.support.access_builders import (
    account,
    cluster,
    due,
    grant,
    login,
    namespace,
    robot,
    robots,
)
from tests.support.access_builders import cluster_snapshot as looking
from tests.support.builders import NOW, PUBLIC, snapshot, space, verdict

FINE: dict[str, tuple[Evidence, str]] = {
    "all is well": (evidence(), "its secret is accepted"),
    "public": (
        evidence(
            cluster_side(namespace=namespace(workspace=None), due=None, delivery=None),
            harbor_side(PUBLIC, binding=None, grants=(), accepted=None),
        ),
        "Harbor lets everybody pull",
    ),
    "pods name the secret": (
        evidence(
            cluster_side(
                cluster=cluster(links_accounts=False),
                look=looked(accounts=looking((), (), [account(linked=False)]).accounts),
            )
        ),
        "the pod must name the Secret",
    ),
    "another registry's login is behind": (
        evidence(cluster_side(due=due(login(), login("other"), fingerprint="new"))),
        "the next sync renews it",
    ),
    "the older robot account still serves": (
        evidence(
            cluster_side(due=due(login(robot_id=2), fingerprint="new")),
            harbor_side(
                grants=(grant(1, "team"), grant(2, "team", made_at=NOW + timedelta(hours=1))),
                look=harbor_look(robots=robots(robot(1, "team"), robot(2, "team"))),
            ),
        ),
        "the next sync renews it",
    ),
    "Docker": (evidence(docker_cluster(), docker_side()), "puller is accepted"),
    "Docker, public": (
        evidence(
            docker_cluster(namespace=namespace(workspace=None)),
            docker_side(public=True, binding=None),
        ),
        "every namespace of the platform may pull",
    ),
    "Docker, open to all": (
        evidence(
            docker_cluster(due=None, delivery=None, look=looked(secrets=looking().secrets)),
            docker_side(verdict(), OPEN, pull_user=False),
        ),
        "asks for no login",
    ),
    "Docker, nothing pushed yet": (
        evidence(
            docker_cluster(),
            docker_side(
                space=space(id=None, observed=None, declared=True), look=snapshot(verdicts=[ASKS])
            ),
        ),
        "nothing was pushed yet",
    ),
}
