"""What the forms accept and refuse, without a browser: the same check as in Prefect's server."""

from typing import Any

import pytest
from prefect.utilities.callables import parameter_schema
from prefect.utilities.schema_tools.validation import ValidationError, validate

from flows.access.bind_space import bind_space
from flows.access.create_workspace import create_workspace
from flows.access.explain_access import explain_access
from flows.access.remove_workspace import remove_workspace
from flows.access.rotate_credentials import rotate_credentials
from flows.access.unbind_space import unbind_space
from flows.access.update_workspace import update_workspace
from flows.clusters.register_cluster import register_cluster
from flows.clusters.remove_cluster import remove_cluster
from flows.clusters.sync_namespaces import sync_namespaces
from flows.decommission import decommission_all
from flows.forms.schema import KEEP, NONE, NOTHING_CHOSEN
from flows.registries.integrate import integrate_registry
from flows.registries.remove import remove_registry
from flows.registries.update import update_registry

HARBOR = {"type": "harbor", "address": "https://harbor.example.com"}
DOCKER = {"type": "docker", "address": "https://registry.example.com"}
BY_NAME = {"$ref": {"block_document_slug": "registry-credentials/prod"}}
BY_ID = {"$ref": "ef440145-f86b-47f8-b3bf-06b8b22ce5b4"}
BY_FORM = {"$ref": {"block_document_id": "ef440145-f86b-47f8-b3bf-06b8b22ce5b4"}}
INTEGRATE = parameter_schema(integrate_registry).model_dump()
UPDATE = parameter_schema(update_registry).model_dump()
FORMS: dict[str, dict[str, Any]] = {
    flow.name: parameter_schema(flow).model_dump()
    for flow in (
        bind_space,
        create_workspace,
        explain_access,
        integrate_registry,
        register_cluster,
        remove_cluster,
        remove_registry,
        decommission_all,
        remove_workspace,
        update_workspace,
        rotate_credentials,
        sync_namespaces,
        unbind_space,
        update_registry,
    )
}
GOOD: dict[str, object] = {
    "cluster": "eu",
    "namespace": "shop",
    "image": "prod/team-a/app:1.0",
    "registry": "prod",
    "spaces": ["team-a", "/", "shop-*"],
    "workspaces": ["team-a"],
}


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
        {"registry": DOCKER, "pull_credentials": BY_FORM},
        {"registry": DOCKER, "pull_credentials": BY_NAME},
        {"registry": DOCKER, "pull_credentials": None},
        {"registry": DOCKER, "pull_credentials": NONE},
        {"registry": DOCKER, "client_certificate": NONE, "proxy_credentials": NONE},
        {
            "registry": DOCKER,
            "client_certificate": BY_FORM,
            "proxy": "http://proxy.example.com:3128",
        },
        {"registry": HARBOR, "tls": {"mode": "insecure"}},
        {"registry": HARBOR, "tls": {"mode": "ca", "bundle": "-----BEGIN…"}},
    ],
)
def test_integrate_accepts(values: dict[str, object]) -> None:
    check(INTEGRATE, **values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"registry": {**HARBOR, "address": "http://a:b@c"}}, "'registry.address'"),
        ({"registry": {**DOCKER, "token_service": "a@b"}}, "'registry.token_service'"),
        ({"registry": {"type": "harbor"}}, "'address' is a required property"),
        ({"registry": {"address": "http://a"}}, "'type' is a required property"),
        ({"registry": {**HARBOR, "token_service": ""}}, "('token_service' was unexpected)"),
        ({"registry": {**HARBOR, "type": "nexus"}}, "is not valid under any"),
        ({"registry": HARBOR, "credentials": NOTHING_CHOSEN}, "nothing chosen yet"),
        ({"registry": DOCKER, "pull_credentials": NOTHING_CHOSEN}, "nothing chosen yet"),
        ({"registry": HARBOR, "tls": {"mode": "ca"}}, "'bundle' is a required property"),
        ({"registry": HARBOR, "name": "Prod 1"}, "'name'"),
    ],
)
def test_integrate_refuses_and_says_what(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        check(INTEGRATE, **values)
    assert message in str(refusal.value)


@pytest.mark.parametrize("reference", [{}, BY_ID])
def test_a_password_in_the_parameters_is_refused_unstored_and_not_repeated(
    reference: dict[str, object],
) -> None:
    inline = {**reference, "username": "admin", "password": "s3cret"}
    for schema in (INTEGRATE, UPDATE):
        for parameter in ("credentials", "pull_credentials"):
            with pytest.raises(ValidationError, match=r"'password'.* unexpected") as refusal:
                check(schema, registry=HARBOR, **{parameter: inline})
            assert "s3cret" not in str(refusal.value)


def test_a_kubeconfig_in_the_parameters_is_refused_and_not_repeated() -> None:
    with pytest.raises(ValidationError, match=r"'kubeconfig' was unexpected") as refusal:
        check(FORMS["register-cluster"], credentials={"kubeconfig": "token: s3cret"})
    assert "s3cret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("flow", "values", "message"),
    [
        ("bind-space", {"spaces": ["shop, web"]}, "'spaces[0]'"),
        ("bind-space", {"spaces": [None]}, "'spaces[0]'"),
        ("bind-space", {"spaces": []}, "'spaces'"),
        ("unbind-space", {"workspaces": ["Team A"]}, "'workspaces[0]'"),
        ("create-workspace", {"namespaces": ["shop"]}, "'namespaces[0]'"),
        ("explain-access", {"image": "user:password@host/space"}, "'image'"),
        ("rotate-credentials", {"registry": "Harbor Prod"}, "'registry'"),
        ("sync-namespaces", {"only": ["eu 1"]}, "'only[0]'"),
    ],
)
def test_a_mistyped_name_is_refused_beside_its_field(
    flow: str, values: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError) as refusal:
        check(FORMS[flow], **GOOD | values)
    assert message in str(refusal.value)
    check(FORMS[flow], **GOOD)


def test_the_update_form_as_it_opens_is_accepted() -> None:
    defaults = {
        name: field["default"] for name, field in UPDATE["properties"].items() if "default" in field
    }
    check(UPDATE, **defaults)
    check(UPDATE, **defaults | {"pull_credentials": NONE, "token_service": NONE})
    assert defaults == {
        "address": "",
        "credentials": KEEP,
        "pull_credentials": KEEP,
        "allow_push": KEEP,
        "tls": None,
        "client_certificate": KEEP,
        "proxy": "",
        "proxy_credentials": KEEP,
        "token_service": "",
        "pull_addresses": None,
        "description": None,
        "drift_policy": KEEP,
        "opened_spaces": None,
        "count_storage": KEEP,
    }


def test_every_parameter_has_a_title_for_people() -> None:
    for schema in FORMS.values():
        assert all(name != field["title"] for name, field in schema["properties"].items())
