"""The names of credentials in a document: never their content."""

from typing import Any, Self

from pydantic import ConfigDict, Field, model_validator

from models.core.base import FrozenModel
from models.registries.registry import (
    CREDENTIAL_FILE_PATTERN,
    CREDENTIAL_VARIABLE_PATTERN,
    BlockRef,
    CertificateRef,
    CredentialRef,
    EnvironmentRef,
    FileRef,
    NamedCredentialRef,
)

_BLOCK_PATTERN = r"^[a-z0-9]+(?:-[a-z0-9]+)*$"
"""https://docs.prefect.io/v3/concepts/blocks: lower-case letters, digits and dashes."""


class CredentialName(FrozenModel):
    """Where a credential of a registry, or the kubeconfig of a cluster, is: one of three places.

    Attributes:
        block: name of a Prefect block of type registry-credentials or cluster-credentials.
        environment: name of an environment variable of the worker, REGISTRY_CREDENTIAL_….
        file: path of a file below CREDENTIALS_DIR of the worker.
    """

    model_config = ConfigDict(title="Name of a credential")

    block: str | None = Field(default=None, pattern=_BLOCK_PATTERN, max_length=255)
    environment: str | None = Field(
        default=None, pattern=CREDENTIAL_VARIABLE_PATTERN, max_length=255
    )
    file: str | None = Field(default=None, pattern=CREDENTIAL_FILE_PATTERN, max_length=255)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(self.model_dump(exclude_none=True)) != 1:
            raise ValueError("name one of block, environment and file")
        return self

    def to_reference(self) -> NamedCredentialRef:
        """Return the reference to the credential."""
        if self.block is not None:
            return BlockRef(name=self.block)
        if self.environment is not None:
            return EnvironmentRef(name=self.environment)
        return FileRef(name=self.file or "")

    @classmethod
    def from_reference(cls, reference: CredentialRef | None) -> "CredentialName | None":
        """Return the name of a credential; None if there is none, or if it has no name."""
        if isinstance(reference, BlockRef | EnvironmentRef | FileRef):
            values: dict[str, Any] = {reference.source: reference.name}
            return cls.model_construct(**values)
        return None


class CertificateName(FrozenModel):
    """Where a client certificate and its key are.

    Attributes:
        block: name of a Prefect block of type client-certificate.
    """

    model_config = ConfigDict(title="Name of a client certificate")

    block: str = Field(pattern=_BLOCK_PATTERN, max_length=255)

    def to_reference(self) -> CertificateRef:
        """Return the reference to the block."""
        return CertificateRef(name=self.block)
