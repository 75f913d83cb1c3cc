"""Which ServiceAccounts of a workspace's namespaces get the pull secret."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cached_property

from pydantic import field_validator

from models.clusters.cluster import SERVICE_ACCOUNT_NAME, ObservedServiceAccount
from models.core.base import FrozenModel
from models.core.labels import split_requirements

DEFAULT_ACCOUNTS, ALL_ACCOUNTS = "default", "all"
MAX_CHOICE_LENGTH = 1_000

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
_KEY = rf"(?P<key>(?:[a-z0-9](?:[a-z0-9.-]{{0,251}}[a-z0-9])?/)?{_NAME})"
_VALUE = rf"(?P<values>(?:{_NAME})?)"
_VALUES = r"\((?P<values>[A-Za-z0-9._, -]*)\)"

_Test = Callable[[str | None, Collection[str]], bool]
_FORMS: tuple[tuple[re.Pattern[str], _Test], ...] = (
    (re.compile(rf"\A!\s*{_KEY}"), lambda value, _: value is None),
    (re.compile(rf"\A{_KEY}"), lambda value, _: value is not None),
    (re.compile(rf"\A{_KEY}\s*==?\s*{_VALUE}"), lambda value, values: value in values),
    (re.compile(rf"\A{_KEY}\s*!=\s*{_VALUE}"), lambda value, values: value not in values),
    (re.compile(rf"\A{_KEY}\s+in\s+{_VALUES}"), lambda value, values: value in values),
    (re.compile(rf"\A{_KEY}\s+notin\s+{_VALUES}"), lambda value, values: value not in values),
)
"""https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors"""


class _Requirement(FrozenModel):
    key: str
    values: tuple[str, ...]
    form: int

    def is_met(self, labels: Mapping[str, str]) -> bool:
        return _FORMS[self.form][1](labels.get(self.key), self.values)


class ServiceAccountChoice(FrozenModel):
    """A choice: `default`, `all`, or a label selector such as `app=web,tier in (a, b)`.

    Raises:
        ValueError: the text is none of them.
    """

    text: str = DEFAULT_ACCOUNTS

    @field_validator("text")
    @classmethod
    def _check(cls, text: str) -> str:
        return normalize_choice(text)

    @property
    def is_default(self) -> bool:
        """Whether only the default ServiceAccount is chosen."""
        return self.text == DEFAULT_ACCOUNTS

    @property
    def label_keys(self) -> frozenset[str]:
        """The labels that it selects by."""
        return frozenset(requirement.key for requirement in self._requirements)

    def select(self, accounts: Iterable[ObservedServiceAccount]) -> frozenset[str]:
        """Return the names of the chosen ServiceAccounts of one namespace.

        The default one is chosen by `default` and `all` even if it is not there yet: Kubernetes
        creates it shortly after the namespace.
        """
        if self.is_default:
            return frozenset({SERVICE_ACCOUNT_NAME})
        if self.text == ALL_ACCOUNTS:
            return frozenset({SERVICE_ACCOUNT_NAME, *(account.name for account in accounts)})
        return frozenset(account.name for account in accounts if self._matches(account))

    def includes(self, account: ObservedServiceAccount) -> bool:
        """Return whether a ServiceAccount is chosen."""
        return account.name in self.select([account])

    def _matches(self, account: ObservedServiceAccount) -> bool:
        labels = dict(account.labels)
        return all(requirement.is_met(labels) for requirement in self._requirements)

    @cached_property
    def _requirements(self) -> tuple[_Requirement, ...]:
        if self.text in (DEFAULT_ACCOUNTS, ALL_ACCOUNTS):
            return ()
        return _parse_selector(self.text)


def normalize_choice(text: str) -> str:
    """Return a choice in its normal form.

    Raises:
        ValueError: the text is neither `default` nor `all` nor a label selector.
    """
    text = " ".join(text.split()) or DEFAULT_ACCOUNTS
    if text not in (DEFAULT_ACCOUNTS, ALL_ACCOUNTS):
        _parse_selector(text)
    return text


def labels_to_observe(
    choices: Mapping[str, ServiceAccountChoice],
    workspaces: Collection[str | None],
    links: Iterable[str],
) -> frozenset[str] | None:
    """Return the labels of all ServiceAccounts to observe; None if the default ones suffice.

    Args:
        choices: choices by workspace; without those of only the default ServiceAccount.
        workspaces: workspaces of a cluster's namespaces.
        links: ServiceAccounts with a link of this service, which may have to be removed.
    """
    is_needed = any(workspace in choices for workspace in workspaces)
    if not is_needed and all(name == SERVICE_ACCOUNT_NAME for name in links):
        return None
    return frozenset(key for choice in choices.values() for key in choice.label_keys)


def _parse_selector(text: str) -> tuple[_Requirement, ...]:
    if len(text) > MAX_CHOICE_LENGTH:
        raise ValueError(f"a label selector has at most {MAX_CHOICE_LENGTH} characters")
    return tuple(_parse_requirement(part.strip()) for part in split_requirements(text))


def _parse_requirement(text: str) -> _Requirement:
    for form, (pattern, _) in enumerate(_FORMS):
        match = pattern.fullmatch(text)
        if match:
            values = match.groupdict().get("values") or ""
            parts = tuple(value.strip() for value in values.split(","))
            return _Requirement(key=match["key"], values=parts, form=form)
    raise ValueError(
        f"{text[:80]!r} is not a label requirement: write default, all, or a label selector such "
        "as app=web or tier in (front, back)"
    )
