"""What a Kubernetes API answers, without I/O: JSON in, values out.

See https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

import base64
import binascii
from collections.abc import Callable, Collection
from typing import TypeVar

from pydantic import Field, ValidationError

from models.clusters.cluster import (
    FIELD_MANAGER,
    INSTALLATION,
    MANAGED_BY,
    SECRET_NAME,
    ObservedAccount,
    ObservedNamespace,
    ObservedSecret,
)
from tasks.http.api_model import LONGEST_ERROR, ApiModel

DOCKER_CONFIG = "kubernetes.io/dockerconfigjson"
"""https://kubernetes.io/docs/concepts/configuration/secret/#docker-config-secrets"""

DOCKER_KEY = ".dockerconfigjson"

Fingerprint = Callable[[bytes], str]
"""Keyed digest of a pull secret's content."""


class Wire(ApiModel):
    """A part of a cluster's answer."""


class Meta(Wire):
    """Metadata of an object.

    Names are limited as an API server limits them, so that none fills our tables and pages:
    https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
    """

    name: str = Field(max_length=253, pattern=r"^[^\s\x00-\x1f\x7f\ufffd]+$")
    namespace: str = Field(default="", max_length=253)
    uid: str = Field(default="", max_length=128)
    version: str = Field(default="", alias="resourceVersion", max_length=128)
    labels: dict[str, str] = Field(default_factory=dict)
    deleted_at: str | None = Field(default=None, alias="deletionTimestamp")


class _Phase(Wire):
    phase: str = ""


class Namespace(Wire):
    """A namespace."""

    metadata: Meta
    status: _Phase = _Phase()

    def observed(self, labels: Collection[str]) -> ObservedNamespace:
        """Return what we keep of it, with those of its labels that are asked for."""
        kept = {key: value for key, value in self.metadata.labels.items() if key in labels}
        return ObservedNamespace(
            name=self.metadata.name,
            uid=self.metadata.uid,
            labels=tuple(sorted(kept.items())),
            terminating=self.status.phase == "Terminating" or self.metadata.deleted_at is not None,
        )


class Secret(Wire):
    """A Secret; its content goes into no `repr` and no error."""

    metadata: Meta
    type: str = "Opaque"
    data: dict[str, str] | None = Field(default=None, repr=False)

    def observed(self, installation: str, fingerprint: Fingerprint) -> ObservedSecret:
        """Return what we keep of it: whose it is, and a digest of what it holds."""
        labels = self.metadata.labels
        content = self.content
        return ObservedSecret(
            namespace=self.metadata.namespace,
            uid=self.metadata.uid,
            version=self.metadata.version,
            ours=labels.get(MANAGED_BY) == FIELD_MANAGER
            and labels.get(INSTALLATION) == installation,
            fingerprint=None if content is None else fingerprint(content),
        )

    @property
    def content(self) -> bytes | None:
        """The dockerconfigjson it holds."""
        encoded = (self.data or {}).get(DOCKER_KEY)
        if self.type != DOCKER_CONFIG or encoded is None:
            return None
        try:
            return base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            return None


class _Named(Wire):
    name: str = ""


class Account(Wire):
    """A ServiceAccount."""

    metadata: Meta
    pull_secrets: list[_Named] | None = Field(default=None, alias="imagePullSecrets")

    @property
    def observed(self) -> ObservedAccount:
        """Return what we keep of it."""
        return ObservedAccount(namespace=self.metadata.namespace, linked=SECRET_NAME in self.names)

    @property
    def names(self) -> list[str]:
        """The pull secrets it hands out, ours and others."""
        return [one.name for one in self.pull_secrets or ()]


Item = TypeVar("Item", Namespace, Secret, Account)


class ListMeta(Wire):
    """Metadata of a page."""

    more: str = Field(default="", alias="continue")


class _Cause(Wire):
    reason: str = ""


class _Details(Wire):
    kind: str = ""
    causes: list[_Cause] | None = None


class Status(Wire):
    """Why a request failed, https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/."""

    kind: str = ""
    reason: str = ""
    message: str = ""
    details: _Details | None = None

    @property
    def causes(self) -> set[str]:
        """The causes, each as its word."""
        listed = (self.details.causes if self.details else None) or ()
        return {one.reason for one in listed}

    @property
    def subject(self) -> str:
        """The kind of object it speaks of, e.g. `namespaces`."""
        return self.details.kind if self.details else ""


def status_of(body: bytes) -> Status | None:
    """Read a Status; None if something else answered."""
    try:
        found = Status.model_validate_json(body[:LONGEST_ERROR])
    except ValidationError:
        return None
    return found if found.kind == "Status" else None
