"""Managed Harbors: those that the platform creates in its clusters, as the clusters show them."""

import hashlib
import re
from collections.abc import Collection
from datetime import datetime
from enum import StrEnum

from models.core.base import FrozenModel

_MAX_NAME_LENGTH = 63


class HarborSourceKind(StrEnum):
    """What tells of a managed Harbor."""

    OPERATOR = "harbor-operator"
    HELM = "helm"


class HarborPhase(StrEnum):
    """How far a managed Harbor is, in the words of whoever runs it."""

    PROVISIONING = "provisioning"
    READY = "ready"
    FAILING = "failing"
    STOPPED = "stopped"


class SecretKeyRef(FrozenModel):
    """A key of a Secret in a cluster; what it holds is read when used, and never copied."""

    namespace: str
    name: str
    key: str


class HarborRef(FrozenModel):
    """Where a managed Harbor is: its identity, together with its uid."""

    cluster: str
    namespace: str
    name: str
    kind: HarborSourceKind

    def __str__(self) -> str:
        return f"{self.cluster}/{self.namespace}/{self.name}"


class ManagedHarbor(FrozenModel):
    """A managed Harbor as its cluster shows it.

    Attributes:
        uid: of the object that stands for it; another uid is another Harbor.
        address: its external URL as it is written there; empty while there is none.
        password: where its administrator's first password is; None while nobody says.
        ca_secret: where the certificate authority of its address is, if it has one of its own.
        ca_bundle: what is written there (PEM), once it was read.
        message: what whoever runs it says, or what is missing.
    """

    ref: HarborRef
    uid: str
    address: str = ""
    version: str = ""
    phase: HarborPhase = HarborPhase.READY
    password: SecretKeyRef | None = None
    ca_secret: SecretKeyRef | None = None
    ca_bundle: str = ""
    message: str = ""


class AdoptionState(StrEnum):
    """What this service makes of a managed Harbor.

    UNPROVED claims to be a Harbor on record, and nothing shows that it is. MOVED stood for a Harbor
    that another object stands for now.
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
    """A managed Harbor as this service knows it.

    Attributes:
        registry: the name it was integrated under; empty while it is not.
        message: why it is as it is, and what to do.
        missing_since: first complete look at its cluster without it (UTC).
        refusals: how often in a row the Harbor refused the password of its own Secret.
        refused_at: when it did last (UTC).
    """

    ref: HarborRef
    uid: str
    state: AdoptionState
    registry: str = ""
    message: str = ""
    missing_since: datetime | None = None
    refusals: int = 0
    refused_at: datetime | None = None


def registry_name_for(ref: HarborRef, existing_names: Collection[str]) -> str:
    """Return the name that a Harbor of this place gets: the same whenever it is asked."""
    plain = re.sub(r"[^a-z0-9]+", "-", f"{ref.cluster}-{ref.namespace}-{ref.name}".lower())
    plain = plain.strip("-")
    if len(plain) <= _MAX_NAME_LENGTH and plain not in existing_names:
        return plain
    digest = hashlib.sha256(f"{ref.kind}/{ref}".encode()).hexdigest()[:8]
    return f"{plain[: _MAX_NAME_LENGTH - 9].strip('-')}-{digest}"
