"""Label selectors, https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/."""

import re
from collections.abc import Callable, Mapping

from deployments.simulators.kubernetes.errors import bad_request

Labels = Mapping[str, str]

_KEY_PATTERN = r"(?P<key>[A-Za-z0-9./_-]+)"
_VALUE_PATTERN = r"(?P<value>[A-Za-z0-9._-]*)"
_REQUIREMENT_FORMS: tuple[tuple[re.Pattern[str], Callable[[Labels, str, list[str]], bool]], ...] = (
    (re.compile(_KEY_PATTERN), lambda labels, key, _: key in labels),
    (re.compile(rf"!\s*{_KEY_PATTERN}"), lambda labels, key, _: key not in labels),
    (
        re.compile(rf"{_KEY_PATTERN}\s*==?\s*{_VALUE_PATTERN}"),
        lambda labels, key, values: labels.get(key) == values[0],
    ),
    (
        re.compile(rf"{_KEY_PATTERN}\s*!=\s*{_VALUE_PATTERN}"),
        lambda labels, key, values: labels.get(key) != values[0],
    ),
    (
        re.compile(rf"{_KEY_PATTERN}\s+in\s+\((?P<value>[^()]*)\)"),
        lambda labels, key, values: labels.get(key) in values,
    ),
    (
        re.compile(rf"{_KEY_PATTERN}\s+notin\s+\((?P<value>[^()]*)\)"),
        lambda labels, key, values: labels.get(key) not in values,
    ),
)


def matches_selector(selector: str, labels: Labels) -> bool:
    """Return whether labels meet all requirements of a selector.

    Raises:
        KubernetesApiError: the selector is malformed.
    """
    requirements = (
        [requirement.strip() for requirement in re.split(r",(?![^(]*\))", selector)]
        if selector
        else []
    )
    return all([_matches_requirement(requirement, labels) for requirement in requirements])


def _matches_requirement(requirement: str, labels: Labels) -> bool:
    for form, matches in _REQUIREMENT_FORMS:
        match = form.fullmatch(requirement)
        if match:
            values = [value.strip() for value in match.groupdict().get("value", "").split(",")]
            return matches(labels, match["key"], values)
    raise bad_request(f"unable to parse requirement: {requirement}")
