"""One workspace, as a page: what it may pull, where, since when, and what it waits for."""

from collections.abc import Sequence
from datetime import datetime

from models.access.rotation import Retirement, retirements, youngest
from models.clusters.membership import Source
from models.clusters.pull_secret import DeliveryStatus
from models.core.plural import amount
from models.core.settings import settings
from models.overview.views import BoundRegistry, BoundSpace, Member, WorkspaceView
from models.registries.registry import Kind, Privacy
from models.registries.robots import Grant
from tasks.pages.cluster import BY, delivery_cell
from tasks.pages.history import history_section
from tasks.pages.markdown import age, code, left_out, minute, moment, plain, stacked, table

_MOST = 500
PRIVACY = {
    Privacy.ENFORCED: "enforced: the registry itself refuses pulls from private spaces",
    Privacy.ADVISORY: "advisory: who holds the registry's credential can pull everything",
}


def workspace_page(view: WorkspaceView) -> str:
    """Tell everything that is known of one workspace."""
    parts = [
        f"# Workspace {view.workspace.name}: {_mark(view)}",
        plain(view.workspace.description),
        _summary(view),
        f"## Spaces ({len(view.spaces)})",
        _spaces(view),
        f"## Namespaces ({len(view.members)})",
        _members(view),
        _registries(view),
        history_section(view.history, view.workspace.name),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def workspace_news(view: WorkspaceView) -> str:
    """Return the part of the page that is worth a new version: all but its times."""
    members = (
        f"{one.namespace.model_dump_json()} "
        + (one.delivery.model_dump_json(exclude={"delivered_at"}) if one.delivery else "")
        for one in view.members
    )
    registries = (
        f"{one.registry.name} {one.registry.kind} {one.registry.pull_credential is not None} "
        f"{[(grant.login, grant.spaces, grant.made_at) for grant in one.grants]}"
        for one in view.registries
    )
    spaces = (
        f"{one.binding.model_dump_json()} {one.space and one.space.visibility} {one.waiting}"
        for one in view.spaces
    )
    return "\n".join([view.workspace.model_dump_json(), *spaces, *members, *registries])


def _summary(view: WorkspaceView) -> str:
    spaces, members = amount(len(view.spaces), "space"), amount(len(view.members), "namespace")
    registries = amount(len(view.registries), "registry")
    labelled = view.workspace.source is Source.LABEL
    whence = "It is here because a namespace's label names it." if labelled else "Made by hand."
    return f"{spaces} in {registries}, {members}. {whence} As of {moment(view.at)}."


def _mark(view: WorkspaceView) -> str:
    waiting = sum(bool(one.waiting) for one in view.spaces)
    if not view.spaces:
        return "bound to nothing yet"
    if waiting:
        return f"⚠️ {waiting} of {amount(len(view.spaces), 'space')} not in force"
    return "✅ all is in force" if view.members else "✅ bound, without a namespace so far"


def _spaces(view: WorkspaceView) -> str:
    if not view.spaces:
        return "None. Run bind-space to let it pull from one."
    by_need = sorted(view.spaces, key=lambda one: not one.waiting)
    rows = (_space(one) for one in by_need[:_MOST])
    head = ("Registry", "Space", "Visibility", "Bound (UTC)", "In force")
    return table(head, rows) + left_out(len(view.spaces), _MOST)


def _space(one: BoundSpace) -> tuple[str, ...]:
    space = one.space
    gone = space is None or space.missing_since or space.declared
    return (
        plain(one.binding.registry),
        plain(one.binding.space),
        stacked(f"**{space.visibility}**" if space else "unknown", "not there" if gone else ""),
        minute(one.binding.bound_at),
        _in_force(one),
    )


def _in_force(one: BoundSpace) -> str:
    if one.binding.is_held:
        fix = "run resolve-held-bindings to restore or drop it"
        return stacked(f"⏸️ {plain(one.waiting)}", fix)
    after = "" if one.seconds is None else f"after {one.seconds:.1f} s"
    if not one.waiting:
        return f"✅ {after}" if after else "✅ the next sync notes since when"
    if after:
        return stacked(f"⚠️ was {after}, not now:", plain(one.waiting))
    return stacked("❌ not yet:", plain(one.waiting))


def _members(view: WorkspaceView) -> str:
    if not view.members:
        return (
            "None. Label a namespace with the workspace's name, or list it with create-workspace."
        )
    order = [DeliveryStatus.REFUSED, DeliveryStatus.PENDING, DeliveryStatus.DELIVERED]
    by_need = sorted(
        view.members,
        key=lambda one: order.index(one.delivery.status) if one.delivery else len(order),
    )
    rows = (_member(one, view.at) for one in by_need[:_MOST])
    head = ("Namespace", "By", "Pull secret", "Logs in to", "Since (UTC), age")
    return table(head, rows) + left_out(len(view.members), _MOST)


def _member(one: Member, now: datetime) -> tuple[str, ...]:
    namespace, left = one.namespace, one.delivery
    since = left.delivered_at if left else None
    return (
        stacked(
            code(f"{namespace.cluster}/{namespace.name}"),
            "is being deleted" if namespace.terminating else "",
        ),
        BY[namespace.source] if namespace.source else "–",
        delivery_cell(left),
        plain(", ".join(login.registry for login in left.logins)) if left else "–",
        stacked(minute(since), age(since, now)) if since else "–",
    )


def _registries(view: WorkspaceView) -> str:
    if not view.registries:
        return ""
    rows = (
        (
            plain(one.registry.name),
            str(one.spaces),
            _login(one),
            _made(one.grants, view.at),
            PRIVACY[one.registry.privacy],
        )
        for one in view.registries
    )
    head = ("Registry", "Spaces", "Its namespaces log in as", "Secret made (UTC), age", "Privacy")
    return "## Registries\n\n" + table(head, rows)


def _login(one: BoundRegistry) -> str:
    if one.registry.kind is Kind.DOCKER:
        given = one.registry.pull_credential is not None
        return "the registry's pull-only user" if given else "nobody: no pull-only user is given"
    return accounts(one.grants)


def accounts(grants: Sequence[Grant]) -> str:
    """Name the robot accounts of one workspace on one registry, the one in use first."""
    if not grants:
        return "no robot account yet"
    in_use = youngest(grants).values()
    by_use = sorted(grants, key=lambda one: one not in in_use)
    going = retirements(grants, (), settings().retention)
    return stacked(
        *(
            f"{code(one.login)} ({amount(len(one.spaces), 'space')}"
            + (")" if one in in_use else f", {_kept(going[one.registry, one.robot_id])})")
            for one in by_use
        )
    )


def _kept(retirement: Retirement) -> str:
    """Say how long a superseded robot account is kept."""
    if retirement.at is None:
        return "is being replaced"
    return f"replaced, kept until {minute(retirement.at)} at the latest"


def _made(grants: Sequence[Grant], now: datetime) -> str:
    """Tell since when the secret in use is; never what it is."""
    in_use = youngest(grants).values()
    return stacked(*(stacked(minute(one.made_at), age(one.made_at, now)) for one in in_use)) or "–"
