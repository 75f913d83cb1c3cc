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
