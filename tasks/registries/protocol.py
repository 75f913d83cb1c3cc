"""What every kind of registry can do for us, and how a credential is handed to it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from pydantic import SecretStr

from models.core.availability import Complete, Unavailable
from models.registries.changes import Change, ChangeResult
from models.registries.condition import CheckResult
from models.registries.observation import Snapshot, StorageReading
from models.registries.robots import ObservedRobot, RobotAccount


@dataclass(frozen=True, slots=True)
class Credential:
    """A user name and a password, in memory only.

    Attributes:
        error: why they cannot be used and what to do, if so; then they are empty.
        is_unavailable: whether that is because their place could not be asked just now.
    """

    username: str
    password: SecretStr
    error: str = ""
    is_unavailable: bool = False


@dataclass(frozen=True, slots=True)
class SavedCredential:
    """A credential as it was read, and where it may be sent.

    Attributes:
        origins: those that a person gave it for; None for a managed Harbor's own, out of its own
            Secret, which goes to where that Harbor is.
    """

    credential: Credential
    origins: frozenset[str] | None


SaveSecret = Callable[[RobotAccount, SecretStr], Awaitable[None]]
"""Puts a robot account's secret where it is found again; called before anything else is done."""


class RegistryReader(Protocol):
    """Looks at a registry and changes nothing."""

    async def probe(self) -> tuple[CheckResult, ...]:
        """Find out, step by step, whether this registry can be integrated.

        Stops at the first step that fails.

        Raises:
            RegistryError: it did not answer at all, or made no sense.
        """

    async def observe(self, installation: str = "") -> Snapshot:
        """See how the registry is, which spaces it has, and which robot accounts of ours.

        Args:
            installation: whose robot accounts to list; none are listed without it.

        Raises:
            RegistryError: it did not even tell how it is. A list that could not be read is no
                error but an `Unavailable` section.
        """

    async def list_robots(self, installation: str) -> Complete[ObservedRobot] | Unavailable:
        """List the robot accounts that carry an installation's mark, for whichever registry.

        Raises:
            RegistryError: they could not be read; the credential was refused, for one.
        """

    async def read_storage(self) -> StorageReading:
        """Read storage figures.

        Raises:
            RegistryError: they could not be read.
        """


class RegistryWriter(Protocol):
    """Changes a registry."""

    async def apply_change(
        self, change: Change, installation: str, save_secret: SaveSecret
    ) -> ChangeResult:
        """Make one change, or find that it is already so.

        Args:
            installation: who we are, for the mark of robot accounts.
            save_secret: takes the secret of a robot account that was made.

        Raises:
            RegistryError: the change was not made.
        """

    async def can_log_in(self, credential: Credential) -> bool | None:
        """Whether a robot account can log in with this secret; None if that cannot be told."""

    async def create_observer(
        self, installation: str, save_secret: SaveSecret, replaces: int | None = None
    ) -> RobotAccount | None:
        """Make a robot account that only reads lists, where that is cheaper for the registry.

        Args:
            replaces: id of one of ours that was made for a registry that is not on record any more.

        Returns:
            None where there is no such thing.

        Raises:
            RegistryError: it was not made.
        """

    async def delete_observer(self, installation: str) -> bool:
        """Delete that robot account; False if there was none.

        Raises:
            RegistryError: it was not deleted.
        """


class RegistryClient(RegistryReader, RegistryWriter, Protocol):
    """Both, over one connection pool."""
