"""Rules for the changes that a managed Harbor's object can cause in its registry."""

from collections.abc import Collection, Iterable

from models.discovery.managed_harbor import HarborPhase, ManagedHarbor, ManagedHarborRecord
from models.registries.address import parse_address
from models.registries.registry import (
    MANAGED_KIND,
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
    """Return what is missing to integrate a Harbor; empty if it is ready."""
    if harbor.phase in (HarborPhase.PROVISIONING, HarborPhase.STOPPED):
        return harbor.message or f"it is {harbor.phase}"
    if not harbor.address:
        return harbor.message or "it has no address yet"
    try:
        parse_address(harbor.address)
    except ValueError as error:
        return str(error)
    if harbor.password is None:
        return harbor.message or "its object contains no reference to a password"
    if harbor.password.namespace != harbor.ref.namespace:
        return f"its password reference is to another namespace: {harbor.password.namespace}"
    return ""


def secret_ref(harbor: ManagedHarbor) -> SecretRef | None:
    """Return the reference to a managed Harbor's password; None if unknown."""
    key = harbor.password
    if key is None:
        return None
    return SecretRef(
        cluster=harbor.ref.cluster, namespace=key.namespace, name=key.name, key=key.key
    )


def tls_settings(harbor: ManagedHarbor) -> Tls:
    """Return the TLS settings for a managed Harbor."""
    return CustomCA(bundle=harbor.ca_bundle) if harbor.ca_bundle else SYSTEM_CA


def new_registry(name: str, harbor: ManagedHarbor) -> Registry:
    """Return the registry that a managed Harbor is integrated as."""
    return Registry(
        name=name,
        kind=MANAGED_KIND,
        address=harbor.address,
        origin=RegistryOrigin.MANAGED,
        credential=secret_ref(harbor),
        tls=tls_settings(harbor),
        description=f"Managed: {harbor.ref} ({harbor.ref.kind})",
    )


def is_discovery_managed(registry: Registry) -> bool:
    """Return whether an object in a cluster may change a registry's address, credential and CA.

    Not for a registry that a user integrated or gave credentials for: otherwise the object could
    redirect the user's credentials to another address or CA.
    """
    return registry.origin is RegistryOrigin.MANAGED and not isinstance(
        registry.credential, BlockRef
    )


def address_objection(registry: Registry, harbor: ManagedHarbor) -> str:
    """Return why a registry must not get the address in its Harbor's object; empty if it may."""
    address = parse_address(harbor.address)
    if address.origin == registry.address:
        return ""
    change = f"its address changed from {registry.address} to {address.origin}"
    fix = f"if this is intended, run update-registry for {registry.name} with address and "
    fix += "credentials"
    if not is_discovery_managed(registry):
        return f"{change}; a user set the credentials for the old one: {fix}"
    if registry.parsed_address.scheme == "https" and address.scheme == "http":
        return f"{change}; a change from https to http is never automatic: {fix}"
    return ""


def describe_update(registry: Registry, harbor: ManagedHarbor) -> str:
    """Return what has to be updated in the registry; empty if it is up to date.

    Values that cannot be read now are not updated.
    """
    if missing_requirement(harbor) or not is_discovery_managed(registry):
        return ""
    address = parse_address(harbor.address)
    if address.origin != registry.address:
        return f"its address changed to {address.origin}"
    if registry.credential != secret_ref(harbor):
        return "its password is in another Secret"
    if harbor.ca_bundle and registry.tls not in (_UNVERIFIED, CustomCA(bundle=harbor.ca_bundle)):
        return "its CA changed"
    return ""


def ca_warnings(
    harbors: Iterable[ManagedHarbor],
    records: Iterable[ManagedHarborRecord],
    untrusted_tls: Collection[str],
) -> tuple[str, ...]:
    """Return why the CAs of Harbors could not be read, where that matters.

    A CA that cannot be read is usual where the machine trusts it, or where a public CA signed the
    certificate: the Secret contains the private key as well, so few may read it.

    Args:
        harbors: the observed Harbors.
        records: records of managed Harbors.
        untrusted_tls: names of registries whose certificate is not trusted.
    """
    by_ref = {record.ref: record.registry for record in records}
    return tuple(
        f"{harbor.ref}: the certificate of {by_ref[harbor.ref]} is not trusted, and its CA could "
        f"not be read from its Secret: {harbor.ca_message}"
        for harbor in harbors
        if harbor.ca_message and by_ref.get(harbor.ref) in untrusted_tls
    )


def refresh_registry(registry: Registry, harbor: ManagedHarbor) -> Registry:
    """Return a registry updated with the values observed in its cluster.

    A registry that a user integrated or gave credentials for does not change, nor does the setting
    to skip TLS verification.
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
