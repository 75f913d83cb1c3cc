"""What a managed Harbor's object may change of its registry, and what it never may."""

from models.discovery.managed_harbor import HarborPhase, ManagedHarbor
from models.registries.address import parse_address
from models.registries.registry import (
    SYSTEM_CA,
    BlockRef,
    CustomCA,
    Registry,
    RegistryOrigin,
    SecretRef,
    SkipVerify,
    Tls,
)

_UNVERIFIED = SkipVerify()


def missing_requirement(harbor: ManagedHarbor) -> str:
    """Say what a Harbor lacks to be integrated; empty if nothing."""
    if harbor.phase in (HarborPhase.PROVISIONING, HarborPhase.STOPPED):
        return harbor.message or f"it is {harbor.phase}"
    if not harbor.address:
        return harbor.message or "it has no address yet"
    try:
        parse_address(harbor.address)
    except ValueError as error:
        return str(error)
    if harbor.password is None:
        return harbor.message or "nobody says where its password is"
    if harbor.password.namespace != harbor.ref.namespace:
        return f"its password is said to be in another namespace: {harbor.password.namespace}"
    return ""


def secret_ref(harbor: ManagedHarbor) -> SecretRef | None:
    """Return the reference by which a managed Harbor's password is read each time."""
    key = harbor.password
    if key is None:
        return None
    return SecretRef(
        cluster=harbor.ref.cluster, namespace=key.namespace, name=key.name, key=key.key
    )


def tls_settings(harbor: ManagedHarbor) -> Tls:
    """Return how a managed Harbor's certificate is verified."""
    return CustomCA(bundle=harbor.ca_bundle) if harbor.ca_bundle else SYSTEM_CA


def is_discovery_managed(registry: Registry) -> bool:
    """Whether an object in a cluster may change where a registry is and how it is opened.

    Not what a person integrated, and not under a credential that a person gave: it would be sent
    to wherever the object says, or to whoever holds the authority that the object names.
    """
    return registry.origin is RegistryOrigin.MANAGED and not isinstance(
        registry.credential, BlockRef
    )


def address_objection(registry: Registry, harbor: ManagedHarbor) -> str:
    """Say why a registry must not have the address that its Harbor's object names; or nothing."""
    address = parse_address(harbor.address)
    if address.origin == registry.address:
        return ""
    change = f"its address is {address.origin} now, and {registry.address} on record"
    fix = f"if it is right, run update-registry for {registry.name} with address and credentials"
    if not is_discovery_managed(registry):
        return f"{change}; a person gave the credentials for that one: {fix}"
    if registry.parsed_address.scheme == "https" and address.scheme == "http":
        return f"{change}; nothing goes from https to http by itself: {fix}"
    return ""


def describe_update(registry: Registry, harbor: ManagedHarbor) -> str:
    """Say what is to be followed; what cannot be read now is left as it is."""
    if missing_requirement(harbor) or not is_discovery_managed(registry):
        return ""
    address = parse_address(harbor.address)
    if address.origin != registry.address:
        return f"its address is {address.origin} now"
    if registry.credential != secret_ref(harbor):
        return "its password is in another Secret now"
    if harbor.ca_bundle and registry.tls not in (_UNVERIFIED, CustomCA(bundle=harbor.ca_bundle)):
        return "its certificate authority is another one now"
    return ""


def refresh_registry(registry: Registry, harbor: ManagedHarbor) -> Registry:
    """Return a registry as its cluster shows it now.

    What a person integrated, or gave the credentials of, stays as it is. So does a choice not to
    verify.
    """
    if not is_discovery_managed(registry):
        return registry
    verifies = harbor.ca_bundle and not isinstance(registry.tls, SkipVerify)
    return registry.model_copy(
        update={
            "address": parse_address(harbor.address).origin,
            "credential": secret_ref(harbor),
            "tls": tls_settings(harbor) if verifies else registry.tls,
        }
    )
