"""API models of Kubernetes objects, without I/O.

See https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

import base64
import binascii
from collections.abc import Callable, Collection, Iterable, Mapping, Set
from types import MappingProxyType
from typing import Annotated, Any, NamedTuple, TypeVar

from pydantic import AfterValidator, Field, ValidationError

from models.clusters.cluster import (
    FIELD_MANAGER,
    INSTALLATION_LABEL,
    MANAGED_BY_LABEL,
    PULL_SECRET_NAME,
    SERVICE_ACCOUNT_NAME,
    ImagePullSecrets,
    ObservedNamespace,
    ObservedPod,
    ObservedPullSecret,
    ObservedServiceAccount,
)
from tasks.http.api_model import MAX_ERROR_LENGTH, ApiModel

DOCKER_CONFIG_TYPE = "kubernetes.io/dockerconfigjson"
"""https://kubernetes.io/docs/concepts/configuration/secret/#docker-config-secrets"""

DOCKER_CONFIG_KEY = ".dockerconfigjson"

FingerprintFunction = Callable[[bytes], str]
"""Returns the keyed digest of a pull secret's content."""

ContentCheck = Callable[[bytes], bool]
"""Returns whether a dockerconfigjson holds nothing but logins of this installation."""


ContentKeeper = Callable[[str, bytes], None]
"""Keeps the content of a namespace's pull secret that is as this installation wrote it."""


def keep_nothing(namespace: str, content: bytes) -> None:
    """Keep no content."""


def recognize_nothing(content: bytes) -> bool:
    """Recognize no content: only labels identify a Secret."""
    return False


class SecretIdentity(NamedTuple):
    """What identifies the Secrets of this installation.

    Attributes:
        installation: installation id in their labels.
        fingerprint: keyed digest of their content.
        is_own_content: whether a content can only be of this installation, for Secrets whose
            labels somebody changed.
        recorded_fingerprints: fingerprints of what this installation wrote, by namespace; the
            robot accounts of these contents may be deleted already.
        keep_content: gets each listed content that has its recorded fingerprint.
    """

    installation: str
    fingerprint: FingerprintFunction
    is_own_content: ContentCheck = recognize_nothing
    recorded_fingerprints: Mapping[str, str] = MappingProxyType({})
    keep_content: ContentKeeper = keep_nothing


def _check_texts(values: dict[str, Any]) -> dict[str, str]:
    if not all(isinstance(value, str) for value in values.values()):
        raise ValueError("a value is not a string")
    return values


TextByKey = Annotated[dict[str, Any], AfterValidator(_check_texts)]
"""Labels or data, of any number: a tenant chooses it. An invalid value is reported once."""


class KubernetesModel(ApiModel):
    """A part of a cluster's response."""


class ObjectIdentity(KubernetesModel):
    """Name and namespace of an object.

    Names have the limits of the API server, so that no name can fill the database and the pages:
    https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
    """

    name: str = Field(max_length=253, pattern=r"^[^\s\x00-\x1f\x7f\ufffd]+$")
    namespace: str = Field(default="", max_length=253)


class PartialObject(KubernetesModel):
    """An object of which only the identity is read."""

    metadata: ObjectIdentity


class ObjectMeta(ObjectIdentity):
    """Metadata of an object."""

    uid: str = Field(default="", max_length=128)
    resource_version: str = Field(default="", alias="resourceVersion", max_length=128)
    labels: TextByKey = Field(default_factory=dict)
    deleted_at: str | None = Field(default=None, alias="deletionTimestamp")


class KubernetesObject(KubernetesModel):
    """An object with its metadata."""

    metadata: ObjectMeta


class ManagedFields(KubernetesModel):
    """The fields of an object that one client set last.

    See https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
    """

    manager: str = Field(default="", max_length=128)
    time: str = Field(default="", max_length=64)
    fields: dict[str, Any] = Field(default_factory=dict, alias="fieldsV1")


class ManagedObjectMeta(ObjectMeta):
    """Metadata of an object that other clients may change."""

    managed_fields: list[ManagedFields] | None = Field(default=None, alias="managedFields")

    def field_manager(self, field: str) -> str:
        """Return the client that set a field last; empty if not known."""
        return _latest_manager(entry for entry in self._entries if f"f:{field}" in entry.fields)

    def other_manager(self, field: str) -> str:
        """Return the client, other than this service, that changed the field, or else the object.

        A client that removes a field does not own it afterwards.
        """
        others = [entry for entry in self._entries if entry.manager != FIELD_MANAGER]
        owners = (entry for entry in others if f"f:{field}" in entry.fields)
        return _latest_manager(owners) or _latest_manager(others)

    @property
    def _entries(self) -> list[ManagedFields]:
        return self.managed_fields or []


def _latest_manager(entries: Iterable[ManagedFields]) -> str:
    # The times have one format, so their texts can be compared.
    latest = max(entries, key=lambda entry: entry.time, default=None)
    return latest.manager if latest else ""


class _NamespacePhase(KubernetesModel):
    phase: str = ""


class NamespaceObject(KubernetesObject):
    """A namespace."""

    status: _NamespacePhase = _NamespacePhase()

    def to_observed(self, label_keys: Collection[str]) -> ObservedNamespace:
        """Convert to an `ObservedNamespace` with the selected labels.

        Args:
            label_keys: keys of the labels to keep.
        """
        labels = self.metadata.labels
        selected_labels = {key: labels[key] for key in label_keys if key in labels}
        return ObservedNamespace(
            name=self.metadata.name,
            uid=self.metadata.uid,
            labels=tuple(sorted(selected_labels.items())),
            terminating=self.status.phase == "Terminating" or self.metadata.deleted_at is not None,
        )


