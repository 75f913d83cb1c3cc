"""Selectors of core Deployments: what the API server matches, and what this service does."""

import pytest

from models.core.labels import HELM_SELECTOR
from tasks.discovery.core_selector import CoreSelector, parse_selectors


@pytest.mark.parametrize(
    ("text", "selectors"),
    [
        ("", ()),
        (" ; ;", ()),
        ("a=b, c!=d", (CoreSelector("a=b,c!=d", ((),)),)),
        ("a in (b, c),!d", (CoreSelector("a in (b, c),!d", ((),)),)),
        ("a=b,x.io/c=d-*", (CoreSelector("a=b", ((("x.io/c", "d-"),),)),)),
        ("a = b* , c == d*", (CoreSelector("", ((("a", "b"), ("c", "d")),)),)),
        ("a=b,c=d*;a=b,e=*", (CoreSelector("a=b", ((("c", "d"),), (("e", ""),))),)),
        ("a=b,c=d*;a=b", (CoreSelector("a=b", ((("c", "d"),), ())),)),
        ("a=*b", (CoreSelector("a=*b", ((),)),)),
    ],
)
def test_parse(text: str, selectors: tuple[CoreSelector, ...]) -> None:
    assert parse_selectors(text) == selectors


@pytest.mark.parametrize(
    ("labels", "selected"),
    [
        ({"c": "d", "e": "f"}, True),
        ({"c": "dd", "e": ""}, True),
        ({"c": "d"}, False),
        ({"c": "x", "e": "f"}, False),
        ({"g": "h-1"}, True),
        ({"g": "h"}, False),
        ({}, False),
    ],
)
def test_one_alternative_must_match_as_a_whole(labels: dict[str, str], selected: bool) -> None:
    (selector,) = parse_selectors("a=b,c=d*,e=*;a=b,g=h-*")
    assert selector.matches(labels) is selected


def test_the_default_takes_two_lists() -> None:
    assert [selector.label_selector for selector in parse_selectors(HELM_SELECTOR)] == [
        "component=core",
        "app.kubernetes.io/component=core,!component",
    ]
