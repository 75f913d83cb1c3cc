"""The metrics page, the alert rules and the dashboard, read by Prometheus' own tools."""

import json
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
import yaml
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from starlette.applications import Starlette

from deployments.console import metrics
from deployments.console.app import create_app
from deployments.console.pages.metrics import is_authorized
from deployments.console.settings import ConsoleSettings
from deployments.environment import PROJECT_DIR
from models.core.errors import InvalidRequest
from models.core.runs.counters import CounterKey, CounterName
from models.registries.observation import SpaceStorage
from models.registries.registry import Kind
from tasks import clock
from tasks.store.counters import add_counters
from tasks.store.registries import spaces
from tasks.store.registries.statistics import save_storage
from tasks.store.session import run_in_transaction
from tests.console.browser import URL, Browser
from tests.real.skip import program
from tests.support.builders import PRIVATE, PUBLIC, registry, space
from tests.support.databases import use_database
from tests.support.large_world import save_large_world
from tests.support.product_server import free_port
from tests.tasks.store.registries.test_statistics import reading
from tests.tasks.store.tools import integrate

TOKEN = "0123456789abcdef0123"
FOLDER = PROJECT_DIR / "deployments/grafana"
_NAME = re.compile(r"registry_integration_[a-z_]+")


@pytest.fixture
def app(browser: Browser, tmp_path: Path) -> Starlette:
    """A console that has a token for Prometheus."""
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    file.chmod(0o600)
    return create_app(ConsoleSettings(metrics_token_file=file))


async def _get(app: Starlette, authorization: str = f"Bearer {TOKEN}") -> httpx.Response:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
        headers = {"Authorization": authorization} if authorization else {}
        return await client.get("/metrics", headers=headers)


def _samples(text: str) -> Iterator[Sample]:
    for family in text_string_to_metric_families(text):
        yield from family.samples


def _value(text: str, name: str, **labels: str) -> float | None:
    found = [
        sample.value
        for sample in _samples(text)
        if sample.name == f"registry_integration_{name}" and sample.labels == labels
    ]
    assert len(found) <= 1
    return found[0] if found else None


async def test_without_the_setting_there_is_no_page(browser: Browser) -> None:
    response = await browser.client.get("/metrics", headers={"Authorization": "Bearer "})
    assert response.status_code == 404 and "METRICS_TOKEN_FILE" in response.text


def test_a_file_that_does_not_exist_turns_it_off(tmp_path: Path) -> None:
    settings = ConsoleSettings(metrics_token_file=tmp_path / "metrics-token")
    settings.check()
    assert settings.metrics_token == ""


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer x", f"Basic {TOKEN}", f"Bearer {TOKEN}x"])
async def test_a_login_or_another_token_does_not_open_it(app: Starlette, header: str) -> None:
    response = await _get(app, header)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert "registry_integration" not in response.text


def test_the_scheme_is_case_insensitive() -> None:
    assert is_authorized(f"bearer {TOKEN}", TOKEN)
    assert not is_authorized(TOKEN, TOKEN)


