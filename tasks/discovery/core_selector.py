"""Selectors of core Deployments, without I/O: label selectors whose values may end in a wildcard.

A label selector of Kubernetes cannot match the beginning of a value, but bitnami's chart keeps no
other label than `helm.sh/chart=harbor-VERSION` when its name is overridden.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from models.core.labels import split_requirements

_WILDCARD_PATTERN = re.compile(r"(?P<key>[^\s=!,()]+)\s*==?\s*(?P<prefix>[^\s=!,()*]*)\*")

LabelPrefixes = tuple[tuple[str, str], ...]
"""Keys of labels with the beginnings of their values."""


@dataclass(frozen=True)
class CoreSelector:
    """Selects core Deployments.

    Attributes:
        label_selector: what the API server selects by.
        alternatives: label prefixes, of which one tuple must match as a whole.
    """

    label_selector: str
    alternatives: tuple[LabelPrefixes, ...]

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether a listed Deployment is selected."""
        return any(
            all(key in labels and labels[key].startswith(prefix) for key, prefix in prefixes)
            for prefixes in self.alternatives
        )


def parse_selectors(text: str) -> tuple[CoreSelector, ...]:
    """Parse selectors; those with the same label selector become one, and take one list.

    Args:
        text: selectors separated by `;`; see `HELM_SELECTOR`.
    """
    alternatives: dict[str, list[LabelPrefixes]] = {}
    for selector in filter(None, map(str.strip, text.split(";"))):
        requirements = [part.strip() for part in split_requirements(selector)]
        label_selector = ",".join(part for part in requirements if not _is_wildcard(part))
        alternatives.setdefault(label_selector, []).append(tuple(_prefixes(requirements)))
    return tuple(
        CoreSelector(label_selector, tuple(prefixes))
        for label_selector, prefixes in alternatives.items()
    )


def _is_wildcard(requirement: str) -> bool:
    return _WILDCARD_PATTERN.fullmatch(requirement) is not None


def _prefixes(requirements: Iterable[str]) -> Iterable[tuple[str, str]]:
    for requirement in requirements:
        if match := _WILDCARD_PATTERN.fullmatch(requirement):
            yield match["key"], match["prefix"]
