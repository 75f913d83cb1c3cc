"""What the forms accept and refuse, without a browser: the same check as in Prefect's server."""

from typing import Any

import pytest
from prefect.utilities.callables import parameter_schema
from prefect.utilities.schema_tools.validation import ValidationError, validate

from flows.integrate import integrate_registry
from flows.showing import UNDECIDED
from flows.update import update_registry

HARBOR = {"type": "harbor", "address": "https://harbor.example.com"}
DOCKER = {"type": "docker", "address": "https://registry.example.com"}
BY_NAME = {"$ref": {"block_document_slug": "registry-credentials/prod"}}
BY_ID = {"$ref": "ef440145-f86b-47f8-b3bf-06b8b22ce5b4"}
BY_FORM = {"$ref": {"block_document_id": "ef440145-f86b-47f8-b3bf-06b8b22ce5b4"}}
INTEGRATE = parameter_schema(integrate_registry).model_dump()
UPDATE = parameter_schema(update_registry).model_dump()


def check(schema: dict[str, Any], **values: object) -> None:
    validate({"name": "prod", **values}, schema, raise_on_error=True)


@pytest.mark.parametrize(
    "values",
    [
        {"registry": HARBOR, "credentials": BY_NAME},
        {"registry": HARBOR, "credentials": BY_ID},
        {"registry": HARBOR, "credentials": BY_FORM},
        {"registry": DOCKER},
        {"registry": DOCKER, "credentials": None},
        {"registry": {**DOCKER, "token_service": ""}},
        {"registry": HARBOR, "tls": {"mode": "insecure"}},
        {"registry": HARBOR, "tls": {"mode": "ca", "bundle": "-----BEGIN…"}},
    ],
)
def test_integrate_accepts(values: dict[str, object]) -> None:
    check(INTEGRATE, **values)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"registry": {**HARBOR, "address": "http://a:b@c"}}, "'registry.address'"),
        ({"registry": {**DOCKER, "token_service": "a@b"}}, "'registry.token_service'"),
        ({"registry": {"type": "harbor"}}, "'address' is a required property"),
        ({"registry": {"address": "http://a"}}, "'type' is a required property"),
        ({"registry": {**HARBOR, "token_service": ""}}, "('token_service' was unexpected)"),
        ({"registry": {**HARBOR, "type": "nexus"}}, "is not valid under any"),
        ({"registry": HARBOR, "credentials": UNDECIDED}, "nothing chosen yet"),
        ({"registry": HARBOR, "tls": {"mode": "ca"}}, "'bundle' is a required property"),
        ({"registry": HARBOR, "name": "Prod 1"}, "'name'"),
    ],
)
def test_integrate_refuses_and_says_what(values: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        check(INTEGRATE, **values)
    assert told in str(refusal.value)


@pytest.mark.parametrize("reference", [{}, BY_ID])
def test_a_password_in_the_parameters_is_refused_unstored_and_not_repeated(
    reference: dict[str, object],
) -> None:
    inline = {**reference, "username": "admin", "password": "s3cret"}
    with pytest.raises(ValidationError, match=r"'password'.* unexpected") as refusal:
        check(INTEGRATE, registry=HARBOR, credentials=inline)
    assert "s3cret" not in str(refusal.value)


def test_the_update_form_as_it_opens_is_accepted() -> None:
    defaults = {
        name: shown["default"] for name, shown in UPDATE["properties"].items() if "default" in shown
    }
    check(UPDATE, **defaults)
    assert defaults == {
        "address": "",
        "credentials": None,
        "tls": None,
        "token_service": "",
        "description": None,
        "drift_policy": "keep",
    }


def test_every_parameter_has_a_title_for_people() -> None:
    for schema in (INTEGRATE, UPDATE):
        assert all(name != shown["title"] for name, shown in schema["properties"].items())
