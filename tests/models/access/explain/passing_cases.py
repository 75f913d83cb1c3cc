"""Cases in which all checks pass: the evidence, and the message of one check."""

from datetime import timedelta

from models.access.explain.evidence import Evidence
from models.core.reasons import Reason
from tests.models.access.explain.explain_builders import (
    LOGIN_REQUIRED,
    OPEN,
    cluster_observation,
    cluster_side,
    docker_cluster,
    docker_side,
    evidence,
    harbor_observation,
    harbor_side,
)
from tests.support.access_builders import (
    cluster,
    desired_pull_secret,
    login,
    namespace,
    robot,
    robot_account,
    robots,
    service_account,
)
from tests.support.access_builders import cluster_snapshot as looking
from tests.support.builders import NOW, PUBLIC, check_result, snapshot, space

PASSING: dict[str, tuple[Evidence, str]] = {
    "all is well": (evidence(), "its secret is accepted"),
    "public": (
        evidence(
            cluster_side(
                namespace=namespace(workspace=None), desired=None, pull_secret_status=None
            ),
            harbor_side(PUBLIC, binding=None, robots=(), login_accepted=None),
        ),
        "Harbor requires no login",
    ),
    "label misspelled": (
        evidence(
            cluster_side(
                namespace=namespace(
                    problem=Reason.WORKSPACE_NAME_INVALID, message="stays until 12:00 UTC"
                )
            )
        ),
        "it belongs to team-a, by label; stays until 12:00 UTC",
    ),
    "pods name the secret": (
        evidence(
            cluster_side(
                cluster=cluster(links_accounts=False),
                snapshot=cluster_observation(
                    service_accounts=looking(
                        (), (), [service_account(linked=False)]
                    ).service_accounts
                ),
            )
        ),
        "pods need the Secret",
    ),
    "another registry's login is behind": (
        evidence(
            cluster_side(desired=desired_pull_secret(login(), login("other"), fingerprint="new"))
        ),
        "the next sync updates it",
    ),
    "the older robot account still serves": (
        evidence(
            cluster_side(desired=desired_pull_secret(login(robot_id=2), fingerprint="new")),
            harbor_side(
                robots=(
                    robot_account(1, "team"),
                    robot_account(2, "team", made_at=NOW + timedelta(hours=1)),
                ),
                snapshot=harbor_observation(robots=robots(robot(1, "team"), robot(2, "team"))),
            ),
        ),
        "the next sync updates it",
    ),
    "Docker": (evidence(docker_cluster(), docker_side()), "puller is accepted"),
    "Docker, public": (
        evidence(
            docker_cluster(namespace=namespace(workspace=None)),
            docker_side(public=True, binding=None),
        ),
        "all namespaces can pull",
    ),
    "Docker, open to all": (
        evidence(
            docker_cluster(
                desired=None,
                pull_secret_status=None,
                snapshot=cluster_observation(secrets=looking().secrets),
            ),
            docker_side(check_result(), OPEN, pull_user=False),
        ),
        "requires no login",
    ),
    "Docker, nothing pushed yet": (
        evidence(
            docker_cluster(),
            docker_side(
                space=space(id=None, observed=None, declared=True),
                snapshot=snapshot(verdicts=[LOGIN_REQUIRED]),
            ),
        ),
        "nothing was pushed yet",
    ),
}
