"""Messages and audit reasons of the access flows' runs."""

from collections.abc import Sequence

from models.clusters.membership import Namespace
from models.core.plural import pluralize

NOT_DUE_FOR_ROTATION = "no robot account is due for rotation"
NO_ROBOT_ACCOUNT = (
    "no robot account exists for this registry and workspace: bind a space with bind-space first"
)
HELD_BINDING_DROPPED = "held binding dropped"
HELD_BINDING_RESTORED = "restored"
_MAX_NAMES = 10


def workspace_would_be_removed(name: str, binding_count: int) -> str:
    """Return the message of a dry run that removes a workspace."""
    count = pluralize(binding_count, "binding")
    return f"workspace {name} and {count} would be removed; nothing was changed"


def workspace_would_be_changed(name: str, leaving_count: int) -> str:
    """Return the message of a dry run that changes a workspace."""
    count = pluralize(leaving_count, "namespace")
    return f"workspace {name} would be changed, {count} would leave; nothing was changed"


def would_be(verb: str, summary: str) -> str:
    """Return the message of a dry run.

    Args:
        verb: `bound` or `unbound`.
        summary: which bindings.
    """
    return f"{summary} would be {verb}; nothing was changed"


def workspace_namespaces(name: str, count: int, problems: Sequence[Namespace]) -> str:
    """Return the message of a workspace that was created or updated.

    Args:
        count: how many namespaces it has.
        problems: listed namespaces that do not belong to it.
    """
    parts = [f"workspace {name} has {pluralize(count, 'namespace')}"]
    parts += [f"{item.cluster}/{item.name}: {item.message}" for item in problems[:_MAX_NAMES]]
    return "; ".join(parts)


def service_accounts_chosen(name: str, choice: str) -> str:
    """Return the message of a workspace whose choice of ServiceAccounts was saved."""
    return f"ServiceAccounts of workspace {name} that get the pull secret: {choice}"


def workspace_has_bindings(name: str, bindings: str) -> str:
    """Return the error about a workspace that cannot be removed without confirmation."""
    return (
        f"workspace {name} is bound to {bindings}; nothing was changed. Unbind these spaces with "
        "unbind-space, or run remove-workspace again with 'Confirm' on to remove the bindings too"
    )


def workspace_removed(name: str, binding_count: int) -> str:
    """Return the message of a removal."""
    return f"workspace {name} was removed with {pluralize(binding_count, 'binding')}"


def held_bindings(
    action: str, count: int, held_count: int, missing_spaces: Sequence[str], *, dry_run: bool
) -> str:
    """Return the message about held bindings.

    Args:
        action: `restore` or `drop`.
        count: how many bindings the action applies to.
        held_count: how many other bindings match, whose space is missing.
        missing_spaces: the names of these spaces.
    """
    if not count and not held_count:
        return "no held bindings match; nothing was changed"
    past = {"restore": "restored", "drop": "dropped"}[action]
    bindings = pluralize(count, "held binding")
    message = f"{bindings} would be {past}" if dry_run else f"{past} {bindings}"
    if missing_spaces:
        message += (
            f"; {pluralize(held_count, 'binding')} still held: the registry has no space "
            f"{', '.join(missing_spaces[:_MAX_NAMES])}"
        )
    return f"{message}; nothing was changed" if dry_run or not count else message


def new_secrets(count: int, requested: int, registries: int) -> str:
    """Return how many new secrets a rotation created.

    Args:
        count: how many robot accounts have a new secret.
        requested: how many should have one.
        registries: how many registries they are in.
    """
    accounts = pluralize(requested, "robot account")
    scope = accounts if count == requested else f"{count} of {accounts}"
    return f"new secrets for {scope} in {pluralize(registries, 'registry')}"


def superseded_robots(count: int, minutes: float) -> str:
    """Return the remark about replaced robot accounts that still exist.

    Args:
        minutes: how long they are kept after every namespace has received the new secret.
    """
    return (
        f"{pluralize(count, 'superseded robot account')} kept until {minutes:g} minutes after "
        "every namespace has received the new secret"
    )


def rotate_again(missing: int) -> str:
    """Return the advice about secrets that a rotation did not replace."""
    return (
        f"{pluralize(missing, 'secret')} not replaced: run rotate-credentials again when the "
        "registry accepts changes"
    )
