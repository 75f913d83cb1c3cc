"""Check that the credentials a document names are declared for the addresses it sends them to.

The origins of a credential are declared beside it, outside of any document: whoever may send a
document must not be able to send the service's own secrets to an address of his own.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from models.configuration.document import RegistryEntry
from models.configuration.parse import ParsedDocument
from models.configuration.plan import ConfigurationPlan, Notice, NoticeKind
from models.configuration.things import ThingKey
from models.core.base import FrozenModel
from models.registries.address import parse_address
from models.registries.registry import NamedCredentialRef

_FIELDS = frozenset({"address", "credential", "pull_credential", "token_service", "pull_addresses"})
"""The fields that decide which credential is sent where."""


class DeclaredCredential(FrozenModel):
    """What is known of a credential, without its content.

    Attributes:
        origins: the origins that it may be sent to.
        document_id: id of its block document; empty if it is no block.
        error: why it cannot be used; empty if it can.
    """

    origins: frozenset[str] = frozenset()
    document_id: str = ""
    error: str = ""


class _Use(NamedTuple):
    """An origin that receives a credential, and the field of the registry that says so."""

    reference: NamedCredentialRef
    origin: str
    field: str


def entries_to_check(plan: ConfigurationPlan) -> dict[ThingKey, RegistryEntry]:
    """Return the registries whose credentials a plan sends to other addresses than before."""
    return {
        change.key: change.declaration.spec
        for change in plan.changes
        if change.declaration is not None
        and isinstance(change.declaration.spec, RegistryEntry)
        and any(difference.field in _FIELDS for difference in change.differences)
    }


def references_of(entries: Iterable[RegistryEntry]) -> frozenset[NamedCredentialRef]:
    """Return the references to all credentials of registries."""
    return frozenset(use.reference for entry in entries for use in _uses(entry))


def check_credentials(
    entries: Mapping[ThingKey, RegistryEntry],
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
            for key, entry in entries.items():
                if key.name != name:
                    continue
                for use in _uses(entry):
                    if message := _objection(use, declared.get(use.reference.ref_key)):
                        position = document.position("registries", name, use.field)
                        notices[key] = Notice(NoticeKind.BLOCKED, key, message, position)
                        break
    return notices


def _uses(entry: RegistryEntry) -> Iterator[_Use]:
    for field in ("credential", "pull_credential"):
        name = getattr(entry, field)
        if name is None:
            continue
        reference = name.to_reference()
        yield _Use(reference, entry.address, "address")
        if entry.token_service is not None:
            yield _Use(reference, entry.token_service, "token_service")
        if field == "pull_credential":  # container runtimes send it to these hosts, too
            for host in entry.pull_addresses:
                yield _Use(reference, parse_address(f"https://{host}").origin, "pull_addresses")


def _objection(use: _Use, credential: DeclaredCredential | None) -> str:
    if credential is None:
        return f"{use.reference} does not exist: save it, with the addresses that it is for"
    if credential.error:
        return credential.error
    if use.origin in credential.origins:
        return ""
    return (
        f"{use.reference} is not declared for {use.origin}, so it was not sent there: name another "
        "credential or, if the address is right, add it to the origins of the credential"
    )
