"""Validate user requests about spaces and namespaces before they are stored."""

import fnmatch
from collections.abc import Collection, Iterable, Sequence

from models.clusters.service_account_choice import normalize_choice
from models.core.audit import AuditEntry
from models.core.errors import InvalidRequest, UnsafePlan
from models.core.limits import ChangeLimits, exceeded_limit
from models.core.names import MAX_NAME_LENGTH, is_namespace_name
from models.core.plural import add_article, pluralize
from models.core.suggestion import did_you_mean
from models.registries.registry import Registry
from models.registries.space import Space, SpaceNameRule, Visibility


def parse_service_accounts(text: str) -> str:
    """Return a choice of ServiceAccounts in its normal form.

    Raises:
        InvalidRequest: it is neither `default` nor `all` nor a label selector.
    """
    try:
        return normalize_choice(text)
    except ValueError as error:
        raise InvalidRequest(f"invalid choice of ServiceAccounts: {error}") from None


def new_spaces(
    rule: SpaceNameRule, spaces: Iterable[Space], names: Sequence[str], visibility: Visibility
) -> tuple[Space, ...]:
    """Return the records of spaces to create.

    A space that was requested before and is not created yet can be requested again.

    Raises:
        InvalidRequest: a name is not valid in this registry, or the space exists.
    """
    try:
        space_names = {rule.check(name) for name in names}
    except ValueError as error:
        raise InvalidRequest(str(error)) from None
    existing = sorted(
        space.name for space in spaces if space.name in space_names and not space.declared
    )
    if existing:
        raise InvalidRequest(
            f"already exists: {_join_names(existing)}; use set-space-visibility for existing spaces"
        )
    return tuple(
        Space(name=name, desired=visibility, declared=True) for name in sorted(space_names)
    )


def with_visibility(
    registry: str, spaces: Iterable[Space], names: Sequence[str], visibility: Visibility
) -> tuple[Space, ...]:
    """Return the records of existing spaces with a new desired visibility.

    Raises:
        InvalidRequest: a space is not on record.
    """
    by_name = {space.name: space for space in spaces}
    unknown = sorted(set(names) - by_name.keys())
    if unknown:
        raise InvalidRequest(
            f"{registry} has no space {_join_names(unknown)}; check the spelling, or run "
            "reconcile-registry first if it was created recently"
            f"{did_you_mean(unknown[0], by_name)}"
        )
    return tuple(
        by_name[name].model_copy(update={"desired": visibility}) for name in sorted(set(names))
    )


def match_spaces(
    registry: str, existing_names: Iterable[str], patterns: Sequence[str]
) -> tuple[str, ...]:
    """Return the names of the spaces that match names and patterns (with `*` and `?`).

    Args:
        registry: name of the registry, for the message.
        existing_names: names of the existing spaces.
        patterns: requested names and patterns.

    Raises:
        InvalidRequest: a pattern matches no space.
    """
    names = sorted(set(existing_names))
    name_set, matches = set(names), set()
    for pattern in patterns:
        wild = len(pattern) <= MAX_NAME_LENGTH and any(mark in pattern for mark in "*?")
        plain = pattern.replace("[", "[[]")  # fnmatch would treat [ as a third wildcard
        hits = fnmatch.filter(names, plain) if wild else sorted({pattern} & name_set)
        if not hits:
            raise InvalidRequest(
                f"{registry} has no space {pattern[:80]!r}; check the spelling, or run "
                "reconcile-registry first if it was created recently"
                f"{did_you_mean(pattern, names)}"
            )
        matches.update(hits)
    return tuple(sorted(matches))


def check_workspaces_exist(names: Iterable[str], existing_names: Iterable[str]) -> None:
    """Check that workspaces exist.

    Raises:
        InvalidRequest: one does not exist; the message lists the existing ones.
    """
    existing = set(existing_names)
    missing = sorted(set(names) - existing)
    if missing:
        available_names = ", ".join(sorted(existing)[:20]) or "none"
        raise InvalidRequest(
            f"there is no workspace {', '.join(missing[:10])}; existing workspaces: "
            f"{available_names}. Run create-workspace, or label a namespace with its name"
            f"{did_you_mean(missing[0], sorted(existing))}"
        )


