"""The entry point of the image, and the compose file that uses it."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from deployments.environment import PROJECT_DIR
from deployments.image.__main__ import COMMANDS, main
from deployments.image.secret_files import SECRET_VARIABLES, SecretFileError, read_secret_files
from deployments.image.server import UnguardedServer, server_variables

_KEY = "PREFECT_SERVER_ENCRYPTION_KEY"


def _file(folder: Path, content: bytes) -> str:
    path = folder / "secret"
    path.write_bytes(content)
    return str(path)


def test_a_secret_is_read_from_its_file(tmp_path: Path) -> None:
    environment = {f"{_KEY}_FILE": _file(tmp_path, b"the-key\n"), "OTHER_FILE": "/etc/passwd"}
    assert read_secret_files(environment) == {_KEY: "the-key"}


@pytest.mark.parametrize(
    ("content", "value", "message"),
    [
        (b"", "", "is empty or is not a secret"),
        (b"  \n", "", "is empty or is not a secret"),
        (b"a\0b", "", "is empty or is not a secret"),
        (b"x" * 200_000, "", "is empty or is not a secret"),
        (b"\xff\xfe", "", "is not UTF-8 text"),
        (b"the-key", "another", "both set"),
    ],
)
def test_an_unusable_secret_is_refused_without_showing_it(
    tmp_path: Path, content: bytes, value: str, message: str
) -> None:
    environment = {f"{_KEY}_FILE": _file(tmp_path, content), _KEY: value}
    with pytest.raises(SecretFileError, match=message) as error:
        read_secret_files(environment)
    assert "the-key" not in str(error.value) and "another" not in str(error.value)


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SecretFileError, match="none cannot be read"):
        read_secret_files({f"{_KEY}_FILE": str(tmp_path / "none")})


_GUARDED = {"PREFECT_API_AUTH_STRING": "a:b", _KEY: "the-key"}


@pytest.mark.parametrize(
    ("environment", "missing"),
    [
        ({}, "PREFECT_API_AUTH_STRING"),
        (_GUARDED | {"PREFECT_API_AUTH_STRING": ""}, "PREFECT_API_AUTH_STRING"),
        (_GUARDED | {"PREFECT_API_AUTH_STRING": "password"}, "user:password"),
        (_GUARDED | {"PREFECT_API_AUTH_STRING": "user:"}, "user:password"),
        (_GUARDED | {_KEY: ""}, _KEY),
    ],
)
def test_a_server_that_would_answer_everybody_does_not_start(
    environment: dict[str, str], missing: str
) -> None:
    with pytest.raises(UnguardedServer, match=missing):
        server_variables(environment)
    result = _run("server", **environment)
    assert result.returncode == 1 and "did not start" in result.stderr


def test_the_server_takes_the_password_of_its_clients_and_keeps_what_is_set() -> None:
    variables = server_variables(_GUARDED | {"PREFECT_UI_API_URL": "/x"})
    assert variables["PREFECT_SERVER_API_AUTH_STRING"] == "a:b"
    assert "PREFECT_UI_API_URL" not in variables
    assert variables["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert variables["PREFECT_UI_STATIC_DIRECTORY"] == "/data/prefect/ui"


def _run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deployments.image", *arguments],
        cwd=PROJECT_DIR,
        env={"PATH": os.environ["PATH"], "DO_NOT_TRACK": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_command_replaces_the_entry_point(tmp_path: Path) -> None:
    home = {"PREFECT_HOME": str(tmp_path), "HOME": str(tmp_path)}
    result = _run("worker", "--help", **home)
    assert result.returncode == 0 and "unique among all workers" in result.stdout


def test_all_commands_log_as_the_setting_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_LOGGING_SETTINGS_PATH", raising=False)
    monkeypatch.setenv("REGISTRY_INTEGRATION_LOG_FORMAT", "json")
    environments: list[dict[str, str]] = []
    monkeypatch.setattr(os, "execve", lambda *arguments: environments.append(arguments[-1]))
    main(["console"])
    assert environments[0]["PREFECT_LOGGING_SETTINGS_PATH"].endswith("logs/logging.yml")
    refused = _run("console", REGISTRY_INTEGRATION_LOG_FORMAT="yaml")
    assert refused.returncode == 1 and "expected text or json" in refused.stderr


def test_an_unknown_command_and_an_unreadable_secret_are_told(tmp_path: Path) -> None:
    unknown = _run("start")
    assert unknown.returncode == 2 and "Commands: server, worker" in unknown.stderr
    unreadable = _run("worker", **{f"{_KEY}_FILE": str(tmp_path / "none")})
    assert unreadable.returncode == 1 and "cannot be read" in unreadable.stderr


def test_the_compose_file_uses_what_exists() -> None:
    compose = yaml.safe_load((PROJECT_DIR / "deployments/compose.yaml").read_text())
    for name, service in compose["services"].items():
        assert set(service["secrets"]) <= compose["secrets"].keys(), name
        assert set(service.get("depends_on", ())) <= compose["services"].keys(), name
        assert service["read_only"] is True and service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        for config in service.get("configs", ()):
            # https://github.com/docker/compose/pull/12531
            path = PROJECT_DIR / "deployments" / compose["configs"][config["source"]]["file"]
            assert path.is_file()
        if name == "postgresql":
            assert "/var/run/postgresql" in service["tmpfs"]
            continue
        assert "cap_add" not in service
        assert service["command"][0] in COMMANDS
        for variable, value in service["environment"].items():
            if variable.endswith("_FILE"):
                assert variable.removesuffix("_FILE") in SECRET_VARIABLES
                assert value.removeprefix("/run/secrets/") in service["secrets"], (name, variable)
        has_block_key = "block-key" in service["secrets"]
        assert has_block_key is (name == "server")
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:")


def test_the_labels_are_those_of_the_project() -> None:
    project = tomllib.loads((PROJECT_DIR / "pyproject.toml").read_text())["project"]
    labels = re.findall(
        r'org\.opencontainers\.image\.(\w+)="(.*?)"', (PROJECT_DIR / "Dockerfile").read_text()
    )
    assert dict(labels) == {
        "title": project["name"],
        "description": project["description"],
        "version": project["version"],
        "licenses": project["license"],
    }


def test_the_image_has_what_the_wheel_has() -> None:
    ignored = (PROJECT_DIR / ".dockerignore").read_text().split()
    assert ignored[ignored.index("*") :][0] == "*"
    assert {"deployments/demo", "deployments/simulators"} <= set(ignored)
    copied = {
        source
        for line in (PROJECT_DIR / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    }
    assert copied == {name.removeprefix("!") for name in ignored if name.startswith("!")}
