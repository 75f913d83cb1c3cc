"""Explain why a namespace can, or cannot, pull from a space: link after link."""

from models.access.explain.cluster_checks import (
    cluster_check,
    namespace_check,
    pull_secret_check,
    service_account_check,
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
from models.registries.registry import Privacy

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
    """Ask link after link, and conclude."""
    links = tuple(link(evidence) for link in _CHECKS)
    return conclude(evidence.question, evidence.at, links, _notes(evidence))


def _notes(evidence: Evidence) -> tuple[str, ...]:
    notes = []
    registry = evidence.registry
    if registry is not None and registry.record.registry.privacy is Privacy.ADVISORY:
        notes.append(
            "Privacy is advisory here: a Docker Registry knows no rights for single spaces. Who "
            "holds its pull-only user, or any user if it asks for none, can pull everything."
        )
        lacks_binding = not registry.is_bound and not evidence.no_binding_needed
        if lacks_binding and _is_recorded(evidence, registry.name):
            notes.append(
                "The namespace holds the registry's login for another space, so that a pull would "
                "succeed although nobody bound this one."
            )
    if not evidence.no_login_needed and evidence.cluster.cluster.links_accounts:
        notes.append(
            "Pods that run as another ServiceAccount than the default one, and pods that were "
            "created before it was linked, must name the pull secret themselves."
        )
    notes.append("Whether the image itself is in the space was not asked.")
    return tuple(notes)


def _is_recorded(evidence: Evidence, registry: str) -> bool:
    pull_secret = evidence.cluster.pull_secret_status
    return pull_secret is not None and any(
        login.registry == registry for login in pull_secret.logins
    )
