"""A Prefect API that does not answer is one sentence, which says what to do."""

import pytest
from starlette.responses import Response

from deployments.prefect_api import api_url_error
from deployments.simulators.server import get_closed_url, run_server
from tests.tasks.registries.tools import Recorder

ADVICE = "let `make serve` start a server of its own"


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (Response(b"true"), ""),
        (Response(status_code=401), ""),
        (Response(status_code=404), "status 404"),
        (Response(b"<!doctype html>"), "the answer is not that of a Prefect server"),
    ],
)
def test_what_counts_as_an_api(reply: Response, problem: str) -> None:
    recorder = Recorder(reply)
    with run_server(recorder.app) as url:
        error = api_url_error(f"{url}/api", wait_seconds=0)
    assert recorder.requests[0].url.path == "/api/health"
    assert bool(error) is bool(problem)
    assert problem in error


@pytest.mark.parametrize(
    ("variable", "place", "command"),
    [
        ("http://there.test/api", "the environment variable", "`unset PREFECT_API_URL`"),
        ("", "the active Prefect profile", "`prefect config unset PREFECT_API_URL`"),
    ],
)
def test_a_stale_url_says_where_it_comes_from(
    monkeypatch: pytest.MonkeyPatch, variable: str, place: str, command: str
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", variable)
    host = get_closed_url().removeprefix("http://")
    error = api_url_error(f"http://user:s3cret@{host}/api", own_server=ADVICE, wait_seconds=0)
    assert f"no Prefect API answers at http://{host}/api" in error
    assert f"which {place} names (PREFECT_API_URL)" in error
    assert f"or run {command} to {ADVICE}" in error
    assert "s3cret" not in error
    assert "\n" not in error
