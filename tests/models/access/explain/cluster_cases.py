"""Chains that do not hold on the cluster's side: the world, the link, the answer, what to do."""

from models.access.explain.evidence import Evidence
from models.access.explain.explanation import Answer, LinkName
from models.clusters.pull_secret import LARGEST, DeliveryStatus
from models.core.availability import Unseen
from models.core.reasons import Reason
from tests.models.access.explain.explain_builders import cluster_side, cut_off, evidence, looked
from tests.support.access_builders import account, delivery, due, login, namespace, secret
from tests.support.access_builders import cluster_snapshot as looking

YES, NO, UNKNOWN = Answer.YES, Answer.NO, Answer.UNKNOWN
FORBIDDEN = Unseen(reason=Reason.FORBIDDEN, message="the right to get secrets is missing")

CLUSTER: dict[str, tuple[Evidence, LinkName, Answer, str]] = {
    "cluster out of reach": (
        evidence(cut_off()),
        LinkName.CLUSTER,
        UNKNOWN,
        'register-cluster with name="eu"',
    ),
    "namespace not there": (
        evidence(cluster_side(look=looking(), namespace=None, delivery=None, due=None)),
        LinkName.NAMESPACE,
        NO,
        "create it",
    ),
    "namespace being deleted": (
        evidence(cluster_side(namespace=namespace(terminating=True))),
        LinkName.NAMESPACE,
        NO,
        "wait",
    ),
    "no workspace": (
        evidence(cluster_side(namespace=namespace(workspace=None), due=None)),
        LinkName.WORKSPACE,
        NO,
        "label the namespace with registry-integration.io/workspace=<workspace>",
    ),
    "two workspaces": (
        evidence(
            cluster_side(
                namespace=namespace(workspace=None, problem=Reason.WORKSPACE_CONFLICT), due=None
            )
        ),
        LinkName.WORKSPACE,
        NO,
        "name one workspace",
    ),
    "no pull secret": (
        evidence(cluster_side(look=looked(secrets=looking().secrets), delivery=None)),
        LinkName.PULL_SECRET,
        NO,
        'sync-namespaces with only=["eu"]',
    ),
    "foreign secret": (
        evidence(cluster_side(look=looked(secrets=looking((), [secret(ours=False)]).secrets))),
        LinkName.PULL_SECRET,
        NO,
        "delete or rename the Secret registry-integration",
    ),
    "edited by hand": (
        evidence(cluster_side(look=looked(secrets=looking((), [secret(fingerprint="x")]).secrets))),
        LinkName.PULL_SECRET,
        NO,
        "sync-namespaces",
    ),
    "not delivered yet": (
        evidence(
            cluster_side(
                look=looked(secrets=looking().secrets),
                delivery=delivery(
                    status=DeliveryStatus.PENDING,
                    reason=Reason.FORBIDDEN,
                    message="the right to patch secrets is missing",
                    logins=(),
                    fingerprint="",
                ),
            )
        ),
        LinkName.PULL_SECRET,
        NO,
        "sync-namespaces",
    ),
    "too large": (
        evidence(
            cluster_side(
                look=looked(secrets=looking().secrets),
                due=due(size=LARGEST + 1, fingerprint="big"),
            )
        ),
        LinkName.PULL_SECRET,
        NO,
        "unbind-space",
    ),
    "login not due yet": (
        evidence(cluster_side(due=due(login("other"), fingerprint="new"), delivery=None)),
        LinkName.PULL_SECRET,
        NO,
        "see grant and binding",
    ),
    "secrets may not be read": (
        evidence(cluster_side(look=looked(secrets=FORBIDDEN))),
        LinkName.PULL_SECRET,
        UNKNOWN,
        "the right to get secrets is missing",
    ),
    "what is due is not known": (
        evidence(
            cluster_side(
                due=None,
                due_unknown="the key in force is another one",
                look=looked(secrets=looking((), [secret(fingerprint="other")]).secrets),
            )
        ),
        LinkName.PULL_SECRET,
        UNKNOWN,
        "mend that",
    ),
    "account not linked": (
        evidence(
            cluster_side(look=looked(accounts=looking((), (), [account(linked=False)]).accounts))
        ),
        LinkName.SERVICE_ACCOUNT,
        NO,
        "sync-namespaces",
    ),
    "no account": (
        evidence(cluster_side(look=looked(accounts=looking().accounts))),
        LinkName.SERVICE_ACCOUNT,
        NO,
        "wait a moment",
    ),
    "accounts may not be read": (
        evidence(cluster_side(look=looked(accounts=FORBIDDEN))),
        LinkName.SERVICE_ACCOUNT,
        UNKNOWN,
        "is missing",
    ),
}