def parse_namespaces(texts: Sequence[str], clusters: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Parse texts of the form `cluster/namespace`.

    Raises:
        InvalidRequest: a text is malformed, or the cluster is not registered.
    """
    cluster_names = frozenset(clusters)
    pairs = []
    for text in texts:
        cluster, slash, namespace = text.strip().partition("/")
        if not slash or not is_namespace_name(namespace):
            raise InvalidRequest(
                f"invalid namespace {text[:130]!r}: expected cluster/namespace, e.g. prod-eu/shop"
            )
        _check_registered(cluster, cluster_names)
        pairs.append((cluster, namespace))
    return tuple(pairs)


def parse_clusters(
    names: Iterable[str], listed: Iterable[tuple[str, str]], clusters: Iterable[str]
) -> tuple[str, ...]:
    """Return the clusters that a workspace is restricted to; none if it is not restricted.

    Args:
        names: names of the clusters.
        listed: (cluster, namespace) of the namespaces that are listed for the workspace.
        clusters: names of all registered clusters.

    Raises:
        InvalidRequest: a cluster is not registered, or a listed namespace is in another one.
    """
    allowed, cluster_names = tuple(sorted(set(names))), frozenset(clusters)
    for name in allowed:
        _check_registered(name, cluster_names)
    for cluster, namespace in listed:
        if allowed and cluster not in allowed:
            raise InvalidRequest(
                f"namespace {cluster}/{namespace} is listed, but the workspace is restricted to "
                f"{', '.join(allowed)}: add cluster {cluster}, or leave out the namespace"
            )
    return allowed


def _check_registered(cluster: str, registered: Collection[str]) -> None:
    if cluster not in registered:
        cluster_list = ", ".join(sorted(registered)[:20]) or "none; run register-cluster"
        raise InvalidRequest(
            f"cluster {cluster[:63]!r} is not registered; registered clusters: {cluster_list}"
        )


def check_unbind_limit(registry: str, count: int, total: int, limits: ChangeLimits) -> None:
    """Check that not too many bindings are removed in one run.

    Raises:
        UnsafePlan: the safety limits are exceeded; the message contains numbers and advice.
    """
    if exceeded := exceeded_limit(registry, count, total, "remove", limits, "bindings"):
        raise UnsafePlan(exceeded.message)


def check_visibility_limit(
    registry: str, spaces: Sequence[Space], desired_spaces: Iterable[Space], limits: ChangeLimits
) -> None:
    """Check that not too many public spaces become private in one run.

    Raises:
        UnsafePlan: the safety limits are exceeded; the message contains numbers and advice.
    """
    count = sum(
        space.observed is Visibility.PUBLIC and space.desired is Visibility.PRIVATE
        for space in desired_spaces
    )
    if exceeded := exceeded_limit(registry, count, len(spaces), "make private", limits):
        raise UnsafePlan(exceeded.message)


def count_opened_spaces(
    registry: Registry, spaces: Iterable[Space], public_names: Collection[str]
) -> int:
    """Return how many private spaces all namespaces can pull from if some spaces are public.

    None in a registry that serves public spaces without a login, or without a pull-only user.

    Args:
        registry: the registry.
        spaces: its spaces on record; only those that are in the registry count.
        public_names: names of the spaces that are public.
    """
    if not public_names or not registry.shares_pull_user:
        return 0
    return sum(
        space.is_present
        and space.visibility is Visibility.PRIVATE
        and space.name not in public_names
        for space in spaces
    )


def check_opened_spaces(registry: Registry, count: int, confirmed: int | None) -> None:
    """Check that a person knows how many private spaces a request opens to all namespaces.

    Args:
        registry: the registry.
        count: how many, see `count_opened_spaces`.
        confirmed: the number that the person entered; None if none was entered.

    Raises:
        InvalidRequest: it is another number; nothing was changed.
    """
    if not count or count == confirmed:
        return
    raise InvalidRequest(
        f"this opens {pluralize(count, 'private space')} of {registry.name} to every namespace of "
        f"every cluster: {add_article(registry.capabilities.label)} has no permissions per space, "
        "and while one space is public, all namespaces receive its pull-only user, which can pull "
        "everything. Nothing was changed. Keep the space private and bind workspaces to it, or run "
        f"again with 'Private spaces to open' set to {count}"
    )


def opened_by_visibility(
    registry: Registry, spaces: Sequence[Space], desired_spaces: Iterable[Space]
) -> int:
    """Return how many private spaces a change of visibility opens, see `count_opened_spaces`.

    None if a space in the registry is public already.

    Args:
        registry: the registry.
        spaces: its spaces on record.
        desired_spaces: the spaces with their desired visibility, also new ones.
    """
    if any(space.is_present and space.visibility is Visibility.PUBLIC for space in spaces):
        return 0
    names = {space.name for space in desired_spaces if space.desired is Visibility.PUBLIC}
    return count_opened_spaces(registry, spaces, names)


def opened_by_pull_user(before: Registry, after: Registry, spaces: Sequence[Space]) -> int:
    """Return how many private spaces a first pull-only user opens, see `count_opened_spaces`."""
    if before.shares_pull_user:
        return 0
    public = (space for space in spaces if space.visibility is Visibility.PUBLIC)
    return count_opened_spaces(after, spaces, {space.name for space in public if space.is_present})


def _join_names(names: Sequence[str]) -> str:
    text = ", ".join(name[:80] for name in names[:10])
    return text if len(names) <= 10 else f"{text} and {len(names) - 10} more"


def desired_space_entries(spaces: Iterable[Space]) -> tuple[AuditEntry, ...]:
    """Return the audit entries for a request; only its results send events."""
    return tuple(
        AuditEntry(
            subject=space.name,
            action="space.asked",
            before=space.observed.value if space.observed else "",
            after=space.desired.value if space.desired else "",
            reason="create the space" if space.declared else "set the visibility",
            emit_event=False,
        )
        for space in spaces
    )
