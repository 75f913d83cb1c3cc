"""Plan a configuration from documents and records. Pure: nothing is read or changed here."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from models.configuration.declarations import declare, declare_bindings
from models.configuration.document import RegistryEntry, WorkspaceEntry
from models.configuration.parse import ParsedDocument
from models.configuration.plan import (
    ChangeKind,
    ConfigurationChange,
    ConfigurationPlan,
    Notice,
    NoticeKind,
    digest_of,
    is_same,
    mark_of,
)
from models.configuration.removals import plan_removals
from models.configuration.scope import Scope
from models.configuration.things import (
    DROPPED,
    Declaration,
    Mark,
    SpaceSpec,
    ThingKey,
    ThingKind,
    World,
)
from models.core.limits import ChangeLimits, exceeded_limit
from models.registries.registry import CAPABILITIES, DriftPolicy, RegistryOrigin
from models.registries.space import Visibility

CHANGED_BY_HAND = "changed by hand"
REMOVED_BY_HAND = "removed by hand"
_DROPPED = (
    "a person dropped it while it was held, so it is not bound again: run bind-space, or remove it "
    "from the file, apply that, and add it again"
)


class PlanOptions(NamedTuple):
    """What a run may do.

    Attributes:
        scope: the files that the run speaks for.
        prune: whether to remove what these files own and declare no more.
        limits: the safety limits; None if a person lifted them.
        objections: why registries cannot be changed, see `check_credentials`.
    """

    scope: Scope
    prune: bool = False
    limits: ChangeLimits | None = ChangeLimits()
    objections: Mapping[ThingKey, Notice] = {}


def plan_configuration(
    documents: Sequence[ParsedDocument], world: World, options: PlanOptions
) -> ConfigurationPlan:
    """Return the changes that make the records as the documents declare.

    Raises:
        InvalidRequest: two documents declare one thing.
    """
    declared = declare(documents)
    bindings, notices = declare_bindings(documents, declared, world)
    planner = _Planner(world, options, {**declared, **bindings})
    planner.notices.extend(notices)
    for kind in _DEPENDENCY_ORDER:
        for key, declaration in planner.declared.items():
            if key.kind is kind:
                planner.add(declaration)
    planner.withhold_narrowing()
    planner.add_repeated_namespaces()
    removals = plan_removals(
        planner.declared, world, options.scope, options.limits, prune=options.prune
    )
    changes = sorted([*planner.changes, *removals.changes], key=lambda change: change.order)
    return ConfigurationPlan(
        changes=tuple(changes),
        notices=(*planner.notices, *removals.notices),
        new_marks=planner.new_marks,
        unused_marks=removals.unused_marks,
    )


_DEPENDENCY_ORDER = (
    ThingKind.REGISTRY,
    ThingKind.CLUSTER,
    ThingKind.WORKSPACE,
    ThingKind.SPACE,
    ThingKind.BINDING,
)


class _Planner:
    """Collects the changes of one plan."""

    def __init__(
        self, world: World, options: PlanOptions, declared: Mapping[ThingKey, Declaration]
    ) -> None:
        self.declared = declared
        self.changes: list[ConfigurationChange] = []
        self.notices: list[Notice] = []
        self.new_marks: dict[ThingKey, Mark] = {}
        self._world, self._options = world, options
        self._blocked: set[ThingKey] = set()

    def add(self, declaration: Declaration) -> None:
        """Add what a declaration requires."""
        key = declaration.key
        notice = self._options.objections.get(key)
        if objection := self._objection(declaration):
            notice = Notice.of(NoticeKind.BLOCKED, declaration, objection)
        if notice is not None:
            self._blocked.add(key)
            self.notices.append(notice)
            return
        current, mark = self._world.things.get(key), self._world.marks.get(key)
        if current is not None and current.held_reason:
            message = f"held, it grants nothing: {current.held_reason}. Run resolve-held-bindings"
            self._add_notice(NoticeKind.HELD, declaration, message)
        if current is not None and is_same(declaration.spec, current.spec):
            self._keep(declaration, mark)
            return
        if current is None and mark is not None and mark.digest == DROPPED:
            self._add_notice(NoticeKind.HELD, declaration, _DROPPED)
            return
        is_drift = mark is not None and mark.digest == digest_of(declaration.spec)
        reason = (CHANGED_BY_HAND if current else REMOVED_BY_HAND) if is_drift else ""
        if is_drift and self._only_reports(key):
            self._add_notice(NoticeKind.DRIFT, declaration, f"{reason}; its drift policy is report")
            if current is None:
                self._blocked.add(key)
            return
        before = current.spec if current else None
        if current is None:
            kind = ChangeKind.CREATE
        else:
            kind = ChangeKind.CHANGE if mark else ChangeKind.ADOPT
        self.changes.append(ConfigurationChange(kind, key, declaration, before, reason))

    def _keep(self, declaration: Declaration, mark: Mark | None) -> None:
        if mark is None:
            before = declaration.spec
            change = ConfigurationChange(ChangeKind.ADOPT, declaration.key, declaration, before)
            self.changes.append(change)
        elif mark != mark_of(declaration):
            self.new_marks[declaration.key] = mark_of(declaration)

    def _add_notice(self, kind: NoticeKind, declaration: Declaration, message: str) -> None:
        self.notices.append(Notice.of(kind, declaration, message))

    def _only_reports(self, key: ThingKey) -> bool:
        name = key.name if key.kind is ThingKind.REGISTRY else key.registry
        declaration = self.declared.get(ThingKey(ThingKind.REGISTRY, name))
        if declaration and isinstance(declaration.spec, RegistryEntry):
            return declaration.spec.drift_policy is DriftPolicy.REPORT
        registry = self._world.registries.get(name)
        return registry is not None and registry.drift_policy is DriftPolicy.REPORT

    def _objection(self, declaration: Declaration) -> str:
        mark = self._world.marks.get(declaration.key)
        if mark and mark.file != declaration.position.file and not self._is_moved(mark):
            return f"{mark.file}:{mark.line} owns it: remove it there first, and apply that file"
        check = _CHECKS[declaration.key.kind]
        return check(self, declaration)

    def _is_moved(self, mark: Mark) -> bool:
        # Each file of the scope is read, so a thing that is declared elsewhere has left this one.
        return self._options.scope.contains(mark.file)

    def _is_available(self, key: ThingKey) -> bool:
        """Whether a thing is on record, or is created by this plan."""
        return key in self._world.things or (key in self.declared and key not in self._blocked)

    def _missing(self, key: ThingKey) -> str:
        if self._is_available(key):
            return ""
        if key in self.declared:
            return f"it needs {key}, which cannot be created"
        return f"there is no {key}: declare it, or check the spelling"

    def _check_registry(self, declaration: Declaration) -> str:
        current = self._world.registries.get(declaration.key.name)
        if current is None or not isinstance(declaration.spec, RegistryEntry):
            return ""
        if current.origin is RegistryOrigin.MANAGED:
            return "discovery manages this registry: remove it from the document"
        if current.kind != declaration.spec.type:
            return f"its type is {current.kind} and cannot be changed: remove it first"
        return ""

    def _check_space(self, declaration: Declaration) -> str:
        key = ThingKey(ThingKind.REGISTRY, declaration.key.registry)
        if missing := self._missing(key):
            return missing
        registry = self._world.registries.get(key.name)
        spec = self.declared[key].spec if key in self.declared else None
        kind = registry.kind if registry else getattr(spec, "type", "")
        try:
            CAPABILITIES[kind].space_names.check(declaration.key.name)
        except ValueError as error:
            return str(error)
        return ""

    def _check_workspace(self, declaration: Declaration) -> str:
        if not isinstance(declaration.spec, WorkspaceEntry):
            return ""
        names = sorted(declaration.spec.cluster_names)
        missing = (self._missing(ThingKey(ThingKind.CLUSTER, name)) for name in names)
        return next(filter(None, missing), "")

    def _check_binding(self, declaration: Declaration) -> str:
        key = declaration.key
        space = ThingKey(ThingKind.SPACE, key.name, key.registry)
        needed = [ThingKey(ThingKind.REGISTRY, key.registry)]
        needed += [ThingKey(ThingKind.WORKSPACE, key.workspace)]
        needed += [space] if space in self.declared else []
        return next(filter(None, map(self._missing, needed)), "")

    def withhold_narrowing(self) -> None:
        """Withhold changes that make too many spaces of a registry private."""
        by_registry: dict[str, list[ConfigurationChange]] = defaultdict(list)
        for change in self.changes:
            if _makes_private(change):
                by_registry[change.key.registry].append(change)
        for registry, changes in by_registry.items():
            total = len(self._world.spaces.get(registry, {}))
            message = _exceeded(registry, len(changes), total, self._options.limits)
            if not message:
                continue
            keys = {change.key for change in changes}
            self.changes = [change for change in self.changes if change.key not in keys]
            for change in changes:
                if change.declaration:
                    self._add_notice(NoticeKind.WITHHELD, change.declaration, message)

    def add_repeated_namespaces(self) -> None:
        """Report listed namespaces that were created again: a document never lists them anew."""
        for workspace, cluster, namespace in self._world.repeated_namespaces:
            key = ThingKey(ThingKind.WORKSPACE, workspace)
            declaration = self.declared.get(key)
            if declaration is None or not isinstance(declaration.spec, WorkspaceEntry):
                continue
            if (cluster, namespace) in declaration.spec.listed:
                message = (
                    f"namespace {cluster}/{namespace} was created again after it was listed, so it "
                    "is no member: if it is the same tenant's, run create-workspace"
                )
                self._add_notice(NoticeKind.HELD, declaration, message)


_CHECKS: Mapping[ThingKind, Callable[[_Planner, Declaration], str]] = {
    ThingKind.REGISTRY: _Planner._check_registry,
    ThingKind.CLUSTER: lambda planner, declaration: "",
    ThingKind.WORKSPACE: _Planner._check_workspace,
    ThingKind.SPACE: _Planner._check_space,
    ThingKind.BINDING: _Planner._check_binding,
}


def _makes_private(change: ConfigurationChange) -> bool:
    before, declaration = change.before, change.declaration
    return (
        isinstance(before, SpaceSpec)
        and declaration is not None
        and before != declaration.spec
        and declaration.spec == SpaceSpec(visibility=Visibility.PRIVATE)
        and before.visibility is not Visibility.PRIVATE
    )


def _exceeded(registry: str, count: int, total: int, limits: ChangeLimits | None) -> str:
    if limits is None:
        return ""
    exceeded = exceeded_limit(registry, count, total, "make private", limits)
    return exceeded.message if exceeded else ""
