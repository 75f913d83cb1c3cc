"""Explain why a namespace can, or cannot, pull from a space: link after link."""

from models.access.explain.cluster_checks import (
    account_link,
    cluster_link,
    namespace_link,
    secret_link,
    workspace_link,
)
from models.access.explain.evidence import Evidence
from models.access.explain.explanation import Explanation, concluded
from models.access.explain.registry_checks import (
    binding_link,
    grant_link,
    registry_link,
    space_link,
)
from models.registries.registry import Privacy

_LINKS = (
    cluster_link,
    namespace_link,
    workspace_link,
    registry_link,
    space_link,
    binding_link,
    grant_link,
    secret_link,
    account_link,
)


def explain(evidence: Evidence) -> Explanation:
    """Ask link after link, and conclude."""
    links = tuple(link(evidence) for link in _LINKS)
    return concluded(evidence.question, evidence.at, links, _notes(evidence))


def _notes(evidence: Evidence) -> tuple[str, ...]:
    told = []
    found = evidence.registry
    if found is not None and found.dossier.registry.privacy is Privacy.ADVISORY:
        told.append(
            "Privacy is advisory here: a Docker Registry knows no rights for single spaces. Who "
            "holds its pull-only user, or any user if it asks for none, can pull everything."
        )
        if not found.is_bound and not evidence.unbound and _holds(evidence, found.name):
            told.append(
                "The namespace holds the registry's login for another space, so that a pull would "
                "succeed although nobody bound this one."
            )
    if not evidence.free and evidence.cluster.cluster.links_accounts:
        told.append(
            "Pods that run as another ServiceAccount than the default one, and pods that were "
            "created before it was linked, must name the pull secret themselves."
        )
    told.append("Whether the image itself is in the space was not asked.")
    return tuple(told)


def _holds(evidence: Evidence, registry: str) -> bool:
    left = evidence.cluster.delivery
    return left is not None and any(login.registry == registry for login in left.logins)
