"""The checks of the registry: its health, the space, the binding and the robot account."""

from models.access.binding import Binding
from models.access.explain.evidence import Evidence, RegistryEvidence
from models.access.explain.explanation import (
    AccessCheck,
    AccessCheckName,
    blocked_check,
    failed_check,
    passed_check,
    unknown_check,
)
from models.core.availability import Complete, Unavailable
from models.core.plural import pluralize
from models.registries.condition import CheckResult, ConditionStatus, ConditionType, Health
from models.registries.registry import BlockRef
from models.registries.robots import ObservedRobot, RobotAccount

_FATAL_TYPES = (
    ConditionType.REACHABLE,
    ConditionType.TLS_TRUSTED,
    ConditionType.SUPPORTED,
    ConditionType.AUTHENTICATED,
    ConditionType.SERVING,
)


def registry_check(evidence: Evidence) -> AccessCheck:
    """Check that the registry is integrated and serves pulls."""
    registry, name = evidence.registry, AccessCheckName.REGISTRY
    if registry is None:
        registry_names = ", ".join(evidence.registry_names[:20]) or "none"
        message = f"no registry has this name or host; registries: {registry_names}"
        fix = "use one of these, or run integrate-registry with its address"
        return unknown_check(name, message, fix)
    failure, at = _fatal_check_result(registry), registry.snapshot.observed_at
    if failure is None:
        health = registry.record.health_summary
        suffix = (
            ""
            if health.health is Health.HEALTHY
            else f"; on record {health.health}: {health.message}"
        )
        return passed_check(name, f"reachable{suffix}", at)
    message = f"{failure.message} ({failure.reason})"
    if failure.type is ConditionType.SERVING:
        return failed_check(name, message, _repair_advice(registry), at)
    return unknown_check(name, message, _repair_advice(registry), at)


def _fatal_check_result(registry: RegistryEvidence) -> CheckResult | None:
    # Conditions that do not affect pulls, e.g. read-only mode, are not in _FATAL_TYPES.
    failures = (
        check for check in registry.snapshot.checks if check.status is ConditionStatus.FALSE
    )
    return next((check for check in failures if check.type in _FATAL_TYPES), None)


def _repair_advice(registry: RegistryEvidence) -> str:
    failure = _fatal_check_result(registry)
    advice = f"{failure.advice}; " if failure is not None and failure.advice else ""
    return (
        f"{advice}see the errors of {registry.name} in the artifact registry-{registry.name}; "
        "if its address or its credentials changed, run update-registry with "
        f'name="{registry.name}"'
    )


def space_check(evidence: Evidence) -> AccessCheck:
    """Check that the space exists; report its visibility."""
    registry, name, space = evidence.registry, AccessCheckName.SPACE, evidence.question.space
    if registry is None:
        return blocked_check(name, AccessCheckName.REGISTRY)
    visibility = registry.visibility(space)
    if isinstance(registry.snapshot.spaces, Unavailable):
        return _unlisted_space_check(registry, registry.snapshot.spaces, str(visibility))
    at = registry.snapshot.observed_at
    if registry.observed_space(space) is not None:
        return passed_check(name, f"it exists and is {visibility}", at)
    if registry.space is not None and registry.space.declared:
        if not registry.capabilities.stores_spaces:
            return passed_check(name, f"on record as {visibility}; nothing was pushed yet", at)
        fix = f'run reconcile-registry with name="{registry.name}", which creates it'
        return failed_check(name, "it was requested and is not created yet", fix, at)
    fix = (
        f'check the spelling; if it is new, run create-space with registry="{registry.name}", '
        f'names=["{space}"]'
    )
    return failed_check(name, "it does not exist in the registry", fix, at)


def _unlisted_space_check(
    registry: RegistryEvidence, why: Unavailable, visibility: str
) -> AccessCheck:
    name, at = AccessCheckName.SPACE, registry.record.spaces_read_at
    if registry.space is None:
        message = f"the spaces could not be listed ({why.reason}), and it is not on record"
        return unknown_check(name, message, _repair_advice(registry), at)
    if registry.snapshot.has_no_catalog and not registry.capabilities.stores_spaces:
        return passed_check(name, f"on record as {visibility}; the registry has no catalog", at)
    message = f"the spaces could not be listed ({why.reason}); on record it is {visibility}"
    return unknown_check(name, message, _repair_advice(registry), at)


def binding_check(evidence: Evidence) -> AccessCheck:
    """Check that the workspace is bound to the space."""
    registry, name = evidence.registry, AccessCheckName.BINDING
    if registry is None:
        return blocked_check(name, AccessCheckName.REGISTRY)
    if evidence.no_binding_needed:
        return passed_check(name, evidence.no_binding_needed)
    workspace = evidence.cluster.workspace
    if workspace is None:
        return blocked_check(name, AccessCheckName.WORKSPACE)
    if registry.binding is not None:
        return _existing_binding_check(evidence, registry.binding)
    message, fix = f"{workspace} is not bound to it", _bind_advice(evidence, workspace)
    if evidence.cluster.unavailable:
        return unknown_check(name, f"{message}; it is the namespace's workspace on record", fix)
    return failed_check(name, message, fix, evidence.at)


def _existing_binding_check(evidence: Evidence, binding: Binding) -> AccessCheck:
    if binding.is_held:
        fix = _resolve_advice(evidence, binding.workspace)
        return failed_check(
            AccessCheckName.BINDING, f"held: {binding.held_reason}", fix, binding.held_since
        )
    return passed_check(
        AccessCheckName.BINDING, f"{binding.workspace} is bound to it", binding.bound_at
    )


