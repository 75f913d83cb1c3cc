"""A simulated Kubernetes cluster for the demo and the tests. It is NOT a real Kubernetes.

It has namespaces, Secrets and ServiceAccounts, and the objects that harbor-operator and Helm
charts create for Harbors. Nothing runs, and it implements only the part of the API that this
service uses. Responses follow recorded responses of a real kube-apiserver 1.31.

    with running_cluster() as cluster:
        cluster.add_namespace("shop", {"registry-integration.io/workspace": "team-a"})
        ...
        cluster.secret("shop")
"""

from deployments.simulators.kubernetes.admission import AdmissionRule
from deployments.simulators.kubernetes.cluster import SimulatedCluster, running_cluster
from deployments.simulators.kubernetes.request import KubernetesRequestRecord
from deployments.simulators.kubernetes.rights import RbacRule

__all__ = [
    "AdmissionRule",
    "KubernetesRequestRecord",
    "RbacRule",
    "SimulatedCluster",
    "running_cluster",
]
