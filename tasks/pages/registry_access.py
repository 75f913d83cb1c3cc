"""Who may pull from one registry, as a section of its page."""

from collections.abc import Sequence

from models.access.binding import Binding
from models.access.rotation import youngest
from models.core.plural import amount
from models.overview.views import RegistryAccess, Share
from models.registries.registry import Kind, Registry
from tasks.pages.markdown import age, code, left_out, minute, plain, stacked, table
from tasks.pages.workspace import accounts

_MOST = 200


def access_section(registry: Registry, access: RegistryAccess) -> str:
    """Tell which workspaces are bound, who logs in for them, and how quickly that came about."""
    parts = [
        "## Access",
        _pull_user(registry),
        _propagation(access),
        _shares(registry, access),
        _held(access),
        _observer(access),
    ]
    return "\n\n".join(part for part in parts if part)


def access_news(access: RegistryAccess) -> str:
    """Return the part of the section that is worth a new version: all but its times."""
    return access.model_dump_json(exclude={"at"})


def _pull_user(registry: Registry) -> str:
    if registry.kind is not Kind.DOCKER:
        return ""
    if registry.pull_credential is None:
        return (
            "No pull-only credentials are given, so namespaces receive no login: they can pull "
            "only what the registry lets everybody pull. To give one, save it as a "
            "registry-credentials block and run update-registry with *Pull credentials*."
        )
    return (
        f"Entitled namespaces receive the pull-only user of the block "
        f"{code(registry.pull_credential.name)}. Privacy is advisory: who holds it can pull "
        "everything here. A namespace that leaves may have copied it, and this service cannot "
        "change it: do so in the registry and in the block."
    )


def _propagation(access: RegistryAccess) -> str:
    spaces = sum(share.spaces for share in access.shares)
    if not spaces:
        return "No workspace is bound to any space."
    told = [f"{amount(spaces, 'binding')} of {amount(len(access.shares), 'workspace')}"]
    if access.median is not None and access.worst is not None:
        told.append(
            f"from binding until every namespace had it: median **{access.median:.1f} s**, worst "
            f"**{access.worst:.1f} s** (measured on {access.in_force})"
        )
    told.append(f"⚠️ {access.waiting} not in force" if access.waiting else "✅ all in force")
    return "; ".join(told) + "."


def _shares(registry: Registry, access: RegistryAccess) -> str:
    if not access.shares:
        return ""
    by_need = sorted(access.shares, key=lambda share: not share.waiting)
    rows = (
        (
            plain(share.workspace),
            str(share.spaces),
            accounts(share.grants) if registry.kind is Kind.HARBOR else "the pull-only user",
            _secret(share, access),
            _state(share),
        )
        for share in by_need[:_MOST]
    )
    head = ("Workspace", "Spaces", "Robot account", "Secret made (UTC), age", "In force")
    return table(head, rows) + left_out(len(access.shares), _MOST)


def _held(access: RegistryAccess) -> str:
    if not access.held:
        return ""
    told = (
        "These bindings grant nothing: what they were made for is not what is there now. Run "
        "resolve-held-bindings with *restore* for those that are meant for it, and with *drop* for "
        "the others."
    )
    return f"### Held bindings ({len(access.held)})\n\n{told}\n\n{held_table(access.held)}"


def held_table(held: Sequence[Binding]) -> str:
    """List held bindings, and why each is held."""
    rows = (
        (plain(one.space), plain(one.workspace), minute(one.held_since), plain(one.held_reason))
        for one in held[:_MOST]
    )
    head = ("Space", "Workspace", "Held since (UTC)", "Why")
    return table(head, rows) + left_out(len(held), _MOST)


def _secret(share: Share, access: RegistryAccess) -> str:
    in_use = youngest(share.grants).values()
    told = (f"{minute(one.made_at)}, {age(one.made_at, access.at)}" for one in in_use)
    return stacked(*told) or "–"


def _state(share: Share) -> str:
    if not share.waiting:
        return "✅ all" if share.spaces else "is being taken away"
    return stacked(f"⚠️ {share.waiting} not yet, e.g.:", plain(share.why))


def _observer(access: RegistryAccess) -> str:
    if access.observer is None:
        return ""
    return f"This service reads its lists as {code(access.observer.login)}, which may not pull."
