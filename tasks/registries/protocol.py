"""Interfaces that every kind of registry client implements, and its credentials."""

import base64
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from pydantic import SecretStr

from models.access.pull_user import PullUserLogin
from models.core.availability import Complete, Unavailable
from models.core.reasons import Reason
from models.registries.changes import Change, ChangeResult
from models.registries.condition import CheckResult
from models.registries.observation import Snapshot, StorageReading
from models.registries.registry import Registry
from models.registries.robots import ObservedRobot, RobotAccount
from tasks.http.connection.client_certificate import ClientCertificate
from tasks.http.connection.proxy import Proxy
from tasks.http.limits import ClientLimits


@dataclass(frozen=True, slots=True)
class Credential:
    """A user name and a password, in memory only.

    Attributes:
        username: user name; empty if there is an error.
        password: password; empty if there is an error.
        error: why the credential cannot be used, and what to do; empty if it can.
        error_reason: reason of the error; CredentialsUnproved if it is a transient fault.
    """

    username: str
    password: SecretStr
    error: str = ""
    error_reason: Reason = Reason.CREDENTIALS_MISSING

    @property
    def basic_auth_headers(self) -> Mapping[str, str]:
        """The header of basic authentication; send it to origins of the credential only."""
        pair = f"{self.username}:{self.password.get_secret_value()}"
        return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}

    @property
    def hint(self) -> str:
        """Why the credential may have been refused, for the end of a message; often empty."""
        password = self.password.get_secret_value()
        if password.endswith(("\n", "\r")):
            return "; note that the password ends with a line break"
        return (
            "; note that the password begins or ends with a blank"
            if password.strip() != password
            else ""
        )


def unusable_credential(error: str, reason: Reason) -> Credential:
    """Return the credential for one that cannot be used.

    Args:
        error: why it cannot be used, and what to do.
        reason: reason of the error.
    """
    return Credential("", SecretStr(""), error=error, error_reason=reason)


@dataclass(frozen=True, slots=True)
class SavedCredential:
    """A credential that was read, and the origins it may be sent to.

    Attributes:
        credential: the credential, or the client certificate.
        origins: origins that a person approved or, for a managed Harbor, that its object has.
    """

    credential: Credential | ClientCertificate
    origins: frozenset[str]


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """How to open a client.

    Attributes:
        credential: credential to authenticate with; None for a registry that is open to all.
        limits: concurrency, size and time limits.
        credential_refused: whether the last observation found the credential refused.
        observer_credential: robot account that reads lists at a lower cost, see `create_observer`.
        client_certificate: certificate to show to the registry and its token service.
        proxy: proxy for all requests; None for none.
        uses_environment_proxies: whether, without that proxy, the environment names one for each
            origin.
    """

    credential: Credential | None
    limits: ClientLimits
    credential_refused: bool = False
    observer_credential: Credential | None = None
    client_certificate: ClientCertificate | None = None
    proxy: Proxy | None = None
    uses_environment_proxies: bool = False


SaveSecret = Callable[[RobotAccount, SecretStr], Awaitable[None]]
"""Saves a robot account with its secret; called right after the secret is received."""


class RegistryReader(Protocol):
    """Reads a registry without changing it."""

    async def probe(self) -> tuple[CheckResult, ...]:
        """Check step by step whether this registry can be integrated.

        Stops at the first failed step.

        Raises:
            RemoteError: no response, or an invalid one.
        """

    async def observe(self, installation: str = "", known_lists: str = "") -> Snapshot:
        """Observe health, spaces and this installation's robot accounts.

        Args:
            installation: installation whose robot accounts to list; empty lists none.
            known_lists: digest of the lists of an earlier observation, see `Snapshot.lists_digest`.
                If both lists are read completely and have it, the spaces are `Unchanged`. Kinds
                without digests ignore it.

        Raises:
            RemoteError: the state of the registry could not be read. A list that could not be
                read is an `Unavailable` section instead.
        """

    async def list_robots(self, installation: str) -> Complete[ObservedRobot] | Unavailable:
        """List the robot accounts with the installation's ownership mark, of any registry name.

        Returns:
            All of them, or why they are unavailable; `NOT_REQUESTED` if this kind has none.

        Raises:
            RemoteError: they could not be read, for example because the credential was refused.
        """

    async def log_in_pull_user(self, credential: Credential) -> PullUserLogin:
        """Log in with the pull-only user, and read whether it may push. No upload is started.

        Raises:
            RemoteError: the login could not be tried.
        """

    async def read_storage(self) -> StorageReading:
        """Read the storage usage, in bytes.

        Raises:
            RemoteError: it could not be read.
        """

    async def open_images(self) -> "ImageReader | None":
        """Log in to read images, to count their storage.

        Returns:
            The reader; None if the registry reports its storage, see `read_storage`.

        Raises:
            RemoteError: the login failed.
        """


@dataclass(frozen=True, slots=True)
class RepositoryNames:
    """A complete list of repositories.

    Attributes:
        names: the names that can be used.
        invalid_count: number of other names.
    """

    names: frozenset[str]
    invalid_count: int


class ImageReader(Protocol):
    """Reads the images of a registry; each method may send several requests."""

    @property
    def request_count(self) -> int:
        """Requests that were sent so far, with those for tokens and repeated ones."""

    async def list_repositories(self) -> RepositoryNames:
        """List all repositories.

        Raises:
            RemoteError: the list could not be read completely.
        """

    async def list_tags(self, repository: str) -> tuple[str, ...]:
        """List all tags of a repository, in no particular order; none if it does not exist.

        Raises:
            RemoteError: the list could not be read completely.
        """

    async def read_digest(self, repository: str, tag: str) -> bytes | None:
        """Return the digest of the manifest that a tag refers to; None if there is no such tag.

        Raises:
            RemoteError: it could not be read, or is no SHA-256.
        """

    async def read_manifest(self, repository: str, digest: bytes) -> bytes:
        """Return a manifest, byte by byte.

        Raises:
            RemoteError: it could not be read, or has another digest.
        """


class RegistryWriter(Protocol):
    """Writes to a registry."""

    async def apply_change(
        self, change: Change, installation: str, save_secret: SaveSecret
    ) -> ChangeResult:
        """Apply one change; a change that is already in effect is a success.

        Args:
            change: the change.
            installation: installation id, for the ownership mark of robot accounts.
            save_secret: saves the secret of a created robot account.

        Raises:
            RemoteError: the change was not applied.
        """

    async def can_log_in(self, credential: Credential) -> bool | None:
        """Return whether a credential can log in; None if the result is not conclusive."""

    async def create_observer(
        self, installation: str, save_secret: SaveSecret, replaces: int | None = None
    ) -> RobotAccount | None:
        """Create a robot account that only reads lists, if that is cheaper for the registry.

        Args:
            installation: installation id, for the ownership mark.
            save_secret: saves the secret of the robot account.
            replaces: id of this installation's observer of a registry that is no longer on record.

        Returns:
            The robot account; None if the registry does not support observers.

        Raises:
            RemoteError: the robot account was not created.
        """

    async def delete_observer(self, installation: str) -> bool:
        """Delete the observer robot account; return False if there was none.

        Raises:
            RemoteError: the robot account was not deleted.
        """


class RegistryClient(RegistryReader, RegistryWriter, Protocol):
    """Reader and writer over one connection pool."""


ClientOpener = Callable[[Registry, ClientOptions], AbstractAsyncContextManager[RegistryClient]]
"""Opens one client of one kind for one registry and one run.

It raises `CredentialError` if the kind requires a credential and there is none.
"""
