"""Make the changes of a configuration that concern one registry, its spaces and its bindings."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlmodel import Session

from flows.operations.bindings import bind_missing, unbind
from flows.operations.integration import load_integration_records, save_registry
from flows.operations.reconcile_registry import (
    AS_FUNCTIONS,
    LEASE_WAIT_SECONDS,
    hold_registry,
    reconcile,
)
from flows.operations.removal import decommission
from flows.operations.run_results import RegistryRunResult
from flows.registries.integrate import check_connection, save_and_reconcile
from flows.registries.update import check_new_values
from flows.runs import hold_lease, new_run_context
from models.access.binding import Binding
from models.access.requests import (
    check_opened_spaces,
    desired_space_entries,
    opened_by_pull_user,
    opened_by_visibility,
)
from models.configuration.document import RegistryEntry
from models.configuration.plan import ChangeKind, ConfigurationChange, mark_of
from models.configuration.things import Mark, SpaceSpec, ThingKey, ThingKind
from models.core.audit import AuditEntry
from models.core.errors import InvalidRequest
from models.core.runs.context import RunContext
from models.registries.credential_origin import CredentialOrigin
from models.registries.record import check_available
from models.registries.registry import Registry
from models.registries.space import Space
from tasks import clock
from tasks.http.shared import share_clients
from tasks.secrets.robot_secrets import load_cipher
from tasks.store.access import bindings
from tasks.store.configuration import delete_marks, save_marks
from tasks.store.installation import get_key_check
from tasks.store.registries import registries, spaces
from tasks.store.session import in_transaction

REASON = "configuration file"
_DESIRED = (ChangeKind.CREATE, ChangeKind.CHANGE, ChangeKind.ADOPT)
_RECORD_FIELDS = frozenset({"description", "drift_policy", "count_storage"})
"""Fields that do not concern the connection, so that they need no probe."""


class RegistryChanges(NamedTuple):
    """The changes that concern one registry, in their order.

    Attributes:
        public_opens_all: whether the document accepts what a public space opens.
        allow_large: whether a person lifted the safety limits.
    """

    name: str
    changes: tuple[ConfigurationChange, ...]
    public_opens_all: bool
    allow_large: bool

    def of(self, kind: ThingKind, *change_kinds: ChangeKind) -> list[ConfigurationChange]:
        """Return the changes of things of one kind; without kinds of changes, all of them."""
        return [
            change
            for change in self.changes
            if change.key.kind is kind and (not change_kinds or change.kind in change_kinds)
        ]

    def check_opened(self, registry: Registry, count: int) -> None:
        """Check that the document accepts that so many private spaces are opened.

        Raises:
            InvalidRequest: it does not; nothing was changed.
        """
        check_opened_spaces(registry, count, count if self.public_opens_all else None)


async def remove_registry(change: ConfigurationChange) -> str:
    """Remove a registry without bindings; return what remains in it, empty if nothing does.

    Raises:
        InvalidRequest: it was bound in the meantime; nothing was changed.
        LeaseHeld: another run holds it.
    """
    name = change.key.name

    def forget(session: Session) -> None:
        delete_marks(session, [change.key])

    async with hold_lease(name, wait_seconds=LEASE_WAIT_SECONDS) as context:
        if await in_transaction(bindings.count_bindings, name):
            raise InvalidRequest(f"{name} was bound in the meantime: it was not removed")
        removal = await decommission(name, context, REASON, on_delete=forget)
    logins = ", ".join(robot.login for robot in removal.orphans)
    return f"{name}: robot accounts remain in it ({logins}): {removal.error}" if logins else ""


def unbind_removed(session: Session, removed: Iterable[ThingKey], context: RunContext) -> None:
    """Delete bindings, also held ones, with their marks."""
    keys = set(removed)
    names = {key.registry for key in keys}
    candidates = [
        binding
        for name in sorted(names)
        for binding in bindings.list_bindings(session, registry=name)
        if ThingKey(ThingKind.BINDING, binding.space, name, binding.workspace) in keys
    ]
    unbind(session, candidates, REASON, context)
    delete_marks(session, keys)


async def change_spec(
    work: RegistryChanges, change: ConfigurationChange
) -> RegistryRunResult | None:
    """Integrate or update a registry; return its reconcile, None if there was none.

    Raises:
        InvalidRequest: a check failed; nothing was saved.
        LeaseHeld: another run holds the registry.
    """
    result = await _save_spec(work, change)
    await in_transaction(save_marks, _marks([change]))
    return result


async def change_contents(work: RegistryChanges) -> RegistryRunResult | None:
    """Change spaces and bindings of a registry; return its last reconcile, None if there was none.

    Raises:
        InvalidRequest: a check failed; what was saved before stays.
        LeaseHeld: another run holds the registry.
    """
    result = None
    new_spaces = work.of(ThingKind.SPACE, ChangeKind.CREATE)
    saves = [_space_saver(work), _binding_saver(work)]
    if new_spaces:  # robot accounts can be given only spaces that exist
        steps = [[save] for save in saves if save]
    else:
        steps = [[save for save in saves if save]] if any(saves) else []
    if not steps and work.of(ThingKind.BINDING, ChangeKind.REMOVE):
        steps = [[]]
    await _check_key(work)
    for step in steps:
        result = await _save_and_reconcile(work, step)
    return result


_Save = Callable[[Session, RunContext], None]


async def _save_and_reconcile(work: RegistryChanges, step: Sequence[_Save]) -> RegistryRunResult:
    def save(session: Session, context: RunContext) -> None:
        for save_part in step:
            save_part(session, context)

    async with hold_registry(work.name, save) as (context, registry_state):
        return await reconcile(
            work.name,
            context,
            AS_FUNCTIONS,
            allow_large=work.allow_large,
            registry_state=registry_state,
            release=True,
        )


async def _save_spec(
    work: RegistryChanges, change: ConfigurationChange
) -> RegistryRunResult | None:
    if change.declaration is None or not isinstance(change.declaration.spec, RegistryEntry):
        return None
    entry = change.declaration.spec
    if change.kind is ChangeKind.CREATE:
        return await _integrate(work, entry)
    if change.changes_thing:
        fields = {difference.field for difference in change.differences}
        return await _update(work, entry, fields)
    return None


async def _integrate(work: RegistryChanges, entry: RegistryEntry) -> RegistryRunResult:
    registry = entry.to_registry(work.name)
    async with share_clients():
        records = await in_transaction(load_integration_records, registry)
        check_available(registry, records.candidates)
        await check_connection(registry, records, (), is_one_of_many=True)
        return await save_and_reconcile(registry, steps=AS_FUNCTIONS)


async def _update(
    work: RegistryChanges, entry: RegistryEntry, fields: set[str]
) -> RegistryRunResult:
    async with (
        share_clients(),
        hold_lease(work.name, wait_seconds=LEASE_WAIT_SECONDS) as context,
    ):
        before = (await in_transaction(registries.get_registry, work.name)).registry
        after = entry.to_registry(work.name)
        space_records = await in_transaction(spaces.list_spaces, work.name)
        work.check_opened(after, opened_by_pull_user(before, after, space_records))
        origins: tuple[CredentialOrigin, ...] = ()
        if fields - _RECORD_FIELDS:
            origins = await check_new_values(before, after, (), is_one_of_many=True)
        later = context.at(clock.now())
        audit_entry = AuditEntry(
            subject=work.name,
            action="registry.updated",
            before=before.address,
            after=after.address,
            reason=f"{REASON}, changed: {', '.join(sorted(fields))}",
        )
        await in_transaction(save_registry, after, audit_entry, later, origins)
        return await reconcile(work.name, later, AS_FUNCTIONS, release=True)


def _space_saver(work: RegistryChanges) -> _Save | None:
    desired = work.of(ThingKind.SPACE, *_DESIRED)
    released = work.of(ThingKind.SPACE, ChangeKind.REMOVE)
    if not desired and not released:
        return None

    def save(session: Session, context: RunContext) -> None:
        registry = registries.get_registry(session, work.name).registry
        records = spaces.list_spaces(session, work.name)
        by_name = {space.name: space for space in records}
        desired_spaces = _desired_spaces(desired, by_name)
        work.check_opened(registry, opened_by_visibility(registry, records, desired_spaces))
        followers, unused_names = _released_spaces(released, by_name)
        spaces.save_desired(
            session,
            work.name,
            [*desired_spaces, *followers],
            desired_space_entries(desired_spaces),
            context,
        )
        spaces.delete_spaces(session, work.name, unused_names)
        save_marks(session, _marks(desired))
        delete_marks(session, [change.key for change in released])

    return save


def _desired_spaces(
    changes: Iterable[ConfigurationChange], by_name: Mapping[str, Space]
) -> list[Space]:
    desired = []
    for change in changes:
        if change.declaration is None or not isinstance(change.declaration.spec, SpaceSpec):
            continue
        name, visibility = change.key.name, change.declaration.spec.visibility
        space = by_name.get(name, Space(name=name, declared=True))
        desired.append(space.model_copy(update={"desired": visibility}))
    return desired


def _released_spaces(
    changes: Iterable[ConfigurationChange], by_name: Mapping[str, Space]
) -> tuple[list[Space], list[str]]:
    """Return spaces that follow their registry from now on, and those that were never created."""
    released = [by_name[change.key.name] for change in changes if change.key.name in by_name]
    followers = [
        space.model_copy(update={"desired": None}) for space in released if not space.declared
    ]
    return followers, [space.name for space in released if space.declared]


def _binding_saver(work: RegistryChanges) -> _Save | None:
    created = work.of(ThingKind.BINDING, ChangeKind.CREATE)
    if not created:
        return None

    def save(session: Session, context: RunContext) -> None:
        desired = [
            Binding(
                registry=work.name,
                space=change.key.name,
                workspace=change.key.workspace,
                bound_at=context.now,
            )
            for change in created
        ]
        bind_missing(session, desired, context, REASON)
        save_marks(session, _marks(created))

    return save


async def _check_key(work: RegistryChanges) -> None:
    """Check, before bindings are saved, that secrets of robot accounts can be encrypted."""
    if not work.of(ThingKind.BINDING, ChangeKind.CREATE):
        return
    record = await in_transaction(registries.get_registry, work.name)
    if record.registry.capabilities.has_robot_accounts:
        await load_cipher(await in_transaction(get_key_check))


def _marks(changes: Iterable[ConfigurationChange]) -> dict[ThingKey, Mark]:
    return {
        change.key: mark_of(change.declaration)
        for change in changes
        if change.declaration is not None
    }


async def unbind_in_registry(keys: Iterable[ThingKey]) -> None:
    """Delete bindings of one registry, see `unbind_removed`."""
    await in_transaction(unbind_removed, keys, new_run_context())
