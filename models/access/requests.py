"""What people wish of spaces, checked before it is stored."""

import fnmatch
from collections.abc import Iterable, Sequence

from models.core.audit import Entry
from models.core.errors import InputRefused
from models.core.limits import Limits, check_share
from models.core.names import LONGEST_NAME, check_prefix, check_project, is_namespace_name
from models.registries.registry import Kind
from models.registries.space import Space, Visibility


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


def matching(registry: str, known: Iterable[str], patterns: Sequence[str]) -> tuple[str, ...]:
    """Return the spaces that names and patterns (with `*` and `?`) mean.

    Args:
        registry: whose spaces they are.
        known: names of the spaces there are.
        patterns: what was asked for.

    Raises:
        InputRefused: one of them means no space at all.
    """
    names = sorted(set(known))
    there, found = set(names), set()
    for pattern in patterns:
        wild = len(pattern) <= LONGEST_NAME and any(mark in pattern for mark in "*?")
        plain = pattern.replace("[", "[[]")  # no other wildcard than these two
        hits = fnmatch.filter(names, plain) if wild else sorted({pattern} & there)
        if not hits:
            raise InputRefused(
                f"{registry} has no space {pattern[:80]!r}; check the spelling, or run "
                "reconcile-registry first if it was created a moment ago"
            )
        found.update(hits)
    return tuple(sorted(found))


def listed_namespaces(texts: Sequence[str], clusters: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Read `cluster/namespace` as a person lists them.

    Raises:
        InputRefused: one is malformed, or names a cluster that is not registered.
    """
    known = set(clusters)
    found = []
    for text in texts:
        cluster, slash, namespace = text.strip().partition("/")
        if not slash or not is_namespace_name(namespace):
            raise InputRefused(f"{text[:130]!r} is not cluster/namespace, e.g. prod-eu/shop")
        if cluster not in known:
            there = ", ".join(sorted(known)[:20]) or "none yet; run register-cluster"
            raise InputRefused(f"there is no cluster {cluster[:63]!r} here; known are: {there}")
        found.append((cluster, namespace))
    return tuple(found)


def check_unbinding(registry: str, many: int, whole: int, limits: Limits) -> None:
    """Refuse to take away too many bindings at once.

    Raises:
        PlanRefused: with the numbers and the way out.
    """
    check_share(registry, many, whole, "take away", limits, "bindings")


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


def wish_entries(wishes: Iterable[Space]) -> tuple[Entry, ...]:
    """Write down what was asked for; what comes of it is announced, not the asking."""
    return tuple(
        Entry(
            subject=wish.name,
            what="space.asked",
            before=wish.observed.value if wish.observed else "",
            after=wish.desired.value if wish.desired else "",
            why="create it" if wish.declared else "set its visibility",
            announce=False,
        )
        for wish in wishes
    )
