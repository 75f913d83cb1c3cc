"""What a real kube-apiserver's refusals mean to us."""

import json

import pytest

from models.core.errors import ClusterError, ClusterTransient
from models.core.reasons import Reason
from tasks.clusters.api_errors import error_of
from tasks.http.response import Answer
from tests.simulators.kubernetes_replay import recorded

REFUSED = {step["note"]: step for step in recorded() if step.get("status", 0) >= 400}


def refused(note: str) -> ClusterError:
    """The error that a recorded refusal means."""
    step = REFUSED[note]
    path = step["path"].partition("?")[0]
    return error_of(
        "eu", Answer(step["method"], path, step["status"], body=json.dumps(step["answer"]).encode())
    )


@pytest.mark.parametrize(
    ("note", "reason", "said"),
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
def test_meaning(note: str, reason: Reason, said: str) -> None:
    error = refused(note)
    assert (error.reason, isinstance(error, ClusterTransient)) == (reason, False)
    assert said in error.said


def test_no_refusal_is_taken_for_a_passing_one() -> None:
    assert len(REFUSED) > 40
    assert not any(isinstance(refused(note), ClusterTransient) for note in REFUSED)


def test_somebody_else_answers() -> None:
    error = error_of("eu", Answer("GET", "/api/v1/namespaces", 404, body=b"<html>no such page"))
    assert str(error) == (
        "cluster eu: GET /api/v1/namespaces: answered 404 (not found); "
        "is this the address of a Kubernetes API?"
    )
