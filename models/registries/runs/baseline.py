"""The last full comparison of a registry, and digests to tell whether anything differs from it."""

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime

from models.core.base import FrozenModel
from models.registries.robots import ObservedRobot


class Baseline(FrozenModel):
    """What a full comparison of a registry with its records was based on, and what it left to do.

    A later observation with the same lists, and the same basis, leads to the same plan.

    Attributes:
        lists: digest of the lists of the registry, see `digest_lists`; empty if they were not read
            completely.
        basis: digest of everything else that the plan depended on, except the records of spaces:
            whoever saves a space deletes the baseline.
        unfinished: what the run had to do, or could not do; empty if it found nothing to do.
        compared_at: time of the comparison (UTC).
        resync_at: when to compare in full again, whatever the lists are (UTC).
    """

    lists: str
    basis: str
    unfinished: str
    compared_at: datetime
    resync_at: datetime


def digest_lists(spaces: Iterable[str], robots: Iterable[ObservedRobot]) -> str:
    """Return the digest of the spaces and robot accounts of a registry, in any order.

    Args:
        spaces: everything that matters of each space, as one line of text.
        robots: the robot accounts with this installation's mark.
    """
    digest = hashlib.sha256("\n".join(sorted(spaces)).encode())
    for robot in sorted(robots, key=lambda robot: robot.id):
        digest.update(robot.model_dump_json().encode())
    return digest.hexdigest()


def digest_values(*values: object) -> str:
    """Return the digest of models and JSON values; the order of keys and of sets does not matter.

    Args:
        values: models, and what JSON has, without secrets.
    """
    text = json.dumps(values, default=_to_plain, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _to_plain(value: object) -> object:
    if isinstance(value, FrozenModel):
        return dict(value)
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)