class SecretObject(KubernetesObject):
    """A Secret; its content is excluded from `repr` and errors."""

    metadata: ManagedObjectMeta
    type: str = "Opaque"
    data: TextByKey | None = Field(default=None, repr=False)

    def to_observed(self, identity: SecretIdentity) -> ObservedPullSecret:
        """Convert to an `ObservedPullSecret`: ownership and a fingerprint of the content.

        Args:
            identity: what identifies the Secrets of this installation.
        """
        labels = self.metadata.labels
        is_labelled = labels.get(MANAGED_BY_LABEL) == FIELD_MANAGER
        installation = labels.get(INSTALLATION_LABEL, "") if is_labelled else ""
        has_labels = installation == identity.installation and is_labelled
        namespace, content = self.metadata.namespace, self.dockerconfigjson
        fingerprint = None if content is None else identity.fingerprint(content)
        is_recorded = fingerprint == identity.recorded_fingerprints.get(namespace, "")
        is_own = is_recorded and not installation
        return ObservedPullSecret(
            namespace=namespace,
            uid=self.metadata.uid,
            resource_version=self.metadata.resource_version,
            is_owned=has_labels
            or is_own
            or (content is not None and identity.is_own_content(content)),
            has_labels=has_labels,
            installation=installation,
            fingerprint=fingerprint,
            other_manager=self.metadata.other_manager("data"),
        )

    @property
    def dockerconfigjson(self) -> bytes | None:
        """The decoded dockerconfigjson; None if the Secret has another type or is invalid."""
        encoded = (self.data or {}).get(DOCKER_CONFIG_KEY)
        if self.type != DOCKER_CONFIG_TYPE or encoded is None:
            return None
        try:
            return base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            return None


class _NameRef(KubernetesModel):
    name: str = ""


_MAX_KEPT_LENGTH = 1_000
"""Characters of the names in imagePullSecrets that an observation keeps, with separators."""


class ServiceAccount(KubernetesObject):
    """A ServiceAccount."""

    metadata: ManagedObjectMeta
    pull_secrets: list[_NameRef] | None = Field(default=None, alias="imagePullSecrets")

    @property
    def has_pull_secret(self) -> bool:
        """Whether `imagePullSecrets` includes the pull secret."""
        return PULL_SECRET_NAME in self.pull_secret_names

    def to_observed(self, label_keys: Set[str] = frozenset()) -> ObservedServiceAccount:
        """Convert to an `ObservedServiceAccount` with the selected labels.

        Args:
            label_keys: keys of the labels to keep.
        """
        labels = {
            key: self.metadata.labels[key] for key in self.metadata.labels.keys() & label_keys
        }
        return ObservedServiceAccount(
            namespace=self.metadata.namespace,
            name=self.metadata.name,
            has_pull_secret=self.has_pull_secret,
            pull_secrets=self._kept_pull_secrets,
            labels=tuple(sorted(labels.items())),
            manager=self.metadata.field_manager("imagePullSecrets"),
            other_manager=self.metadata.other_manager("imagePullSecrets"),
        )

    @property
    def image_pull_secrets(self) -> ImagePullSecrets:
        """Its imagePullSecrets in this version."""
        version = self.metadata.resource_version
        return ImagePullSecrets(resource_version=version, names=tuple(self.pull_secret_names))

    @property
    def _kept_pull_secrets(self) -> ImagePullSecrets | None:
        # A snapshot holds all ServiceAccounts of a cluster; their users choose what is in them.
        length = sum(len(name) + 1 for name in self.pull_secret_names)
        is_kept = self.metadata.resource_version and length <= _MAX_KEPT_LENGTH
        return self.image_pull_secrets if is_kept else None

    @property
    def pull_secret_names(self) -> list[str]:
        """Names in `imagePullSecrets`, including those of others."""
        return [pull_secret.name for pull_secret in self.pull_secrets or ()]


class _PodSpec(KubernetesModel):
    service_account: str = Field(default="", alias="serviceAccountName", max_length=253)
    pull_secrets: list[_NameRef] | None = Field(default=None, alias="imagePullSecrets")


class PodObject(KubernetesObject):
    """A pod."""

    spec: _PodSpec = _PodSpec()

    @property
    def to_observed(self) -> ObservedPod:
        """The pod as an `ObservedPod`."""
        return ObservedPod(
            name=self.metadata.name,
            service_account=self.spec.service_account or SERVICE_ACCOUNT_NAME,
            pull_secrets=tuple(reference.name for reference in self.spec.pull_secrets or ()),
        )


ObjectT = TypeVar("ObjectT", NamespaceObject, SecretObject, ServiceAccount, PodObject)


class ListMeta(KubernetesModel):
    """Metadata of a list page."""

    continue_token: str = Field(default="", alias="continue")


class _Cause(KubernetesModel):
    reason: str = ""


class _Details(KubernetesModel):
    kind: str = ""
    causes: list[_Cause] | None = None


class Status(KubernetesModel):
    """Error of a request, https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/."""

    kind: str = ""
    reason: str = ""
    message: str = ""
    details: _Details | None = None

    @property
    def cause_reasons(self) -> set[str]:
        """Reasons of the causes, for example `FieldValueTooLong`."""
        causes = (self.details.causes if self.details else None) or ()
        return {cause.reason for cause in causes}

    @property
    def resource(self) -> str:
        """Plural of the affected kind, for example `namespaces`."""
        return self.details.kind if self.details else ""


def parse_status(body: bytes) -> Status | None:
    """Parse an error body; None if it is not a Kubernetes Status."""
    try:
        status = Status.model_validate_json(body[:MAX_ERROR_LENGTH])
    except ValidationError:
        return None
    return status if status.kind == "Status" else None
