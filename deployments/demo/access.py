"""The demo's chapter on access: a binding makes an image pullable, an unbinding stops it."""

import asyncio

from deployments.demo.platform import World
from deployments.demo.runner import Teller
from deployments.simulators.docker_pull import pull_status
from tasks.secrets.cluster_credentials import ClusterCredentials
from tasks.store.access import bindings
from tasks.store.session import stored

_IMAGE = "web-shop/frontend:v1"
_BINDING = {"registry": "harbor-main", "spaces": ["web-shop"], "workspaces": ["team-shop"]}


async def grant_and_take(teller: Teller, world: World) -> None:
    """Tell it: register a cluster, bind, pull, explain, unbind."""
    teller.title("Registering a Kubernetes cluster (an emulation, not a real one)")
    await ClusterCredentials(kubeconfig=world.cluster.kubeconfig).save("demo-cluster")
    await teller.expect(
        "COMPLETED",
        "register the cluster",
        "register-cluster",
        name="demo",
        credentials={"$ref": {"block_document_slug": "cluster-credentials/demo-cluster"}},
    )
    teller.title("Binding a private space to a workspace, and taking it away again")
    await _pulls(teller, world, shop=401, analytics=401)
    await teller.expect("COMPLETED", "bind web-shop to team-shop", "bind-space", **_BINDING)
    await _pulls(teller, world, shop=200, analytics=401)
    await _measured(teller)
    await _explained(teller)
    await teller.expect("COMPLETED", "unbind it again", "unbind-space", **_BINDING)
    await _pulls(teller, world, shop=401, analytics=401)
    left = [name for name in world.main.robots.values() if "observer" not in name.stored]
    teller.check(not left, "no robot account for it is left in Harbor")
    teller.check(world.cluster.secret("shop") is None, "no pull secret is left in the namespace")


async def _pulls(teller: Teller, world: World, **expected: int) -> None:
    """Pull as a node does, with what the namespace's ServiceAccount hands out."""
    host = world.urls["harbor-main"].partition("//")[2]
    for namespace, wanted in expected.items():
        handed = world.cluster.image_pull_secrets(namespace)
        secret = world.cluster.secret(namespace) if handed else None
        status = await asyncio.to_thread(pull_status, f"{host}/{_IMAGE}", secret)
        word = "pulled" if status == 200 else "refused"
        teller.check(status == wanted, f"{_IMAGE} from namespace {namespace}: {word} ({status})")


async def _measured(teller: Teller) -> None:
    found = await stored(bindings.bindings, registry="harbor-main")
    times = [one.effective_at - one.bound_at for one in found if one.effective_at]
    worst = max((time.total_seconds() for time in times), default=0.0)
    told = f"every namespace of the workspace had it {worst:.1f} s after the wish"
    teller.check(len(times) == len(found) == 1, told)


async def _explained(teller: Teller) -> None:
    for namespace, answer in (("shop", "yes"), ("analytics", "no")):
        run = await teller.run(
            "explain-access",
            {"cluster": "demo", "namespace": namespace, "image": f"harbor-main/{_IMAGE}"},
        )
        message = (run.state.message or "")[:170] if run.state else ""
        teller.check(message.startswith(answer), f"why can {namespace}? {message}")
