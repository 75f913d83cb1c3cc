"""What a managed Harbor's object may change of its registry, and what it never may."""

from models.discovery.managed_harbor import ManagedHarbor, Phase
from models.registries.address import parse_address
from models.registries.registry import (
    VERIFY,
    BlockRef,
    NoVerification,
    Origin,
    OwnAuthority,
    Registry,
    SecretRef,
    Tls,
)

_UNVERIFIED = NoVerification()


def hindrance(harbor: ManagedHarbor) -> str:
    """Say what a Harbor lacks to be integrated; empty if nothing."""
    if harbor.phase in (Phase.PROVISIONING, Phase.STOPPED):
        return harbor.message or f"it is {harbor.phase}"
    if not harbor.address:
        return harbor.message or "it has no address yet"
    try:
        parse_address(harbor.address)
    except ValueError as error:
        return str(error)
    if harbor.password is None:
        return harbor.message or "nobody says where its password is"
    if harbor.password.namespace != harbor.place.namespace:
        return f"its password is said to be in another namespace: {harbor.password.namespace}"
    return ""


def secret_ref(harbor: ManagedHarbor) -> SecretRef | None:
    """Return the reference by which a managed Harbor's password is read each time."""
    key = harbor.password
    if key is None:
        return None
    return SecretRef(
        cluster=harbor.place.cluster, namespace=key.namespace, name=key.name, key=key.key
    )


def tls_of(harbor: ManagedHarbor) -> Tls:
    """Return how a managed Harbor's certificate is verified."""
    return OwnAuthority(bundle=harbor.bundle) if harbor.bundle else VERIFY


def follows(registry: Registry) -> bool:
    """Whether an object in a cluster may change where a registry is and how it is opened.

    Not what a person integrated, and not under a credential that a person gave: it would be sent
    to wherever the object says, or to whoever holds the authority that the object names.
    """
    return registry.origin is Origin.MANAGED and not isinstance(registry.credential, BlockRef)


def objection(registry: Registry, harbor: ManagedHarbor) -> str:
    """Say why a registry must not have the address that its Harbor's object names; or nothing."""
    address = parse_address(harbor.address)
    if address.origin == registry.address:
        return ""
    moved = f"its address is {address.origin} now, and {registry.address} on record"
    mend = f"if it is right, run update-registry for {registry.name} with address and credentials"
    if not follows(registry):
        return f"{moved}; a person gave the credentials for that one: {mend}"
    if registry.where.scheme == "https" and address.scheme == "http":
        return f"{moved}; nothing goes from https to http by itself: {mend}"
    return ""


def difference(registry: Registry, harbor: ManagedHarbor) -> str:
    """Say what is to be followed; what cannot be read now is left as it is."""
    if hindrance(harbor) or not follows(registry):
        return ""
    address = parse_address(harbor.address)
    if address.origin != registry.address:
        return f"its address is {address.origin} now"
    if registry.credential != secret_ref(harbor):
        return "its password is in another Secret now"
    if harbor.bundle and registry.tls not in (_UNVERIFIED, OwnAuthority(bundle=harbor.bundle)):
        return "its certificate authority is another one now"
    return ""


def renewed(registry: Registry, harbor: ManagedHarbor) -> Registry:
    """Return a registry as its cluster shows it now.

    What a person integrated, or gave the credentials of, stays as it is. So does a choice not to
    verify.
    """
    if not follows(registry):
        return registry
    verifies = harbor.bundle and not isinstance(registry.tls, NoVerification)
    return registry.model_copy(
        update={
            "address": parse_address(harbor.address).origin,
            "credential": secret_ref(harbor),
            "tls": tls_of(harbor) if verifies else registry.tls,
        }
    )
