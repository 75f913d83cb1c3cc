"""Saved credentials that a form of the console made, and that nothing uses."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from models.core.base import FrozenModel

START_TIME = timedelta(minutes=15)
"""How long a form may take from saving the block to starting the run that uses it."""


class FormBlock(FrozenModel):
    """A block that a form made.

    Attributes:
        id: id of the block document.
        name: name of the block; registries refer to it.
        made_at: when it was saved (UTC).
    """

    id: str
    name: str
    made_at: datetime


def find_abandoned(
    blocks: Iterable[FormBlock],
    registry_blocks: Collection[str],
    run_parameters: Iterable[str],
    now: datetime,
) -> tuple[FormBlock, ...]:
    """Return the blocks that no registry and no unfinished run uses, and that are not new.

    Args:
        blocks: the blocks that forms made.
        registry_blocks: names of the blocks of all registries, read after `run_parameters`: a run
            saves its registry before it ends.
        run_parameters: parameters of all unfinished runs that can use credentials, as text, read
            after `blocks`.
        now: the current time.
    """
    texts = tuple(run_parameters)
    return tuple(
        block
        for block in blocks
        if now - block.made_at > START_TIME
        and block.name not in registry_blocks
        and not any(block.id in text or block.name in text for text in texts)
    )
