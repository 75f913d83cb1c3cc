"""The files that a run speaks for: what they own and declare no more can be removed."""

from models.core.base import FrozenModel


class Scope(FrozenModel):
    """One file, or a folder with everything below it.

    A file is named by the folder that was given and its path in it, e.g. `platform/teams/red.yaml`,
    so that it has the same name on every machine.

    Attributes:
        name: name of the file or folder.
        is_folder: whether it is a folder.
    """

    name: str
    is_folder: bool = False

    def contains(self, file: str) -> bool:
        """Return whether the run speaks for a file."""
        return file.startswith(f"{self.name}/") if self.is_folder else file == self.name
