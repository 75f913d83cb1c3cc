"""Label selectors, https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/."""

import re
from collections.abc import Callable, Mapping

from deployments.simulators.kubernetes.errors import bad_request

Labels = Mapping[str, str]

_KEY = r"(?P<key>[A-Za-z0-9./_-]+)"
_VALUE = r"(?P<value>[A-Za-z0-9._-]*)"
_FORMS: tuple[tuple[re.Pattern[str], Callable[[Labels, str, list[str]], bool]], ...] = (
    (re.compile(_KEY), lambda labels, key, _: key in labels),
    (re.compile(rf"!\s*{_KEY}"), lambda labels, key, _: key not in labels),
    (
        re.compile(rf"{_KEY}\s*==?\s*{_VALUE}"),
        lambda labels, key, values: labels.get(key) == values[0],
    ),
    (
        re.compile(rf"{_KEY}\s*!=\s*{_VALUE}"),
        lambda labels, key, values: labels.get(key) != values[0],
    ),
    (
        re.compile(rf"{_KEY}\s+in\s+\((?P<value>[^()]*)\)"),
        lambda labels, key, values: labels.get(key) in values,
    ),
    (
        re.compile(rf"{_KEY}\s+notin\s+\((?P<value>[^()]*)\)"),
        lambda labels, key, values: labels.get(key) not in values,
    ),
)


def selects(selector: str, labels: Labels) -> bool:
    """Whether labels meet every requirement.

    Raises:
        Refused: the selector makes no sense.
    """
    wanted = [one.strip() for one in re.split(r",(?![^(]*\))", selector)] if selector else []
    return all([_meets(one, labels) for one in wanted])


def _meets(requirement: str, labels: Labels) -> bool:
    for form, holds in _FORMS:
        found = form.fullmatch(requirement)
        if found:
            values = [one.strip() for one in found.groupdict().get("value", "").split(",")]
            return holds(labels, found["key"], values)
    raise bad_request(f"unable to parse requirement: {requirement}")