def _bind_advice(evidence: Evidence, workspace: str) -> str:
    question = evidence.question
    return (
        f'run bind-space with registry="{question.registry}", spaces=["{question.space}"], '
        f'workspaces=["{workspace}"]'
    )


def _resolve_advice(evidence: Evidence, workspace: str) -> str:
    question = evidence.question
    return (
        f"if {workspace} may pull the current space, run resolve-held-bindings with "
        f'registry="{question.registry}", spaces=["{question.space}"], '
        f'workspaces=["{workspace}"], action="restore"; if not, with action="drop"'
    )


def robot_check(evidence: Evidence) -> AccessCheck:
    """Check that the workspace's robot account, or the pull-only user, can pull the space."""
    registry, name = evidence.registry, AccessCheckName.ROBOT
    if registry is None:
        return blocked_check(name, AccessCheckName.REGISTRY)
    if evidence.no_login_needed:
        return passed_check(name, evidence.no_login_needed)
    return (
        _robot_account_check(evidence, registry)
        if registry.capabilities.has_robot_accounts
        else _pull_user_check(registry)
    )


def _robot_account_check(evidence: Evidence, registry: RegistryEvidence) -> AccessCheck:
    name = AccessCheckName.ROBOT
    if evidence.cluster.workspace is None:
        return blocked_check(name, AccessCheckName.WORKSPACE)
    if registry.current_robot is None:
        why = f": {registry.robot_failure}" if registry.robot_failure else ""
        message = f"{evidence.cluster.workspace} has no robot account in the registry{why}"
        bind_fix = f"{_bind_advice(evidence, evidence.cluster.workspace)}, which creates it"
        return failed_check(name, message, _robot_advice(evidence, registry, bind_fix))
    if isinstance(registry.snapshot.robots, Complete):
        return _observed_robot_check(
            evidence, registry, registry.current_robot, registry.snapshot.robots.items
        )
    can = "can" if evidence.question.space in registry.current_robot.spaces else "cannot"
    message = (
        f"the robot accounts could not be listed ({registry.snapshot.robots.reason}); on record "
        f"{registry.current_robot.login} {can} pull it"
    )
    return unknown_check(
        name, message, _repair_advice(registry), registry.record.poll_history.observed_at
    )


def _observed_robot_check(
    evidence: Evidence,
    registry: RegistryEvidence,
    robot_account: RobotAccount,
    robots: tuple[ObservedRobot, ...],
) -> AccessCheck:
    robot = next((robot for robot in robots if robot.id == robot_account.robot_id), None)
    name, at = AccessCheckName.ROBOT, registry.snapshot.observed_at
    if robot is None:
        message = f"the robot account {robot_account.login} was deleted in the registry"
        return failed_check(name, message, _reconcile_advice(registry), at)
    if robot.disabled:
        message = f"the robot account {robot.login} is disabled in the registry"
        return failed_check(name, message, _reconcile_advice(registry), at)
    if evidence.question.space not in robot.spaces:
        why = f" ({registry.robot_failure})" if registry.robot_failure else ""
        message = (
            f"the robot account {robot.login} can pull {pluralize(len(robot.spaces), 'space')}, "
            f"but not this one{why}"
        )
        bind_fix = f"{_bind_advice(evidence, robot_account.workspace)}, which grants access"
        return failed_check(name, message, _robot_advice(evidence, registry, bind_fix), at)
    if registry.login_accepted is False:
        message = (
            f"the registry refuses the secret of {robot.login}: it was changed in the registry"
        )
        workspace = robot_account.workspace
        fix = f'run rotate-credentials with registry="{registry.name}", workspace="{workspace}"'
        return failed_check(name, message, fix, at)
    accepted_note = ", and its secret is accepted" if registry.login_accepted else ""
    return passed_check(name, f"the robot account {robot.login} can pull it{accepted_note}", at)


def _robot_advice(evidence: Evidence, registry: RegistryEvidence, bind_fix: str) -> str:
    """Return the fix for a missing robot account or permission; it depends on the binding."""
    if registry.binding is None:
        return bind_fix
    if registry.binding.is_held:
        return _resolve_advice(evidence, registry.binding.workspace)
    return _reconcile_advice(registry)


def _reconcile_advice(registry: RegistryEvidence) -> str:
    return f'run reconcile-registry with name="{registry.name}", which corrects it'


def _pull_user_check(registry: RegistryEvidence) -> AccessCheck:
    name, at = AccessCheckName.ROBOT, registry.snapshot.observed_at
    requires_login = registry.requires_auth()
    reference = registry.record.registry.pull_credential
    if reference is None:
        fix = (
            "save a pull-only user as a registry-credentials block, and run update-registry with "
            f'name="{registry.name}" and that block as pull_credentials'
        )
        message = "no pull-only user is configured, so namespaces get no login"
        if requires_login is None:
            message += "; whether a login is required is not known"
            return unknown_check(name, message, fix, at)
        return failed_check(name, f"{message}, but the registry requires one", fix, at)
    user = f"the pull-only user of the {reference}"
    if registry.login_accepted is False:
        is_block = isinstance(reference, BlockRef)
        place = f"block registry-credentials/{reference.name}" if is_block else str(reference)
        fix = f"save the right password in the {place}"
        return failed_check(name, f"the registry refuses {user}", fix, at)
    if registry.login_accepted is None and requires_login is None:
        fix = _repair_advice(registry)
        return unknown_check(name, f"{user} is configured, but could not be tested", fix, at)
    state = "accepted" if registry.login_accepted else "configured"
    return passed_check(name, f"{user} is {state}", at)
