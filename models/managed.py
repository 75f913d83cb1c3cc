"""Managed Harbors: those that the platform creates in its clusters, as the clusters show them."""

from enum import StrEnum

from models.base import Value


class SourceKind(StrEnum):
    """What tells of a managed Harbor."""

    OPERATOR = "harbor-operator"
    HELM = "helm"


class Phase(StrEnum):
    """How far a managed Harbor is, in the words of whoever runs it."""

    PROVISIONING = "provisioning"
    READY = "ready"
    FAILING = "failing"


class SecretKey(Value):
    """A key of a Secret in a cluster; what it holds is read when used, and never copied."""

    namespace: str
    name: str
    key: str


class Place(Value):
    """Where a managed Harbor is: its identity, together with its uid."""

    cluster: str
    namespace: str
    name: str
    kind: SourceKind

    def __str__(self) -> str:
        return f"{self.cluster}/{self.namespace}/{self.name}"


class ManagedHarbor(Value):
    """A managed Harbor as its cluster shows it.

    Attributes:
        uid: of the object that stands for it; another uid is another Harbor.
        address: its external URL as it is written there; empty while there is none.
        password: where its administrator's first password is; None while nobody says.
        authority: where the certificate authority of its address is, if it has one of its own.
        message: what whoever runs it says, or what is missing.
    """

    place: Place
    uid: str
    address: str = ""
    version: str = ""
    phase: Phase = Phase.READY
    password: SecretKey | None = None
    authority: SecretKey | None = None
    message: str = ""
