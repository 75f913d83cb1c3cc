"""What a real kube-apiserver's refusals mean to us."""

import json

import pytest

from models.core.errors import RemoteError
from models.core.reasons import Reason
from tasks.clusters.api_errors import cluster_error_from_response
from tasks.http.response import Response
from tests.simulators.kubernetes_replay import read_steps

REFUSALS = {step["note"]: step for step in read_steps() if step.get("status", 0) >= 400}


def refusal(note: str) -> RemoteError:
    """The error that a recorded refusal means."""
    step = REFUSALS[note]
    path = step["path"].partition("?")[0]
    return cluster_error_from_response(
        Response(
            "cluster eu",
            step["method"],
            path,
            step["status"],
            body=json.dumps(step["answer"]).encode(),
        ),
    )


@pytest.mark.parametrize(
    ("note", "reason", "message"),
    [
        ("an unknown token", Reason.UNAUTHORIZED, "not accepted"),
        ("list namespaces without the right", Reason.FORBIDDEN, 'the verb "list" on "namespaces"'),
        ("get a secret without the right", Reason.FORBIDDEN, 'may not get secrets "registry-'),
        ("list all secrets", Reason.FORBIDDEN, 'may not list secrets: grant the verb "list"'),
        ("apply without patch", Reason.FORBIDDEN, "may not patch"),
        ("apply would create, without the right", Reason.FORBIDDEN, "may not create secrets"),
        ("another account", Reason.FORBIDDEN, 'serviceaccounts "builder" in namespace ri-a'),
        ("apply while terminating", Reason.NAMESPACE_TERMINATING, "being deleted"),
        ("no such namespace", Reason.NOT_FOUND, "the namespace does not exist"),
        ("no secret", Reason.NOT_FOUND, "not found"),
        ("too large", Reason.SECRET_TOO_LARGE, "larger than"),
        ("much too large", Reason.SECRET_TOO_LARGE, "larger than"),
        ("apply against the edit", Reason.CONFLICT, "at the same time"),
        ("delete another version", Reason.CONFLICT, "at the same time"),
        ("another type", Reason.REJECTED, "answered 422 (Invalid)"),
        ("garbage token", Reason.REJECTED, "answered 400 (BadRequest)"),
        ("an expired page", Reason.REJECTED, "answered 410 (Expired)"),
    ],
)
def test_meaning(note: str, reason: Reason, message: str) -> None:
    error = refusal(note)
    assert (error.reason, error.transient) == (reason, False)
    assert message in error.message


SECRET = 'secrets "registry-integration"'
"""How the messages of a real server begin."""

POLICY = f"{SECRET} is forbidden: ValidatingAdmissionPolicy 'P' with binding 'B' denied request: "


def denial(status: int, message: str, kind: str = "secrets") -> RemoteError:
    """The error that a denial by admission control means."""
    details = {"details": {"name": "registry-integration", "kind": kind}} if kind else {}
    body = {"kind": "Status", "message": message, "reason": "Invalid", "code": status, **details}
    path = "/api/v1/namespaces/shop/secrets/registry-integration?fieldManager=x"
    return cluster_error_from_response(
        Response("cluster eu", "PATCH", path, status, body=json.dumps(body).encode())
    )


@pytest.mark.parametrize("status", [422, 403, 401, 413, 400])
def test_a_policy_is_named_with_its_message_whatever_its_status(status: int) -> None:
    """A policy chooses its reason: Unauthorized must not be taken for a refused token."""
    error = denial(status, f"{POLICY}no Secrets here")
    assert (error.reason, error.transient) == (Reason.ADMISSION_DENIED, False)
    assert error.message == (
        'the ValidatingAdmissionPolicy "P" (binding "B") of the cluster denied the request: '
        '"no Secrets here"; ask the owner of this policy to exempt secrets "registry-integration" '
        "in namespace shop"
    )


@pytest.mark.parametrize("status", [403, 400, 422, 409])
def test_a_webhook_is_named_with_its_message(status: int) -> None:
    """A webhook fills the whole Status, so there may be no kind of the object."""
    text = 'admission webhook "validate.kyverno.svc-fail" denied the request: [p] not signed.\n'
    error = denial(status, text, kind="")
    assert error.reason is Reason.ADMISSION_DENIED
    assert error.message == (
        'the admission webhook "validate.kyverno.svc-fail" of the cluster denied the request: '
        '"[p] not signed"; ask the owner of this webhook to exempt secrets '
        '"registry-integration" in namespace shop'
    )
    silent = denial(status, 'admission webhook "w" denied the request without explanation')
    assert 'webhook "w" of the cluster denied the request; ask' in silent.message


def test_a_webhook_that_does_not_answer_is_named_and_may_answer_later() -> None:
    text = 'Internal error occurred: failed calling webhook "w": no endpoints available'
    error = denial(500, text)
    assert (error.reason, error.transient) == (Reason.SERVER_BROKEN, True)
    assert error.message == (
        'answered 500: the admission webhook "w" of the cluster could not be called'
    )


def test_a_quota_is_named_with_what_is_used() -> None:
    used = "requested: secrets=1, used: secrets=5, limited: secrets=5"
    error = denial(403, f"{SECRET} is forbidden: exceeded quota: compute, {used}")
    assert error.reason is Reason.QUOTA_EXCEEDED
    assert f'the resource quota "compute" of the cluster denied the request: "{used}"; ask' in (
        error.message
    )


@pytest.mark.parametrize(
    "quote",
    [
        "data is eyJhdXRocyI6eyJyZWdpc3RyeS50ZXN0Ijp7InVzZX",
        '{"auths":{"r":{"username":"u","password":"geheim"}}}',
        "password: geheim",
        "'auth': 'geheim'",
        "the secret Rk3v9QzT1bYw8LmN2xPs",
    ],
)
def test_a_message_that_quotes_the_secret_is_redacted(quote: str) -> None:
    error = denial(422, f"{POLICY}not allowed: {quote}")
    assert "not allowed: " in error.message
    assert "[redacted]" in error.message
    assert not any(word in error.message for word in ("geheim", "eyJhdXRo", "Rk3v9"))


def test_the_name_of_a_list_is_part_of_the_advice() -> None:
    step = REFUSALS["list all secrets"]
    query = "?fieldSelector=metadata.name%3Dregistry-integration&limit=500"
    response = Response(
        "cluster eu",
        "GET",
        f"/api/v1/serviceaccounts{query}",
        step["status"],
        body=json.dumps(step["answer"]).replace("secrets", "serviceaccounts").encode(),
    )
    assert (
        'grant the verb "list" on "serviceaccounts" with resourceNames ["registry-integration"]'
        in cluster_error_from_response(response).message
    )


def test_no_refusal_is_taken_for_a_passing_one() -> None:
    assert len(REFUSALS) > 40
    assert not any(refusal(note).transient for note in REFUSALS)


def test_somebody_else_answers() -> None:
    error = cluster_error_from_response(
        Response("cluster eu", "GET", "/api/v1/namespaces", 404, body=b"<html>no such page")
    )
    assert str(error) == (
        "cluster eu: GET /api/v1/namespaces: answered 404 (not found); "
        "check that this is the address of a Kubernetes API"
    )
