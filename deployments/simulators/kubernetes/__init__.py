"""An emulated Kubernetes cluster for the demo and the tests. It is NOT a real Kubernetes.

It has namespaces, Secrets and ServiceAccounts, and what harbor-operator and Helm charts make of
Harbors; nothing runs, and it knows no more of the API than this service uses. What it answers
follows recorded answers of a real kube-apiserver 1.31.

    with running_cluster() as cluster:
        cluster.add_namespace("shop", {"registry-integration.io/workspace": "team-a"})
        ...
        cluster.secret("shop")

kmock (https://kmock.readthedocs.io) keeps the objects and has the form of its refusals. Its own
handling merges plain JSON and cannot list namespaces (0.8), so that the requests are answered here.
"""

from deployments.simulators.kubernetes.cluster import SimulatedCluster, running_cluster
from deployments.simulators.kubernetes.log import KubernetesRequestRecord
from deployments.simulators.kubernetes.rights import RbacRule

__all__ = ["KubernetesRequestRecord", "RbacRule", "SimulatedCluster", "running_cluster"]