def test_a_short_token_stops_the_start(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("short")
    file.chmod(0o600)
    with pytest.raises(InvalidRequest, match="fewer than 16 characters"):
        ConsoleSettings(metrics_token_file=file).check()


async def test_the_figures_are_those_of_the_overview(app: Starlette, browser: Browser) -> None:
    integrate()
    content = [
        space("a", observed=PUBLIC, repositories=2),
        space("b", observed=PRIVATE, repositories=3),
    ]
    run_in_transaction(spaces.save_spaces, "prod", content)
    response = await _get(app)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=")
    text = response.text
    assert _value(text, "registry_info", registry="prod", type="harbor", origin="external") == 1
    assert _value(text, "spaces", registry="prod", visibility="public") == 1
    assert _value(text, "spaces", registry="prod", visibility="private") == 1
    assert _value(text, "repositories", registry="prod") == 5
    assert _value(text, "bindings", registry="prod") == 0
    assert _value(text, "storage_used_bytes", registry="prod") is None
    healths = [
        sample.value
        for sample in _samples(text)
        if sample.name == "registry_integration_registry_health"
    ]
    assert sorted(healths) == [0, 0, 0, 1]


async def test_names_that_registries_may_have_do_not_break_the_page(app: Starlette) -> None:
    integrate(registry(Kind.DOCKER, name="x.y-1", address="http://x.test"))
    text = (await _get(app)).text
    assert _value(text, "registry_info", registry="x.y-1", type="docker", origin="external") == 1
    assert "x.test" not in text


async def test_scrapes_share_one_reading_for_some_seconds(app: Starlette) -> None:
    first = await _get(app)
    integrate()
    assert (await _get(app)).text == first.text
    app.state.console.metrics._expires_at = 0.0
    assert 'registry="prod"' in (await _get(app)).text


async def test_a_database_without_tables_is_told(app: Starlette) -> None:
    run_in_transaction(lambda session: session.connection().exec_driver_sql("DROP TABLE binding"))
    response = await _get(app)
    assert response.status_code == 503
    assert response.text == "database: cannot be read (OperationalError)\n"


async def test_a_database_that_hangs_is_told_in_time(
    app: Starlette, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "_MAX_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with use_database(f"postgresql+psycopg://user:hidden@127.0.0.1:{port}/x"):
            response = await _get(app)
    assert response.status_code == 503
    assert response.text == "database: did not answer within 0 s\n"


@pytest.fixture
async def large_page(app: Starlette, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(metrics, "_MAX_SECONDS", 60.0)  # other tests use the processors, too
    run_in_transaction(save_large_world)
    integrate()
    run_in_transaction(spaces.save_spaces, "prod", [space("a", observed=PUBLIC)])
    storage = reading(SpaceStorage(name="a", used=2**30, limit=2**31))
    run_in_transaction(save_storage, "prod", storage, clock.now())
    run = CounterKey(CounterName.FLOW_RUNS, "reconcile-all", "completed")
    run_in_transaction(add_counters, {run: 5})
    response = await _get(app)
    assert response.status_code == 200, response.text
    return response.text


async def test_every_name_in_rules_and_dashboard_has_data(large_page: str) -> None:
    known = {sample.name for sample in _samples(large_page)}
    expressions = [rule["expr"] for rule in _rules()]
    dashboard = json.loads((FOLDER / "dashboard.json").read_text())
    expressions += [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    used = {name for expression in expressions for name in _NAME.findall(expression)}
    assert used <= known, used - known
    assert len(used) > 12


async def test_the_page_of_metrics_lists_every_metric(large_page: str) -> None:
    page = (PROJECT_DIR / "docs/metrics.md").read_text()
    names = {sample.name.removeprefix("registry_integration_") for sample in _samples(large_page)}
    assert {name for name in names if f"`{name}`" not in page} == set()


async def test_promtool_finds_no_fault_in_names_and_units(large_page: str) -> None:
    command = [program("promtool", "apt-get install prometheus"), "check", "metrics"]
    result = subprocess.run(command, input=large_page, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def _rules() -> list[dict[str, str]]:
    content = yaml.safe_load((FOLDER / "alerts.yaml").read_text())
    return [rule for group in content["groups"] for rule in group["rules"]]


def test_promtool_accepts_the_rules() -> None:
    command = [program("promtool", "apt-get install prometheus"), "check", "rules"]
    result = subprocess.run(
        [*command, str(FOLDER / "alerts.yaml")], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


_INFO = "build_info{schema='1'}"
CAUSES = {
    "RegistryUnhealthy": ("registry_health{registry='r', health='unhealthy'}", "1", "0"),
    "RegistryDegraded": ("registry_health{registry='r', health='degraded'}", "1", "0"),
    "RegistryNotObserved": ("registry_health{registry='r', health='unknown'}", "1", "0"),
    "RegistryIntegrationMetricsMissing": (_INFO, "_", "1"),
    "BindingsPending": ("bindings_pending{registry='r'}", "2", "0"),
    "BindingsHeld": ("bindings_held{registry='r'}", "2", "0"),
    "PullSecretsNotDelivered": (
        "pull_secrets{cluster='c', state='refused', reason='Contested'}",
        "2",
        "0",
    ),
    "ClusterUnreachable": ("cluster_reachable{cluster='c'}", "0", "1"),
    "SpacesDrifted": ("spaces_drifted{registry='r'}", "1", "0"),
    "SpacesNearlyFull": ("spaces_nearly_full{registry='r'}", "1", "0"),
    "RobotSecretOld": ("oldest_robot_secret_timestamp_seconds{registry='r'}", "-9000000", "0"),
    "FlowRunsFail": ("flow_runs_total{flow='f', outcome='failed'}", "0+1", "7+0"),
}
"""By alert: a series, its value when the alert fires, and its value when it does not."""


def _series(name: str, value: str) -> dict[str, str]:
    return {"series": f"registry_integration_{name}", "values": f"{value}x200"}


def _silence(alert: str, value: str) -> dict[str, object]:
    """A test that passes if no alert fires while the series of this one has this value."""
    name = CAUSES[alert][0]
    series = [_series(name, value), _series("robot_secret_rotation_seconds", "7776000")]
    if name != _INFO:
        series.append(_series(_INFO, "1"))
    return {
        "interval": "1m",
        "input_series": series,
        "alert_rule_test": [
            {"eval_time": "180m", "alertname": name, "exp_alerts": []} for name in CAUSES
        ],
    }


@pytest.mark.parametrize("alert", CAUSES)
def test_an_alert_fires_for_its_cause_and_for_nothing_else(alert: str, tmp_path: Path) -> None:
    promtool = program("promtool", "apt-get install prometheus")
    for fires, value in ((True, CAUSES[alert][1]), (False, CAUSES[alert][2])):
        file = tmp_path / f"{alert}-{fires}.yaml"
        case = _silence(alert, value)
        file.write_text(
            yaml.safe_dump({"rule_files": [str(FOLDER / "alerts.yaml")], "tests": [case]})
        )
        result = subprocess.run(
            [promtool, "test", "rules", str(file)], capture_output=True, text=True, check=False
        )
        is_silent = result.returncode == 0
        assert is_silent is not fires, result.stdout + result.stderr
        named = set(re.findall('alertname="([A-Za-z]+)"', result.stdout + result.stderr))
        assert named == ({alert} if fires else set())


def test_every_alert_has_a_cause_in_this_table_and_a_row_on_the_page() -> None:
    page = (PROJECT_DIR / "docs/metrics.md").read_text()
    assert [rule["alert"] for rule in _rules()] == list(CAUSES)
    assert all(f"`{name}`" in page for name in CAUSES)


@contextmanager
def _serve(app: Starlette) -> Iterator[int]:
    """Serve an application on a free port in a thread."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield port
    finally:
        server.should_exit = True
        thread.join(10)


@contextmanager
def _run_prometheus(folder: Path, target: int) -> Iterator[httpx.Client]:
    """Run a Prometheus that scrapes a console; yields a client of its API."""
    binary, port = program("prometheus", "apt-get install prometheus"), free_port()
    configuration = {
        "global": {"scrape_interval": "1s"},
        "rule_files": [str(FOLDER / "alerts.yaml")],
        "scrape_configs": [
            {
                "job_name": "console",
                "authorization": {"credentials": TOKEN},
                "static_configs": [{"targets": [f"127.0.0.1:{target}"]}],
            }
        ],
    }
    file = folder / "prometheus.yaml"
    file.write_text(yaml.safe_dump(configuration))
    command = [
        binary,
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
                yield client
        finally:
            process.terminate()
            process.wait(20)


def _query(client: httpx.Client, expression: str) -> list[Any]:
    try:
        answer = client.get("/api/v1/query", params={"query": expression}).json()
    except (httpx.TransportError, ValueError):
        return []
    assert answer["status"] == "success", (expression, answer)
    result: list[Any] = answer["data"]["result"]
    return result


async def test_a_real_prometheus_gets_data_for_every_panel(
    app: Starlette, large_page: str, tmp_path: Path
) -> None:
    dashboard = json.loads((FOLDER / "dashboard.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    with _serve(app) as port, _run_prometheus(tmp_path, port) as client:
        deadline = time.monotonic() + 60
        while missing := [text for text in expressions if not _query(client, text)]:
            log = (tmp_path / "prometheus.log").read_text()[-2000:]
            assert time.monotonic() < deadline, (missing, log)
            time.sleep(0.3)  # a rate needs two scrapes
        assert _query(client, "sum(registry_integration_registry_info)")[0]["value"][1] == "201"
