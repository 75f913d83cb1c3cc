"""Cases with a failed check of the cluster: the evidence, the check, the answer, the fix."""

from models.access.explain.evidence import Evidence
from models.access.explain.explanation import AccessCheckName, Answer
from models.clusters.pull_secret import MAX_SECRET_BYTES, PullSecretState
from models.core.availability import Unavailable
from models.core.reasons import Reason
from tests.models.access.explain.explain_builders import (
    cluster_observation,
    cluster_side,
    evidence,
    unreachable_cluster,
)
from tests.support.access_builders import cluster_snapshot as looking
from tests.support.access_builders import (
    desired_pull_secret,
    login,
    namespace,
    pull_secret_status,
    secret,
    service_account,
)

YES, NO, UNKNOWN = Answer.YES, Answer.NO, Answer.UNKNOWN
DENIED = pull_secret_status(
    status=PullSecretState.PENDING,
    reason=Reason.ADMISSION_DENIED,
    message="policy P denied it; ask its owner",
    logins=(),
    fingerprint="",
)
FORBIDDEN = Unavailable(reason=Reason.FORBIDDEN, message="the right to get secrets is missing")

CLUSTER: dict[str, tuple[Evidence, AccessCheckName, Answer, str]] = {
    "cluster out of reach": (
        evidence(unreachable_cluster()),
        AccessCheckName.CLUSTER,
        UNKNOWN,
        'register-cluster with name="eu"',
    ),
    "namespace not there": (
        evidence(
            cluster_side(snapshot=looking(), namespace=None, pull_secret_status=None, desired=None)
        ),
        AccessCheckName.NAMESPACE,
        NO,
        "create it",
    ),
    "namespace being deleted": (
        evidence(cluster_side(namespace=namespace(terminating=True))),
        AccessCheckName.NAMESPACE,
        NO,
        "wait",
    ),
    "no workspace": (
        evidence(cluster_side(namespace=namespace(workspace=None), desired=None)),
        AccessCheckName.WORKSPACE,
        NO,
        "label the namespace with registry-integration.io/workspace=<workspace>",
    ),
    "two workspaces": (
        evidence(
            cluster_side(
                namespace=namespace(workspace=None, problem=Reason.WORKSPACE_CONFLICT), desired=None
            )
        ),
        AccessCheckName.WORKSPACE,
        NO,
        "assign one workspace",
    ),
    "no pull secret": (
        evidence(
            cluster_side(
                snapshot=cluster_observation(secrets=looking().secrets), pull_secret_status=None
            )
        ),
        AccessCheckName.PULL_SECRET,
        NO,
        'sync-namespaces with only=["eu"]',
    ),
    "foreign secret": (
        evidence(
            cluster_side(
                snapshot=cluster_observation(secrets=looking((), [secret(ours=False)]).secrets)
            )
        ),
        AccessCheckName.PULL_SECRET,
        NO,
        "delete or rename the Secret registry-integration",
    ),
    "secret of another installation": (
        evidence(
            cluster_side(
                snapshot=cluster_observation(
                    secrets=looking((), [secret(ours=False, installation="two")]).secrets
                )
            )
        ),
        AccessCheckName.PULL_SECRET,
        NO,
        "assign the namespace to a workspace in only one of the two installations",
    ),
    "edited by hand": (
        evidence(
            cluster_side(
                snapshot=cluster_observation(secrets=looking((), [secret(fingerprint="x")]).secrets)
            )
        ),
        AccessCheckName.PULL_SECRET,
        NO,
        "sync-namespaces",
    ),
    "not delivered yet": (
        evidence(
            cluster_side(
                snapshot=cluster_observation(secrets=looking().secrets),
                pull_secret_status=pull_secret_status(
                    status=PullSecretState.PENDING,
                    reason=Reason.FORBIDDEN,
                    message="the right to patch secrets is missing",
                    logins=(),
                    fingerprint="",
                ),
            )
        ),
        AccessCheckName.PULL_SECRET,
        NO,
        "the right to patch secrets is missing. The next sync after that tries again",
    ),
    "denied by a policy": (
        evidence(
            cluster_side(
                snapshot=cluster_observation(secrets=looking().secrets),
                pull_secret_status=DENIED,
            )
        ),
        AccessCheckName.PULL_SECRET,
        NO,
        "policy P denied it; ask its owner. The next sync after that tries again",
    ),
    "link denied by a policy": (
        evidence(
            cluster_side(
                snapshot=cluster_observation(
                    service_accounts=looking(
                        (), (), [service_account(linked=False)]
                    ).service_accounts
                ),
                pull_secret_status=DENIED.model_copy(update={"fingerprint": "print"}),
            )
        ),
        AccessCheckName.SERVICE_ACCOUNT,
        NO,
        "policy P denied it; ask its owner. The next sync after that tries again",
    ),
    "too large": (
        evidence(
            cluster_side(
                snapshot=cluster_observation(secrets=looking().secrets),
                desired=desired_pull_secret(size=MAX_SECRET_BYTES + 1, fingerprint="big"),
            )
        ),
        AccessCheckName.PULL_SECRET,
        NO,
        "unbind-space",
    ),
    "login not due yet": (
        evidence(
            cluster_side(
                desired=desired_pull_secret(login("other"), fingerprint="new"),
                pull_secret_status=None,
            )
        ),
        AccessCheckName.PULL_SECRET,
        NO,
        "see grant and binding",
    ),
    "secrets may not be read": (
        evidence(cluster_side(snapshot=cluster_observation(secrets=FORBIDDEN))),
        AccessCheckName.PULL_SECRET,
        UNKNOWN,
        "the right to get secrets is missing",
    ),
    "what is due is not known": (
        evidence(
            cluster_side(
                desired=None,
                desired_error="the key in force is another one",
                snapshot=cluster_observation(
                    secrets=looking((), [secret(fingerprint="other")]).secrets
                ),
            )
        ),
        AccessCheckName.PULL_SECRET,
        UNKNOWN,
        "fix this error",
    ),
    "account not linked": (
        evidence(
            cluster_side(
                snapshot=cluster_observation(
                    service_accounts=looking(
                        (), (), [service_account(linked=False)]
                    ).service_accounts
                )
            )
        ),
        AccessCheckName.SERVICE_ACCOUNT,
        NO,
        "sync-namespaces",
    ),
    "no account": (
        evidence(
            cluster_side(snapshot=cluster_observation(service_accounts=looking().service_accounts))
        ),
        AccessCheckName.SERVICE_ACCOUNT,
        NO,
        "wait a moment",
    ),
    "accounts may not be read": (
        evidence(cluster_side(snapshot=cluster_observation(service_accounts=FORBIDDEN))),
        AccessCheckName.SERVICE_ACCOUNT,
        UNKNOWN,
        "is missing",
    ),
}
