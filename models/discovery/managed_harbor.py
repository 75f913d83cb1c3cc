"""Managed Harbors, which run in the platform's clusters: observation and record."""

import hashlib
import re
from collections.abc import Collection
from datetime import datetime
from enum import StrEnum

from models.core.base import FrozenModel

_MAX_NAME_LENGTH = 63


class HarborSourceKind(StrEnum):
    """The source in which a managed Harbor is discovered."""

    OPERATOR = "harbor-operator"
    HELM = "helm"


class HarborPhase(StrEnum):
    """The phase of a managed Harbor, as reported by its operator or Deployment."""

    PROVISIONING = "provisioning"
    READY = "ready"
    FAILING = "failing"
    STOPPED = "stopped"


class SecretKeyRef(FrozenModel):
    """A reference to a key of a Secret in a cluster; the value is read when used, never stored."""

    namespace: str
    name: str
    key: str


class HarborRef(FrozenModel):
    """A reference to a managed Harbor; together with the uid it identifies the object."""

    cluster: str
    namespace: str
    name: str
    kind: HarborSourceKind

    def __str__(self) -> str:
        return f"{self.cluster}/{self.namespace}/{self.name}"


class ManagedHarbor(FrozenModel):
    """A managed Harbor as observed in its cluster.

    Attributes:
        uid: uid of its object in Kubernetes.
        address: external URL as configured in the object; empty if there is none.
        password: reference to the administrator's initial password; None if unknown.
        ca_secret: reference to the CA of its address, if it has its own CA.
        ca_bundle: content of `ca_secret` (PEM), after it was read.
        ca_message: why `ca_secret` could not be read, and what to do.
        message: message of the operator or Deployment, or what is missing.
    """

    ref: HarborRef
    uid: str
    address: str = ""
    version: str = ""
    phase: HarborPhase = HarborPhase.READY
    password: SecretKeyRef | None = None
    ca_secret: SecretKeyRef | None = None
    ca_bundle: str = ""
    ca_message: str = ""
    message: str = ""


class AdoptionState(StrEnum):
    """The adoption state of a managed Harbor.

    UNCONFIRMED: the object claims to be a Harbor on record, but its identity is not confirmed.
    MOVED: the registry of this object is linked to another object now.
    EXCLUDED: a user removed its registry; it is not adopted again automatically.
    """

    ADOPTED = "adopted"
    WAITING = "waiting"
    CONFLICT = "conflict"
    UNTRUSTED = "not-trusted"
    UNCONFIRMED = "not-proved"
    MOVED = "moved"
    EXCLUDED = "kept-out"
    MISSING = "missing"


class ManagedHarborRecord(FrozenModel):
    """The record of a managed Harbor.

    Attributes:
        registry: name of its registry; empty if it has none.
        message: reason for the state, and advice.
        missing_since: first complete observation of its cluster without it (UTC); None while it
            exists.
        refusals: consecutive times that the Harbor refused the password in its own Secret.
        refused_at: last time that it refused the password (UTC).
    """

    ref: HarborRef
    uid: str
    state: AdoptionState
    registry: str = ""
    message: str = ""
    missing_since: datetime | None = None
    refusals: int = 0
    refused_at: datetime | None = None

    def exclude(self) -> "ManagedHarborRecord":
        """Return the record after its registry was removed manually."""
        message = "removed manually; run integrate-managed-harbor to adopt it again"
        return self.model_copy(
            update={"state": AdoptionState.EXCLUDED, "registry": "", "message": message}
        )

    def is_excluded(self, cluster: str, namespace: str, name: str) -> bool:
        """Return whether it is the record of this Harbor, and a user removed its registry."""
        location = self.ref.cluster, self.ref.namespace, self.ref.name
        return self.state is AdoptionState.EXCLUDED and location == (cluster, namespace, name)


def adopted_record(harbor: ManagedHarbor, registry: str, message: str = "") -> ManagedHarborRecord:
    """Return the record of a Harbor that is linked to a registry."""
    return ManagedHarborRecord(
        ref=harbor.ref,
        uid=harbor.uid,
        state=AdoptionState.ADOPTED,
        registry=registry,
        message=message,
    )


def duplicate_record(harbor: ManagedHarbor, duplicate: str) -> ManagedHarborRecord:
    """Return the record of a Harbor that is integrated under another address already.

    Args:
        harbor: the observed Harbor.
        duplicate: name of the registry with the other address.
    """
    message = (
        f"{harbor.address} is another address of the Harbor that is integrated as {duplicate}: "
        "that Harbor contains its robot accounts. Use one address for both, or run update-registry "
        f"for {duplicate}"
    )
    return ManagedHarborRecord(
        ref=harbor.ref, uid=harbor.uid, state=AdoptionState.CONFLICT, message=message
    )


def registry_name_for(ref: HarborRef, existing_names: Collection[str]) -> str:
    """Return a deterministic registry name for a managed Harbor."""
    plain = re.sub(r"[^a-z0-9]+", "-", f"{ref.cluster}-{ref.namespace}-{ref.name}".lower())
    plain = plain.strip("-")
    if len(plain) <= _MAX_NAME_LENGTH and plain not in existing_names:
        return plain
    digest = hashlib.sha256(f"{ref.kind}/{ref}".encode()).hexdigest()[:8]
    return f"{plain[: _MAX_NAME_LENGTH - 9].strip('-')}-{digest}"
