"""Explain why a namespace can or cannot pull from a space, with a sequence of checks."""

from models.access.explain.cluster_checks import (
    cluster_check,
    namespace_check,
    pull_secret_check,
    workspace_check,
)
from models.access.explain.evidence import Evidence
from models.access.explain.explanation import Explanation, conclude
from models.access.explain.registry_checks import (
    binding_check,
    registry_check,
    robot_check,
    space_check,
)
from models.access.explain.service_account_checks import service_account_check
from models.clusters.service_account_choice import ALL_ACCOUNTS
from models.core.plural import add_article

_CHECKS = (
    cluster_check,
    namespace_check,
    workspace_check,
    registry_check,
    space_check,
    binding_check,
    robot_check,
    pull_secret_check,
    service_account_check,
)


def explain(evidence: Evidence) -> Explanation:
    """Run all checks and return the explanation."""
    checks = tuple(check(evidence) for check in _CHECKS)
    return conclude(evidence.question, evidence.at, checks, _notes(evidence))


def _notes(evidence: Evidence) -> tuple[str, ...]:
    notes = []
    registry = evidence.registry
    if registry is not None and not registry.capabilities.enforces_privacy:
        notes.append(
            f"Privacy is advisory: {add_article(registry.capabilities.label)} has no permissions "
            "per space. Any client with its pull-only user can pull all spaces; if no login is "
            "required, any client can."
        )
        lacks_binding = not registry.is_bound and not evidence.no_binding_needed
        if lacks_binding and _is_recorded(evidence, registry.name):
            notes.append(
                "The namespace has the registry's login because of another space, so a pull would "
                "succeed without a binding to this one."
            )
    if not evidence.no_login_needed and evidence.cluster.cluster.links_accounts:
        notes += _pod_notes(evidence)
    notes.append("Whether the image itself exists in the space was not checked.")
    return tuple(notes)


def _pod_notes(evidence: Evidence) -> tuple[str, ...]:
    if evidence.question.pod:
        return ()
    if evidence.question.service_account or evidence.cluster.choice.text == ALL_ACCOUNTS:
        return (
            "Pods created before the pull secret was added to their ServiceAccount, and pods that "
            "list imagePullSecrets of their own, do not have it. Ask with the name of a pod.",
        )
    return (
        "Pods that use another ServiceAccount, and pods created before the pull secret was added "
        "to it, need the pull secret in their own imagePullSecrets. Ask with service_account or "
        "pod to check them.",
    )


def _is_recorded(evidence: Evidence, registry: str) -> bool:
    pull_secret = evidence.cluster.pull_secret_status
    return pull_secret is not None and any(
        login.registry == registry for login in pull_secret.logins
    )
