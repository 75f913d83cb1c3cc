"""The links on the registry's side: is it well, and is the space there, bound and granted?"""

from models.access.binding import Binding
from models.access.explain.evidence import Evidence, RegistryEvidence
from models.access.explain.explanation import ChainLink, LinkName, depends, fails, holds, unsure
from models.core.availability import Seen, Unseen
from models.core.reasons import Reason
from models.registries.condition import ConditionType, Health, Status, Verdict
from models.registries.robots import Grant, ObservedRobot

_FATAL = (
    ConditionType.REACHABLE,
    ConditionType.TLS_TRUSTED,
    ConditionType.SUPPORTED,
    ConditionType.AUTHENTICATED,
    ConditionType.SERVING,
)
_NO_CATALOG = (Reason.CATALOG_DISABLED, Reason.CATALOG_FORBIDDEN)


def registry_link(evidence: Evidence) -> ChainLink:
    """Is the registry known here, and does it serve?"""
    found, name = evidence.registry, LinkName.REGISTRY
    if found is None:
        there = ", ".join(evidence.known[:20]) or "none yet"
        said = f"no registry here has this name or host, so nothing is known; known are: {there}"
        fix = "write one of those, or run integrate-registry with its address"
        return unsure(name, said, fix)
    broken, at = _broken(found), found.look.taken_at
    if broken is None:
        told = found.dossier.diagnosis
        but = "" if told.health is Health.HEALTHY else f"; on record {told.health}: {told.message}"
        return holds(name, f"it answers{but}", at)
    said = f"{broken.message} ({broken.reason})"
    if broken.type is ConditionType.SERVING:
        return fails(name, said, _mend(found), at)
    return unsure(name, said, _mend(found), at)


def _broken(found: RegistryEvidence) -> Verdict | None:
    """Return what was just found to be wrong with it; being read-only stops no pull."""
    wrong = (one for one in found.look.verdicts if one.status is Status.FALSE)
    return next((one for one in wrong if one.type in _FATAL), None)


def _mend(found: RegistryEvidence) -> str:
    broken = _broken(found)
    advice = f"{broken.advice}; " if broken is not None and broken.advice else ""
    return (
        f"{advice}see what is wrong with {found.name} in the artifact registry-{found.name}; if "
        f'its address or its credentials changed, run update-registry with name="{found.name}"'
    )


def space_link(evidence: Evidence) -> ChainLink:
    """Is the space there, and is it public?"""
    found, name, space = evidence.registry, LinkName.SPACE, evidence.question.space
    if found is None:
        return depends(name, LinkName.REGISTRY)
    visibility = found.visibility(space)
    if isinstance(found.look.spaces, Unseen):
        return _unlisted(found, found.look.spaces, str(visibility))
    at = found.look.taken_at
    if found.seen(space) is not None:
        return holds(name, f"it is there, and {visibility}", at)
    if found.space is not None and found.space.declared:
        if not found.harbor:
            return holds(name, f"it is known here, {visibility}; nothing was pushed yet", at)
        fix = f'run reconcile-registry with name="{found.name}", which creates it'
        return fails(name, "it was asked for here and is not made yet", fix, at)
    fix = (
        f'check the spelling; if it is new, run create-space with registry="{found.name}", '
        f'names=["{space}"]'
    )
    return fails(name, "it is not in the registry", fix, at)


def _unlisted(found: RegistryEvidence, why: Unseen, visibility: str) -> ChainLink:
    name, at = LinkName.SPACE, found.dossier.spaces_read_at
    if found.space is None:
        said = f"the spaces could not be listed ({why.reason}), and it is not on record"
        return unsure(name, said, _mend(found), at)
    if why.reason in _NO_CATALOG and not found.harbor:
        return holds(name, f"it is known here, {visibility}; the registry has no catalog", at)
    said = f"the spaces could not be listed ({why.reason}); on record it is {visibility}"
    return unsure(name, said, _mend(found), at)


def binding_link(evidence: Evidence) -> ChainLink:
    """Is the workspace bound to the space?"""
    found, name = evidence.registry, LinkName.BINDING
    if found is None:
        return depends(name, LinkName.REGISTRY)
    if evidence.unbound:
        return holds(name, evidence.unbound)
    workspace = evidence.cluster.workspace
    if workspace is None:
        return depends(name, LinkName.WORKSPACE)
    if found.binding is not None:
        return _bound(evidence, found.binding)
    said, fix = f"{workspace} is not bound to it", _bind(evidence, workspace)
    if evidence.cluster.out_of_reach:
        return unsure(name, f"{said}, and it was the namespace's workspace when last seen", fix)
    return fails(name, said, fix, evidence.at)


def _bound(evidence: Evidence, binding: Binding) -> ChainLink:
    if binding.is_held:
        fix = _resolve(evidence, binding.workspace)
        return fails(LinkName.BINDING, f"held: {binding.held_reason}", fix, binding.held_since)
    return holds(LinkName.BINDING, f"{binding.workspace} is bound to it", binding.bound_at)


