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
        name: name of the block; registries and clusters refer to it.
        made_at: when it was saved (UTC).
    """

    id: str
    name: str
    made_at: datetime


def find_abandoned(
    blocks: Iterable[FormBlock],
    used_names: Collection[str],
    run_parameters: Iterable[str],
    now: datetime,
) -> tuple[FormBlock, ...]:
    """Return the blocks that nothing on record and no unfinished run uses, and that are not new.

    Args:
        blocks: the blocks that forms made.
        used_names: names of the blocks of all registries and clusters, read after
            `run_parameters`: a run saves what uses a block before it ends.
        run_parameters: parameters of all unfinished runs that can use credentials, as text, read
            after `blocks`.
        now: the current time.
    """
    texts = tuple(run_parameters)
    return tuple(
        block
        for block in blocks
        if now - block.made_at > START_TIME
        and block.name not in used_names
        and not any(block.id in text or block.name in text for text in texts)
    )
