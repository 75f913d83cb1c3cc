"""Whether pods receive the pull secret: by their ServiceAccount, or as they are."""

import pytest

from models.access.explain.checks import explain
from models.access.explain.evidence import Evidence
from models.access.explain.explanation import AccessCheck, AccessCheckName, Answer
from models.clusters.cluster import ObservedPod, ObservedServiceAccount
from models.clusters.pull_secret import PullSecretState
from models.clusters.service_account_choice import ServiceAccountChoice
from models.core.availability import Complete, Unavailable
from models.core.reasons import Reason
from tests.models.access.explain.explain_builders import (
    QUESTION,
    cluster_observation,
    cluster_side,
    evidence,
    link_of,
)
from tests.support.access_builders import cluster, namespace, pull_secret_status, service_account

YES, NO, UNKNOWN = Answer.YES, Answer.NO, Answer.UNKNOWN
OURS = "registry-integration"
DEFAULT, ALL = ServiceAccountChoice(), ServiceAccountChoice(text="all")
WEB = ServiceAccountChoice(text="app=web")
FORBIDDEN = Unavailable(reason=Reason.FORBIDDEN, message="may not get: grant it")


def account(name: str = "web", *, linked: bool = True) -> ObservedServiceAccount:
    return service_account(name=name, labels={"app": name}, linked=linked)


def ask(
    *accounts: ObservedServiceAccount,
    choice: ServiceAccountChoice = DEFAULT,
    name: str = "web",
    pod: ObservedPod | Unavailable | tuple[ObservedPod, ...] | None = None,
    **overrides: object,
) -> Evidence:
    pods = (pod,) if isinstance(pod, ObservedPod) else pod
    section = Complete[ObservedPod](items=pods) if isinstance(pods, tuple) else pods
    side = cluster_side(
        snapshot=cluster_observation(
            service_accounts=Complete[ObservedServiceAccount](items=accounts)
        ),
        choice=choice,
        service_account=name,
        pod=section,
        **overrides,
    )
    update = {"service_account": name, "pod": "web-1" if pod is not None else ""}
    return evidence(side, question=QUESTION.model_copy(update=update))


def check(case: Evidence) -> AccessCheck:
    explanation = explain(case)
    result = link_of(explanation, AccessCheckName.SERVICE_ACCOUNT)
    assert bool(result.fix) == (result.answer is not YES)
    assert explanation.answer is result.answer
    return result


def pod(*pull_secrets: str, account: str = "web") -> ObservedPod:
    return ObservedPod(name="web-1", service_account=account, pull_secrets=pull_secrets)


CASES = {
    "chosen and linked": (ask(account(), choice=ALL), YES, "web include it", ""),
    "linked by hand": (ask(account()), YES, "web include it", ""),
    "not chosen": (
        ask(account(linked=False)),
        NO,
        'the choice is "default"',
        'update-workspace with name="team-a" and service_accounts="all"',
    ),
    "labels do not match": (
        ask(account("db", linked=False), choice=WEB, name="db"),
        NO,
        'the choice is "app=web"',
        "update-workspace",
    ),
    "chosen and not linked": (
        ask(account(linked=False), choice=ALL),
        NO,
        "web do not include registry-integration",
        "run sync-namespaces",
    ),
    "not there": (ask(choice=ALL), NO, "there is no ServiceAccount web", "check the name"),
    "all linked": (
        ask(account(), account("db"), choice=ServiceAccountChoice(text="app"), name=""),
        YES,
        "all 2 chosen ServiceAccounts include it",
        "",
    ),
    "one of all not linked": (
        ask(account(), account("db", linked=False), account("default"), choice=ALL, name=""),
        NO,
        "of 1 of 3 chosen ServiceAccounts (db) do not include",
        "run sync-namespaces",
    ),
    "no account has the labels": (
        ask(account("db"), choice=WEB, name=""),
        NO,
        'has the labels "app=web"',
        "change the selector with update-workspace",
    ),
    "contested": (
        ask(
            account(linked=False),
            choice=ALL,
            pull_secret_status=pull_secret_status(
                status=PullSecretState.PENDING, reason=Reason.CONTESTED, message="argocd undoes it"
            ),
        ),
        NO,
        "do not include",
        "argocd undoes it. The next sync after that tries again",
    ),
    "pod has it": (ask(account(linked=False), pod=pod("x", OURS)), YES, "pod web-1 include it", ""),
    "pod is older": (
        ask(account(), choice=ALL, pod=pod()),
        NO,
        "although its ServiceAccount web has it",
        "delete the pod, so that it is created again",
    ),
    "pod lists its own": (
        ask(account(), choice=ALL, pod=pod("theirs")),
        NO,
        "(but theirs)",
        "add registry-integration to the imagePullSecrets of the pod template",
    ),
    "pod of an account that is not chosen": (
        ask(account(linked=False), pod=pod()),
        NO,
        "pod web-1: the ServiceAccount web is not among",
        "update-workspace",
    ),
    "no pod": (ask(account(), pod=()), NO, "there is no pod web-1", "check the name"),
    "pods may not be read": (
        ask(account(), pod=FORBIDDEN),
        UNKNOWN,
        "web-1 cannot be read: may not get",
        "ask with service_account instead of pod",
    ),
    "pod where accounts are not linked": (
        ask(account(linked=False), pod=pod(), cluster=cluster(links_accounts=False)),
        NO,
        "pod web-1 do not include",
        "pod template",
    ),
    "pod that has it where accounts are not linked": (
        ask(account(linked=False), pod=pod(OURS), cluster=cluster(links_accounts=False)),
        YES,
        "pod web-1 include it",
        "",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_pods(case: str) -> None:
    case_evidence, answer, message, fix = CASES[case]
    result = check(case_evidence)
    assert (result.answer, message in result.observation) == (answer, True), result
    assert fix in result.fix


def test_a_namespace_of_no_workspace_is_not_told_to_change_one() -> None:
    """It has the login of a registry with public spaces, and pods of another ServiceAccount."""
    explanation = explain(ask(account(linked=False), namespace=namespace(workspace=None)))
    result = link_of(explanation, AccessCheckName.SERVICE_ACCOUNT)
    assert "update-workspace" not in result.fix


@pytest.mark.parametrize(
    ("case", "advises_pod"), [("chosen and linked", True), ("pod has it", False)]
)
def test_a_pod_is_advised_unless_it_was_given(case: str, advises_pod: bool) -> None:
    notes = explain(CASES[case][0]).notes
    assert any("name of a pod" in note for note in notes) is advises_pod
