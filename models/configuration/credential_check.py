"""Check that the credentials a document names are declared for the addresses it sends them to.

The origins of a credential are declared beside it, outside of any document: whoever may send a
document must not be able to send the service's own secrets to an address of his own. Nor may a
document hand out a credential that a registry is managed with: only what is declared for that is
copied into pull secrets.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from models.configuration.document import RegistryEntry
from models.configuration.parse import ParsedDocument
from models.configuration.plan import ConfigurationPlan, Notice, NoticeKind
from models.configuration.things import ThingKey, ThingKind, World
from models.core.base import FrozenModel
from models.registries.address import parse_address
from models.registries.registry import (
    SYSTEM_CA,
    CertificateRef,
    NamedCredentialRef,
    SkipVerify,
    Tls,
)

_FIELDS = frozenset(RegistryEntry.model_fields) - {
    "type",
    "drift_policy",
    "description",
    "count_storage",
    "public_opens_all",
}
"""The fields that decide which credential is sent where, to whom, and how well protected."""


class DeclaredCredential(FrozenModel):
    """What is known of a credential, without its content.

    Attributes:
        origins: the origins that it may be sent to.
        for_pull: whether it may be copied into pull secrets, which tenants can read.
        allow_push: whether it may be, although it can push.
        allow_weak_tls: whether a document may turn off the verification of certificates for it, or
            trust another CA than on record.
        error: why it cannot be used; empty if it can.
    """

    origins: frozenset[str] = frozenset()
    for_pull: bool = False
    allow_push: bool = False
    allow_weak_tls: bool = False
    error: str = ""


class EntryToCheck(NamedTuple):
    """A registry whose credentials are checked.

    Attributes:
        entry: the registry as it will be.
        before: the registry on record; None if it is new.
        is_changed: whether its credentials are used in another way than before. If not, only what
            was declared for it and is not any more is an objection.
    """

    entry: RegistryEntry
    before: RegistryEntry | None
    is_changed: bool = True


class _Use(NamedTuple):
    """An origin that receives a credential, and the field of the registry that says so.

    Attributes:
        is_sent: whether this service sends it there, and checks the origin again when it does; if
            not, others can read it there.
    """

    reference: NamedCredentialRef | CertificateRef
    origin: str
    field: str
    is_pull: bool = False
    is_sent: bool = True


def entries_to_check(
    plan: ConfigurationPlan, documents: Iterable[ParsedDocument], world: World
) -> dict[ThingKey, EntryToCheck]:
    """Return the declared registries: those on record, and those that a plan adds or changes.

    Args:
        plan: the plan.
        documents: the documents.
        world: what is on record.
    """
    names = {name for document in documents for name in document.document.registries}
    keys = (ThingKey(ThingKind.REGISTRY, name) for name in names)
    things = {key: world.things[key].spec for key in keys if key in world.things}
    unchanged = {
        key: EntryToCheck(spec, spec, is_changed=False)
        for key, spec in things.items()
        if isinstance(spec, RegistryEntry)
    }
    return unchanged | {
        change.key: EntryToCheck(
            change.declaration.spec,
            change.before if isinstance(change.before, RegistryEntry) else None,
        )
        for change in plan.changes
        if change.declaration is not None
        and isinstance(change.declaration.spec, RegistryEntry)
        and any(difference.field in _FIELDS for difference in change.differences)
    }


def references_of(
    entries: Iterable[EntryToCheck],
) -> frozenset[NamedCredentialRef | CertificateRef]:
    """Return the references to all credentials of registries."""
    return frozenset(use.reference for checked in entries for use in _uses(checked.entry))


def check_credentials(
    entries: Mapping[ThingKey, EntryToCheck],
    declared: Mapping[str, DeclaredCredential],
    documents: Iterable[ParsedDocument],
) -> dict[ThingKey, Notice]:
    """Return why registries cannot be changed, with the line that has to be corrected.

    Args:
        entries: the registries, see `entries_to_check`.
        declared: credentials by reference key.
        documents: the documents, for the places.
    """
    notices: dict[ThingKey, Notice] = {}
    for document in documents:
        for name in document.document.registries:
            key = ThingKey(ThingKind.REGISTRY, name)
            if key in entries and (objection := _find_objection(entries[key], declared)):
                field, message = objection
                position = document.position("registries", name, field)
                notices[key] = Notice(NoticeKind.BLOCKED, key, message, position)
    return notices


def _find_objection(
    checked: EntryToCheck, declared: Mapping[str, DeclaredCredential]
) -> tuple[str, str] | None:
    """Return the field that has to be corrected, and why; None if nothing has to be."""
    for use in _uses(checked.entry):
        credential = declared.get(use.reference.ref_key)
        is_usable = use.is_sent and credential is not None and not credential.error
        if (checked.is_changed or is_usable) and (message := _objection(use, credential)):
            return use.field, message
        if credential is not None and checked.is_changed:
            for field, message in _undeclared(use, checked, credential):
                return field, message
    return None


def _uses(entry: RegistryEntry) -> Iterator[_Use]:
    for field in ("credential", "pull_credential", "client_certificate"):
        name = getattr(entry, field)
        if name is None:
            continue
        reference = name.to_reference()
        is_pull = field == "pull_credential"
        yield _Use(reference, entry.address, "address", is_pull)
        if entry.token_service is not None:
            yield _Use(reference, entry.token_service, "token_service", is_pull)
        if is_pull:  # container runtimes send it to these hosts, too
            for host in entry.pull_addresses:
                origin = parse_address(f"https://{host}").origin
                yield _Use(reference, origin, "pull_addresses", is_pull, is_sent=False)
        if entry.proxy is not None and field != "client_certificate" and _can_proxy_read(entry):
            yield _Use(reference, entry.proxy, "proxy", is_pull, is_sent=False)
    if entry.proxy is not None and entry.proxy_credential is not None:
        yield _Use(entry.proxy_credential.to_reference(), entry.proxy, "proxy")


def _can_proxy_read(entry: RegistryEntry) -> bool:
    """Return whether a proxy can read the requests.

    It cannot if all of them are in tunnels that are verified with the CAs of the system: a document
    that names both the proxy and the CA could name its own.
    """
    origins = (entry.address, entry.token_service or entry.address)
    return entry.tls != SYSTEM_CA or any(origin.startswith("http://") for origin in origins)


def _objection(use: _Use, credential: DeclaredCredential | None) -> str:
    if credential is None:
        return f"{use.reference} does not exist: save it, with the addresses that it is for"
    if credential.error:
        return credential.error
    if use.origin in credential.origins:
        return ""
    consequence = "so it is not sent there" if use.is_sent else "where it could be read"
    return (
        f"{use.reference} is not declared for {use.origin}, {consequence}: name another "
        "credential or, if the address is right, add it to the origins of the credential"
    )


def _undeclared(
    use: _Use, checked: EntryToCheck, credential: DeclaredCredential
) -> Iterator[tuple[str, str]]:
    """Yield the fields that use a credential for what it is not declared for, and why."""
    entry, before = checked.entry, checked.before
    if use.is_pull and not credential.for_pull:
        yield (
            "pull_credential",
            f"{use.reference} is not declared for pull secrets, which tenants can read: name a "
            "pull-only user or, if it is one, set for_pull beside the credential",
        )
    if use.is_pull and entry.allow_push and not credential.allow_push:
        yield (
            "allow_push",
            f"{use.reference} is not declared as one that may push: remove allow_push or, if all "
            "tenants may push with it, set allow_push beside the credential",
        )
    if is_weaker(entry.tls, before.tls if before else None) and not credential.allow_weak_tls:
        yield (
            "tls",
            f"{use.reference} would be sent over a connection that is verified less than before: "
            "change tls with update-registry, or set allow_weak_tls beside the credential",
        )


def is_weaker(tls: Tls, before: Tls | None) -> bool:
    """Return whether certificates are verified less strictly, or by another CA, than before.

    The CA of a new registry is accepted, as nobody has chosen another one yet.
    """
    if tls in (before, SYSTEM_CA) or isinstance(before, SkipVerify):
        return False
    return before is not None or isinstance(tls, SkipVerify)
