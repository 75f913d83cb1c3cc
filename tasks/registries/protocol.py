"""What every kind of registry can do for us, and how a credential is handed to it."""

from dataclasses import dataclass
from typing import Protocol

from pydantic import SecretStr

from models.change import Change, Outcome
from models.condition import Verdict
from models.snapshot import Snapshot
from models.storage import StorageReading


@dataclass(frozen=True, slots=True)
class Credential:
    """A user name and a password, in memory only."""

    username: str
    password: SecretStr


class RegistryReader(Protocol):
    """Looks at a registry and changes nothing."""

    async def examine(self) -> tuple[Verdict, ...]:
        """Find out, step by step, whether this registry can be integrated.

        Stops at the first step that fails.

        Raises:
            RegistryError: it did not answer at all, or made no sense.
        """

    async def look(self) -> Snapshot:
        """See how the registry is and which spaces it has.

        Raises:
            RegistryError: it did not even tell how it is. A list of spaces that could not be
                read is no error but an `Unseen` section.
        """

    async def read_storage(self) -> StorageReading:
        """Read storage figures.

        Raises:
            RegistryError: they could not be read.
        """


class RegistryWriter(Protocol):
    """Changes a registry."""

    async def make(self, change: Change) -> Outcome:
        """Make one change, or find that it is already so.

        Raises:
            RegistryError: the change was not made.
        """


class RegistryClient(RegistryReader, RegistryWriter, Protocol):
    """Both, over one connection pool."""
