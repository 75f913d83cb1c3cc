"""Which ServiceAccounts get the pull secret: the default one, all, or those with some labels."""

import pytest

from models.access.binding import Workspace
from models.access.requests import parse_service_accounts
from models.clusters.service_account_choice import ServiceAccountChoice, labels_to_observe
from models.core.errors import InvalidRequest
from tests.support.access_builders import service_account

ACCOUNTS = [
    service_account(),
    service_account(name="web", labels={"app": "web", "tier": "front"}),
    service_account(name="db", labels={"app": "db", "helm.sh/managed": ""}),
]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", {"default"}),
        ("default", {"default"}),
        (" all ", {"default", "web", "db"}),
        ("app=web", {"web"}),
        ("app==web", {"web"}),
        ("app = web , tier=front", {"web"}),
        ("app=web,tier=back", set()),
        ("app", {"web", "db"}),
        ("!app", {"default"}),
        ("app!=web", {"default", "db"}),
        ("app in (web, db)", {"web", "db"}),
        ("app in (web),tier", {"web"}),
        ("app notin (web)", {"default", "db"}),
        ("helm.sh/managed=", {"db"}),
        ("helm.sh/managed", {"db"}),
    ],
)
def test_selection(text: str, names: set[str]) -> None:
    assert ServiceAccountChoice(text=text).select(ACCOUNTS) == names


@pytest.mark.parametrize("text", ["default", "all"])
def test_the_default_one_is_chosen_before_kubernetes_creates_it(text: str) -> None:
    assert ServiceAccountChoice(text=text).select([]) == {"default"}
    assert ServiceAccountChoice(text="app=web").select([]) == set()


@pytest.mark.parametrize(
    "text",
    ["app=", "all,app=web", "default", "a.b/c-d_e in (x,y)", "!x", "a=b,c!=d,e notin (f)"],
)
def test_valid(text: str) -> None:
    assert Workspace(name="red", service_accounts=f"  {text} ").service_accounts == text


@pytest.mark.parametrize(
    "text", ["app=web,", ",", "app=(x)", "=x", "app in web", "-a", "a=b c", "a=é", "x" * 1001]
)
def test_invalid(text: str) -> None:
    with pytest.raises(InvalidRequest, match="invalid choice of ServiceAccounts"):
        parse_service_accounts(text)
    with pytest.raises(ValueError, match="service_accounts"):
        Workspace(name="red", service_accounts=text)


def test_what_has_to_be_observed() -> None:
    choices = {
        "red": ServiceAccountChoice(text="app=web,!tier"),
        "blue": ServiceAccountChoice(text="all"),
    }
    assert labels_to_observe(choices, ["green", None], ["default"]) is None
    assert labels_to_observe(choices, ["red"], []) == frozenset({"app", "tier"})
    assert labels_to_observe({}, [], ["default", "web"]) == frozenset()
    assert labels_to_observe({}, ["red"], []) is None
