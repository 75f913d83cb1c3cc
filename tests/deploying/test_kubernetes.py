"""The manifests for Kubernetes: rendered by kustomize where it is installed, and what they mean."""

import copy
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from deployments.console.app import routes
from deployments.environment import PROJECT_DIR
from deployments.image.__main__ import COMMANDS
from deployments.image.secret_files import SECRET_VARIABLES

FOLDER = PROJECT_DIR / "deployments/kubernetes"
OVERLAYS = ("small", "production")
_VERSION = "1.34"
_SECRET = "registry-integration-secrets"
_LOCAL_KUSTOMIZE = PROJECT_DIR / ".tools/bin/kustomize"

Manifest = dict[str, Any]


def kustomize() -> list[str] | None:
    for path in (shutil.which("kustomize"), str(_LOCAL_KUSTOMIZE)):
        if path and shutil.which(path):
            return [path, "build"]
    return None


@cache
def _manifests(overlay: str) -> tuple[Manifest, ...]:
    """The objects of an overlay and of what it refers to, before kustomize changes them."""
    folder, found = FOLDER / overlay, list[Manifest]()
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    for name in kustomization["resources"]:
        path = (folder / name).resolve()
        if path.is_dir():
            found += _manifests(path.name)
        else:
            found += yaml.safe_load_all(path.read_text())
    return tuple(found)


def _pod_templates(overlay: str) -> Iterator[Manifest]:
    return (item["spec"]["template"] for item in _manifests(overlay) if "template" in item["spec"])


