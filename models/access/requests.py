"""What people wish of spaces, checked before it is stored."""

import fnmatch
from collections.abc import Iterable, Sequence

from models.core.audit import AuditEntry
from models.core.errors import InvalidRequest
from models.core.limits import ChangeLimits, check_change_limit
from models.core.names import MAX_NAME_LENGTH, check_prefix, check_project, is_namespace_name
from models.registries.registry import Kind
from models.registries.space import Space, Visibility


def new_spaces(
    kind: Kind, spaces: Iterable[Space], names: Sequence[str], visibility: Visibility
) -> tuple[Space, ...]:
    """Return records of spaces that shall be created.

    One that was declared before and not yet created is no obstacle: it is asked for again.

    Raises:
        InputRefused: a name is not valid in this kind of registry, or is taken.
    """
    check = check_project if kind is Kind.HARBOR else check_prefix
    try:
        space_names = {check(name) for name in names}
    except ValueError as error:
        raise InvalidRequest(str(error)) from None
    existing = sorted(
        space.name for space in spaces if space.name in space_names and not space.declared
    )
    if existing:
        raise InvalidRequest(
            f"there already: {_join_names(existing)}; use set-space-visibility for existing spaces"
        )
    return tuple(
        Space(name=name, desired=visibility, declared=True) for name in sorted(space_names)
    )


def with_visibility(
    registry: str, spaces: Iterable[Space], names: Sequence[str], visibility: Visibility
) -> tuple[Space, ...]:
    """Return the records of existing spaces with the visibility they shall have.

    Raises:
        InputRefused: a space is not known here.
    """
    by_name = {space.name: space for space in spaces}
    unknown = sorted(set(names) - by_name.keys())
    if unknown:
        raise InvalidRequest(
            f"{registry} has no space {_join_names(unknown)}; check the spelling, or run "
            "reconcile-registry first if it was created a moment ago"
        )
    return tuple(
        by_name[name].model_copy(update={"desired": visibility}) for name in sorted(set(names))
    )


def match_spaces(
    registry: str, existing_names: Iterable[str], patterns: Sequence[str]
) -> tuple[str, ...]:
    """Return the spaces that names and patterns (with `*` and `?`) mean.

    Args:
        registry: whose spaces they are.
        existing_names: names of the spaces there are.
        patterns: what was asked for.

    Raises:
        InputRefused: one of them means no space at all.
    """
    names = sorted(set(existing_names))
    name_set, matches = set(names), set()
    for pattern in patterns:
        wild = len(pattern) <= MAX_NAME_LENGTH and any(mark in pattern for mark in "*?")
        plain = pattern.replace("[", "[[]")  # no other wildcard than these two
        hits = fnmatch.filter(names, plain) if wild else sorted({pattern} & name_set)
        if not hits:
            raise InvalidRequest(
                f"{registry} has no space {pattern[:80]!r}; check the spelling, or run "
                "reconcile-registry first if it was created a moment ago"
            )
        matches.update(hits)
    return tuple(sorted(matches))


def parse_namespaces(texts: Sequence[str], clusters: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Read `cluster/namespace` as a person lists them.

    Raises:
        InputRefused: one is malformed, or names a cluster that is not registered.
    """
    cluster_names = set(clusters)
    pairs = []
    for text in texts:
        cluster, slash, namespace = text.strip().partition("/")
        if not slash or not is_namespace_name(namespace):
            raise InvalidRequest(f"{text[:130]!r} is not cluster/namespace, e.g. prod-eu/shop")
        if cluster not in cluster_names:
            cluster_list = ", ".join(sorted(cluster_names)[:20]) or "none yet; run register-cluster"
            raise InvalidRequest(
                f"there is no cluster {cluster[:63]!r} here; known are: {cluster_list}"
            )
        pairs.append((cluster, namespace))
    return tuple(pairs)


def check_unbind_limit(registry: str, count: int, total: int, limits: ChangeLimits) -> None:
    """Refuse to take away too many bindings at once.

    Raises:
        PlanRefused: with the numbers and the way out.
    """
    check_change_limit(registry, count, total, "take away", limits, "bindings")


def check_visibility_limit(
    registry: str, spaces: Sequence[Space], desired_spaces: Iterable[Space], limits: ChangeLimits
) -> None:
    """Refuse to make too many public spaces private at once.

    Raises:
        PlanRefused: with the numbers and the way out.
    """
    count = sum(
        space.observed is Visibility.PUBLIC and space.desired is Visibility.PRIVATE
        for space in desired_spaces
    )
    check_change_limit(registry, count, len(spaces), "make private", limits)


def _join_names(names: Sequence[str]) -> str:
    text = ", ".join(name[:80] for name in names[:10])
    return text if len(names) <= 10 else f"{text} and {len(names) - 10} more"


def desired_space_entries(spaces: Iterable[Space]) -> tuple[AuditEntry, ...]:
    """Write down what was asked for; what comes of it is announced, not the asking."""
    return tuple(
        AuditEntry(
            subject=space.name,
            action="space.asked",
            before=space.observed.value if space.observed else "",
            after=space.desired.value if space.desired else "",
            reason="create it" if space.declared else "set its visibility",
            emit_event=False,
        )
        for space in spaces
    )
