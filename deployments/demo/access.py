"""Access part of the demo: a binding allows pulls, and unbinding revokes them."""

import asyncio

from deployments.demo.platform import DemoPlatform
from deployments.demo.runner import DemoRunner
from deployments.simulators.docker_pull import pull_status
from tasks.secrets.cluster_credentials import ClusterCredentials
from tasks.store.access import bindings
from tasks.store.session import in_transaction

_IMAGE = "web-shop/frontend:v1"
_BINDING_PARAMETERS = {
    "registry": "harbor-main",
    "spaces": ["web-shop"],
    "workspaces": ["team-shop"],
}


async def show_access(runner: DemoRunner, platform: DemoPlatform) -> None:
    """Register a cluster, bind, pull, explain and unbind."""
    runner.print_title("Register a Kubernetes cluster (simulated)")
    await ClusterCredentials(kubeconfig=platform.cluster.kubeconfig).save("demo-cluster")
    await runner.check_flow(
        "COMPLETED",
        "register the cluster",
        "register-cluster",
        name="demo",
        credentials={"$ref": {"block_document_slug": "cluster-credentials/demo-cluster"}},
    )
    runner.print_title("Bind a private space to a workspace, and unbind it")
    await _check_pulls(runner, platform, shop=401, analytics=401)
    await runner.check_flow(
        "COMPLETED", "bind web-shop to team-shop", "bind-space", **_BINDING_PARAMETERS
    )
    await _check_pulls(runner, platform, shop=200, analytics=401)
    await _check_rollout_time(runner)
    await _check_explanations(runner)
    await runner.check_flow("COMPLETED", "unbind it again", "unbind-space", **_BINDING_PARAMETERS)
    await _check_pulls(runner, platform, shop=401, analytics=401)
    workspace_robots = [
        robot for robot in platform.main.robots.values() if "observer" not in robot.stored
    ]
    runner.check(not workspace_robots, "its robot account is deleted in Harbor")
    runner.check(
        platform.cluster.secret("shop") is None, "the pull secret is deleted in the namespace"
    )


async def _check_pulls(runner: DemoRunner, platform: DemoPlatform, **expected: int) -> None:
    """Pull as a node does, with the imagePullSecrets of the namespace's ServiceAccount."""
    host = platform.urls["harbor-main"].partition("//")[2]
    for namespace, expected_status in expected.items():
        secret_names = platform.cluster.image_pull_secrets(namespace)
        secret = platform.cluster.secret(namespace) if secret_names else None
        status = await asyncio.to_thread(pull_status, f"{host}/{_IMAGE}", secret)
        verb = "pulled" if status == 200 else "refused"
        runner.check(
            status == expected_status, f"{_IMAGE} from namespace {namespace}: {verb} ({status})"
        )


async def _check_rollout_time(runner: DemoRunner) -> None:
    space_bindings = await in_transaction(bindings.list_bindings, registry="harbor-main")
    times = [
        binding.effective_at - binding.bound_at
        for binding in space_bindings
        if binding.effective_at
    ]
    worst = max((time.total_seconds() for time in times), default=0.0)
    message = f"in force in every namespace of the workspace {worst:.1f} s after the request"
    runner.check(len(times) == len(space_bindings) == 1, message)


async def _check_explanations(runner: DemoRunner) -> None:
    for namespace, answer in (("shop", "yes"), ("analytics", "no")):
        run = await runner.run_flow(
            "explain-access",
            {"cluster": "demo", "namespace": namespace, "image": f"harbor-main/{_IMAGE}"},
        )
        message = (run.state.message or "")[:170] if run.state else ""
        runner.check(message.startswith(answer), f"explain access of {namespace}: {message}")