def _containers(overlay: str) -> Iterator[Manifest]:
    for template in _pod_templates(overlay):
        yield from template["spec"].get("initContainers", [])
        yield from template["spec"]["containers"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_kustomize_renders_every_object_into_the_namespace(overlay: str) -> None:
    program = kustomize()
    if program is None:
        pytest.skip("kustomize is missing: go install sigs.k8s.io/kustomize/kustomize/v5@latest")
    result = subprocess.run(
        [*program, str(FOLDER / overlay)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    rendered = list(yaml.safe_load_all(result.stdout))
    for item in rendered:
        kubernetes_validate.validate(item, _VERSION, strict=True)
    assert {item["metadata"]["namespace"] for item in rendered} == {"registry-integration"}
    kinds = sorted(item["kind"] for item in rendered if item["kind"] != "ConfigMap")
    assert kinds == sorted(item["kind"] for item in _manifests(overlay))
    config_map = next(item["metadata"]["name"] for item in rendered if item["kind"] == "ConfigMap")
    assert re.fullmatch("settings-[a-z0-9]+", config_map)
    assert result.stdout.count(f"name: {config_map}") == 1 + len(list(_containers(overlay)))


_FILES = [path for path in sorted(FOLDER.rglob("*.yaml")) if path.name != "kustomization.yaml"]


@pytest.mark.parametrize("path", _FILES, ids=lambda path: path.name)
def test_manifests_have_the_schema_of_kubernetes(path: Path) -> None:
    for item in yaml.safe_load_all(path.read_text()):
        assert kubernetes_validate.validate(item, _VERSION, strict=True) == _VERSION


def test_the_schema_knows_every_field() -> None:
    item = copy.deepcopy(_manifests("production")[-1])
    item["spec"]["minAvailabel"] = 1
    with pytest.raises(kubernetes_validate.ValidationError, match="minAvailabel"):
        kubernetes_validate.validate(item, _VERSION, strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_has_the_label_that_the_network_policy_admits(overlay: str) -> None:
    text = (FOLDER / overlay / "kustomization.yaml").read_text()
    (labels,) = yaml.safe_load(text)["labels"]
    assert labels["includeTemplates"] is True
    admitted = [
        source["podSelector"]["matchLabels"]
        for item in _manifests(overlay)
        if item["kind"] == "NetworkPolicy"
        for rule in item["spec"].get("ingress", ())
        for source in rule["from"]
        if "podSelector" in source
    ]
    assert admitted == [labels["pairs"]]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_pods_meet_the_restricted_standard(overlay: str) -> None:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/"""
    for template in _pod_templates(overlay):
        context = template["spec"]["securityContext"]
        assert context["runAsNonRoot"] and context["runAsUser"] > 0
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in _containers(overlay):
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
        assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_containers_run_commands_of_the_image(overlay: str) -> None:
    commands = [container["args"][0] for container in _containers(overlay)]
    assert set(commands) <= COMMANDS.keys()
    assert {"server", "worker", "console", "migrate", "deploy"} <= set(commands)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_only_pods_that_read_clusters_get_a_token(overlay: str) -> None:
    for template in _pod_templates(overlay):
        spec = template["spec"]
        has_worker = any(item["args"][0] == "worker" for item in spec["containers"])
        assert spec["automountServiceAccountToken"] is has_worker
        assert ("serviceAccountName" in spec) is has_worker


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_secrets_are_files_that_exist_and_only_the_server_has_its_keys(overlay: str) -> None:
    for template in _pod_templates(overlay):
        volumes = {volume["name"]: volume for volume in template["spec"]["volumes"]}
        for container in (
            *template["spec"].get("initContainers", []),
            *template["spec"]["containers"],
        ):
            mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
            secret = volumes[mounts["/secrets"]]["secret"]
            assert secret["secretName"] == _SECRET
            keys = {item["key"] for item in secret["items"]}
            variables = container.get("env", [])
            files = {
                item["name"]: item["value"].removeprefix("/secrets/")
                for item in variables
                if item["name"].endswith("_FILE")
            }
            if container["args"][0] == "console":
                path = files.pop("REGISTRY_INTEGRATION_CONSOLE_METRICS_TOKEN_FILE")
                optional = volumes[mounts[path.rpartition("/")[0]]]["secret"]
                assert (optional["secretName"], optional["optional"]) == (_SECRET, True)
                assert [item["path"] for item in optional["items"]] == [path.rpartition("/")[2]]
            assert {name.removesuffix("_FILE") for name in files} <= set(SECRET_VARIABLES)
            assert set(files.values()) <= keys
            is_server = container["args"][0] == "server"
            assert (keys & {"block-key", "prefect-database-url"} != set()) is is_server


def test_every_key_of_the_secret_is_documented() -> None:
    page = (PROJECT_DIR / "docs/deployment.md").read_text()
    for overlay in OVERLAYS:
        for template in _pod_templates(overlay):
            for volume in template["spec"]["volumes"]:
                for item in volume.get("secret", {}).get("items", []):
                    assert f"--from-file={item['key']}" in page, item["key"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_selectors_and_ports_match(overlay: str) -> None:
    manifests, templates = _manifests(overlay), list(_pod_templates(overlay))
    for item in manifests:
        if item["kind"] in ("Deployment", "StatefulSet"):
            labels = item["spec"]["template"]["metadata"]["labels"]
            assert item["spec"]["selector"]["matchLabels"].items() <= labels.items()
        if item["kind"] == "PodDisruptionBudget":
            assert len(_selected(templates, item["spec"]["selector"]["matchLabels"])) == 1
        if item["kind"] == "Service":
            (template,) = _selected(templates, item["spec"]["selector"])
            assert {port["targetPort"] for port in item["spec"]["ports"]} <= _ports(template)
        if item["kind"] == "NetworkPolicy" and item["spec"]["podSelector"]:
            (template,) = _selected(templates, item["spec"]["podSelector"]["matchLabels"])
            ports = {port["port"] for rule in item["spec"]["ingress"] for port in rule["ports"]}
            assert ports <= _ports(template)


def _selected(templates: list[Manifest], labels: dict[str, str]) -> list[Manifest]:
    return [item for item in templates if labels.items() <= item["metadata"]["labels"].items()]


def _ports(template: Manifest) -> set[str]:
    containers = [*template["spec"].get("initContainers", []), *template["spec"]["containers"]]
    return {port["name"] for container in containers for port in container.get("ports", [])}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_probes_ask_for_routes_that_exist(overlay: str) -> None:
    console = {getattr(route, "path", "") for route in routes()}
    asked = set()
    for container in _containers(overlay):
        for name in ("startupProbe", "livenessProbe", "readinessProbe"):
            if probe := container.get(name, {}).get("httpGet"):
                asked.add(container["args"][0])
                known = console if probe["port"] == "console" else {"/api/health", "/api/ready"}
                assert probe["path"] in known
                assert probe["port"] in {port["name"] for port in container["ports"]}
    assert asked == {"server", "console"}


def test_the_ingress_example_names_the_services() -> None:
    ingress = yaml.safe_load((FOLDER / "ingress-example.yaml").read_text())
    services = {
        item["metadata"]["name"] for item in _manifests("base") if item["kind"] == "Service"
    }
    named = {
        path["backend"]["service"]["name"]
        for rule in ingress["spec"]["rules"]
        for path in rule["http"]["paths"]
    }
    assert named == services
