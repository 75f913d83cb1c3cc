"""What people wish of spaces, checked before it is stored."""

from collections.abc import Iterable, Sequence

from models.errors import InputRefused
from models.names import check_prefix, check_project
from models.plan import Limits, check_share
from models.registry import Kind
from models.space import Space, Visibility


def declared(
    kind: Kind, known: Iterable[Space], names: Sequence[str], visibility: Visibility
) -> tuple[Space, ...]:
    """Return records of spaces that shall be created.

    One that was declared before and not yet created is no obstacle: it is asked for again.

    Raises:
        InputRefused: a name is not valid in this kind of registry, or is taken.
    """
    check = check_project if kind is Kind.HARBOR else check_prefix
    try:
        wanted = {check(name) for name in names}
    except ValueError as error:
        raise InputRefused(str(error)) from None
    taken = sorted(space.name for space in known if space.name in wanted and not space.declared)
    if taken:
        raise InputRefused(
            f"there already: {_listed(taken)}; use set-space-visibility for existing spaces"
        )
    return tuple(Space(name=name, desired=visibility, declared=True) for name in sorted(wanted))


def desired(
    registry: str, known: Iterable[Space], names: Sequence[str], visibility: Visibility
) -> tuple[Space, ...]:
    """Return the records of existing spaces with the visibility they shall have.

    Raises:
        InputRefused: a space is not known here.
    """
    by_name = {space.name: space for space in known}
    unknown = sorted(set(names) - by_name.keys())
    if unknown:
        raise InputRefused(
            f"{registry} has no space {_listed(unknown)}; check the spelling, or run "
            "reconcile-registry first if it was created a moment ago"
        )
    return tuple(
        by_name[name].model_copy(update={"desired": visibility}) for name in sorted(set(names))
    )


def check_narrowing(
    registry: str, known: Sequence[Space], wishes: Iterable[Space], limits: Limits
) -> None:
    """Refuse to make too many public spaces private at once.

    Raises:
        PlanRefused: with the numbers and the way out.
    """
    many = sum(
        wish.observed is Visibility.PUBLIC and wish.desired is Visibility.PRIVATE for wish in wishes
    )
    check_share(registry, many, len(known), "make private", limits)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(name[:80] for name in names[:10])
    return shown if len(names) <= 10 else f"{shown} and {len(names) - 10} more"
