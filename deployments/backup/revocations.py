"""Revocations that a restored database does not know: repeated in it before anything uses it."""

from collections.abc import Sequence
from functools import partial

from sqlmodel import Session

from flows.operations.bindings import unbind
from models.access.binding_update import hold_all
from models.core.audit import AuditEntry
from models.core.base import FrozenModel
from models.core.errors import InvalidRequest
from models.core.runs.context import RunContext
from models.registries.space import Visibility
from models.tables import ListedNamespaceRow, RegistryRow, SpaceRow
from tasks.store import audit
from tasks.store.access import bindings
from tasks.store.access.workspaces import save_former_listing

_REASON = "revoked after the backup, repeated when it was restored"
_HELD = "restored from a backup: restore it if it was not revoked after the backup"


class Member(FrozenModel):
    """A workspace with the space that it is bound to, or the namespace that it lists.

    Attributes:
        place: name of a registry or cluster.
        name: name of the space or namespace.
        workspace: name of the workspace.
    """

    place: str
    name: str
    workspace: str

    def __str__(self) -> str:
        return f"{self.place}/{self.name}:{self.workspace}"


class Revocations(FrozenModel):
    """What is taken away in a restored database.

    Attributes:
        unbound: bindings that are deleted, as registry, space and workspace.
        private: spaces that become private, as registry and space.
        unlisted: namespaces that are taken off the list of a workspace.
        held: registries whose remaining bindings are held until a person decides about them.
    """

    unbound: tuple[Member, ...] = ()
    private: tuple[tuple[str, str], ...] = ()
    unlisted: tuple[Member, ...] = ()
    held: tuple[str, ...] = ()


def parse_revocations(
    unbound: Sequence[str], private: Sequence[str], unlisted: Sequence[str], held: Sequence[str]
) -> Revocations:
    """Return the revocations of the options of restore.

    Raises:
        InvalidRequest: an option does not have its form.
    """
    return Revocations(
        unbound=tuple(_parse_member("--unbind", "REGISTRY/SPACE", text) for text in unbound),
        private=tuple(_split("--private", "REGISTRY/SPACE", text) for text in private),
        unlisted=tuple(_parse_member("--unlist", "CLUSTER/NAMESPACE", text) for text in unlisted),
        held=tuple(held),
    )


def _parse_member(option: str, form: str, text: str) -> Member:
    path, _, workspace = text.rpartition(":")
    if not workspace or "/" in workspace:
        raise InvalidRequest(f"{option} {text}: expected {form}:WORKSPACE. Nothing was changed")
    place, name = _split(option, f"{form}:WORKSPACE", path)
    return Member(place=place, name=name, workspace=workspace)


def _split(option: str, form: str, text: str) -> tuple[str, str]:
    place, _, name = text.partition("/")
    if not place or not name:
        raise InvalidRequest(f"{option} {text}: expected {form}. Nothing was changed")
    return place, name


def apply_revocations(
    session: Session, revocations: Revocations, context: RunContext
) -> tuple[str, ...]:
    """Take away in the database what was revoked after the backup.

    Returns:
        The options that name nothing in the backup.
    """
    return (
        *_unbind(session, revocations.unbound, context),
        *_make_private(session, revocations.private, context),
        *_unlist(session, revocations.unlisted),
        *_hold(session, revocations.held, context),
    )


def _unbind(session: Session, unbound: Sequence[Member], context: RunContext) -> list[str]:
    recorded = {
        Member(place=binding.registry, name=binding.space, workspace=binding.workspace): binding
        for binding in (bindings.list_bindings(session) if unbound else ())
    }
    unbind(session, [recorded[key] for key in unbound if key in recorded], _REASON, context)
    return [f"--unbind {key}" for key in unbound if key not in recorded]


def _make_private(
    session: Session, private: Sequence[tuple[str, str]], context: RunContext
) -> list[str]:
    unmatched = []
    for registry, space in private:
        row = session.get(SpaceRow, (registry, space))
        if row is None:
            unmatched.append(f"--private {registry}/{space}")
            continue
        entry = AuditEntry(
            subject=space,
            action="space.asked",
            before=row.desired or "",
            after=Visibility.PRIVATE,
            reason=_REASON,
            emit_event=False,
        )
        row.desired = Visibility.PRIVATE
        audit.append(session, registry, [entry], context)
    return unmatched


def _unlist(session: Session, unlisted: Sequence[Member]) -> list[str]:
    # sync-namespaces audits that they left, and gives their workspace new secrets.
    unmatched = []
    for member in unlisted:
        row = session.get(ListedNamespaceRow, (member.place, member.name, member.workspace))
        if row is None:
            unmatched.append(f"--unlist {member}")
            continue
        save_former_listing(session, row)
        session.delete(row)
    return unmatched


def _hold(session: Session, registries: Sequence[str], context: RunContext) -> list[str]:
    unmatched = []
    for registry in registries:
        if session.get(RegistryRow, registry) is None:
            unmatched.append(f"--hold {registry}")
            continue
        bindings.update_bindings(session, registry, partial(hold_all, reason=_HELD), context)
    return unmatched