def _bind(evidence: Evidence, workspace: str) -> str:
    question = evidence.question
    return (
        f'run bind-space with registry="{question.registry}", spaces=["{question.space}"], '
        f'workspaces=["{workspace}"]'
    )


def _resolve(evidence: Evidence, workspace: str) -> str:
    question = evidence.question
    return (
        f"if {workspace} may pull what is there now, run resolve-held-bindings with "
        f'registry="{question.registry}", spaces=["{question.space}"], '
        f'workspaces=["{workspace}"], action="restore"; if not, with action="drop"'
    )


def grant_link(evidence: Evidence) -> ChainLink:
    """May the workspace's robot account, or the pull-only user, pull it?"""
    found, name = evidence.registry, LinkName.GRANT
    if found is None:
        return depends(name, LinkName.REGISTRY)
    if evidence.free:
        return holds(name, evidence.free)
    return _robot_account(evidence, found) if found.harbor else _pull_user(found)


def _robot_account(evidence: Evidence, found: RegistryEvidence) -> ChainLink:
    name = LinkName.GRANT
    if evidence.cluster.workspace is None:
        return depends(name, LinkName.WORKSPACE)
    if found.grant is None:
        why = f": {found.failure}" if found.failure else ""
        said = f"{evidence.cluster.workspace} has no robot account there{why}"
        unbound = f"{_bind(evidence, evidence.cluster.workspace)}, which makes it"
        return fails(name, said, _grant_fix(evidence, found, unbound))
    if isinstance(found.look.robots, Seen):
        return _robot(evidence, found, found.grant, found.look.robots.items)
    may = "may" if evidence.question.space in found.grant.spaces else "may not"
    said = (
        f"the robot accounts could not be listed ({found.look.robots.reason}); on record "
        f"{found.grant.login} {may} pull it"
    )
    return unsure(name, said, _mend(found), found.dossier.track.looked_at)


def _robot(
    evidence: Evidence,
    found: RegistryEvidence,
    grant: Grant,
    robots: tuple[ObservedRobot, ...],
) -> ChainLink:
    robot = next((one for one in robots if one.id == grant.robot_id), None)
    name, at = LinkName.GRANT, found.look.taken_at
    if robot is None:
        said = f"the robot account {grant.login} was deleted in the registry"
        return fails(name, said, _reconcile(found), at)
    if robot.disabled:
        said = f"the robot account {robot.login} is disabled in the registry"
        return fails(name, said, _reconcile(found), at)
    if evidence.question.space not in robot.spaces:
        why = f" ({found.failure})" if found.failure else ""
        said = f"the robot account {robot.login} may pull {len(robot.spaces)} spaces, not this{why}"
        unbound = f"{_bind(evidence, grant.workspace)}, which grants it"
        return fails(name, said, _grant_fix(evidence, found, unbound), at)
    if found.accepted is False:
        said = f"the registry refuses the secret of {robot.login}: it was changed there"
        fix = f'run rotate-credentials with registry="{found.name}", workspace="{grant.workspace}"'
        return fails(name, said, fix, at)
    proved = ", and its secret is accepted" if found.accepted else ""
    return holds(name, f"the robot account {robot.login} may pull it{proved}", at)


def _grant_fix(evidence: Evidence, found: RegistryEvidence, unbound: str) -> str:
    """Return what to do about a missing right: it depends on whether there is a binding."""
    if found.binding is None:
        return unbound
    if found.binding.is_held:
        return _resolve(evidence, found.binding.workspace)
    return _reconcile(found)


def _reconcile(found: RegistryEvidence) -> str:
    return f'run reconcile-registry with name="{found.name}", which sets it right'


def _pull_user(found: RegistryEvidence) -> ChainLink:
    name, at, asks = LinkName.GRANT, found.look.taken_at, found.asks()
    reference = found.dossier.registry.pull_credential
    if reference is None:
        fix = (
            "save a pull-only user as a registry-credentials block, and run update-registry with "
            f'name="{found.name}" and that block as pull_credentials'
        )
        said = "no pull-only user is given, so that namespaces receive no login"
        if asks is None:
            return unsure(name, f"{said}; whether one is needed could not be asked", fix, at)
        return fails(name, f"{said}, and the registry asks for one", fix, at)
    user = f"the pull-only user of the block {reference.name}"
    if found.accepted is False:
        fix = f"put the right password into the block registry-credentials/{reference.name}"
        return fails(name, f"the registry refuses {user}", fix, at)
    if found.accepted is None and asks is None:
        return unsure(name, f"{user} is given; it could not be tried", _mend(found), at)
    return holds(name, f"{user} is {'accepted' if found.accepted else 'given'}", at)
