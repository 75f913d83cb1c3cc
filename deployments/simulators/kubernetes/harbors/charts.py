"""Objects of Harbor's Helm charts, as far as this service reads them.

See https://github.com/goharbor/harbor-helm/tree/main/templates/core and
https://github.com/bitnami/charts/tree/main/bitnami/harbor/templates/core
"""

from dataclasses import dataclass
from typing import Literal

from deployments.simulators.kubernetes.object_store import Json, current_timestamp

Chart = Literal["goharbor", "bitnami"]

PASSWORD_VARIABLE = "HARBOR_ADMIN_PASSWORD"
ADDRESS_VARIABLE = "EXT_ENDPOINT"


_COMMON_LABELS_SINCE = (2, 15)
"""Harbor's version in goharbor's chart 1.19, which has labels of both kinds."""


@dataclass(frozen=True)
class HelmRelease:
    """A release of a chart.

    Attributes:
        version: version of Harbor.
        name_override: the chart's value `nameOverride`.
        password_secret: the chart's value `existingSecretAdminPassword` (goharbor) or
            `existingSecret` (bitnami); empty if the chart generates the password.
        has_generated_ca: whether the chart generates the certificate, `expose.tls.certSource=auto`.
    """

    namespace: str
    name: str
    chart: Chart
    version: str
    name_override: str = ""
    password_secret: str = ""
    has_generated_ca: bool = False

    @property
    def full_name(self) -> str:
        """The beginning of the names of its objects."""
        name = self.name_override or "harbor"
        return self.name if name in self.name else f"{self.name}-{name}"

    @property
    def core_name(self) -> str:
        """Name of the core Deployment."""
        return f"{self.full_name}-core"

    @property
    def ca_secret_name(self) -> str:
        """Name of the Secret with the generated certificate of the address, and its CA."""
        return f"{self.full_name}-ingress"

    @property
    def variables_name(self) -> str:
        """Name of the core's ConfigMap and Secret with environment variables."""
        return self.core_name if self.chart == "goharbor" else f"{self.core_name}-envvars"

    @property
    def labels(self) -> Json:
        """The labels of all its objects."""
        name = self.name_override or "harbor"
        common = {
            "app.kubernetes.io/instance": self.name,
            "app.kubernetes.io/managed-by": "Helm",
            "app.kubernetes.io/name": name,
            "app.kubernetes.io/version": self.version,
        }
        if self.chart == "bitnami":
            return {**common, "helm.sh/chart": "harbor-24.0.2"}
        own = {"app": name, "chart": "harbor", "heritage": "Helm", "release": self.name}
        return {**own, **common, "app.kubernetes.io/part-of": name} if self._is_recent else own

    def config_map(self, url: str) -> Json:
        """Return the core's ConfigMap; goharbor's chart has no core label on it."""
        labels = {**self.labels, **({} if self.chart == "goharbor" else self._component_labels)}
        data = {"PORT": "8080", ADDRESS_VARIABLE: url, "CORE_URL": f"http://{self.core_name}:80"}
        return {"metadata": self._metadata(self.variables_name, labels), "data": data}

    def deployment(self) -> Json:
        """Return the core's Deployment, with the defaults of a real API server."""
        labels = {**self.labels, **self._component_labels}
        pod = {key: labels[key] for key in labels if key in _SELECTOR_LABELS}
        container: Json = {
            "name": "core",
            "image": self._image,
            "envFrom": [
                {"configMapRef": {"name": self.variables_name}},
                {"secretRef": {"name": self.variables_name}},
            ],
            "resources": {},
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
            "imagePullPolicy": "IfNotPresent",
        }
        if env := self._environment:
            container["env"] = env
        volumes = self._volumes
        spec = {
            "replicas": 1,
            "selector": {"matchLabels": pod},
            "template": {
                "metadata": {"creationTimestamp": None, "labels": pod},
                "spec": {
                    "containers": [container],
                    "restartPolicy": "Always",
                    "terminationGracePeriodSeconds": 120,
                    "dnsPolicy": "ClusterFirst",
                    "securityContext": {},
                    "schedulerName": "default-scheduler",
                    **({"volumes": volumes} if volumes else {}),
                },
            },
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"},
            },
            "revisionHistoryLimit": 10,
            "progressDeadlineSeconds": 600,
        }
        metadata = {**self._metadata(self.core_name, labels), "generation": 1}
        return {"metadata": metadata, "spec": spec, "status": {}}

    @property
    def _environment(self) -> list[Json]:
        # The password comes with the other variables of the Secret, unless it is in another one.
        if not self.password_secret:
            return []
        ref = {"name": self.password_secret, "key": PASSWORD_VARIABLE}
        return [{"name": PASSWORD_VARIABLE, "valueFrom": {"secretKeyRef": ref}}]

    @property
    def _volumes(self) -> list[Json]:
        if not self.has_generated_ca:
            return []
        items = [{"key": "ca.crt", "path": "ca.crt"}]
        secret = {"secretName": self.ca_secret_name, "items": items, "defaultMode": 420}
        return [{"name": "ca-download", "secret": secret}]

    @property
    def _is_recent(self) -> bool:
        numbers = self.version.split(".")[:2]
        return all(map(str.isdigit, numbers)) and tuple(map(int, numbers)) >= _COMMON_LABELS_SINCE

    @property
    def _component_labels(self) -> Json:
        own = {"component": "core"} if self.chart == "goharbor" else {}
        is_common = self.chart == "bitnami" or self._is_recent
        return {**own, **({"app.kubernetes.io/component": "core"} if is_common else {})}

    @property
    def _image(self) -> str:
        if self.chart == "goharbor":
            return f"goharbor/harbor-core:v{self.version}"
        return f"docker.io/bitnami/harbor-core:{self.version}-debian-12-r3"

    def _metadata(self, name: str, labels: Json) -> Json:
        return {"name": name, "namespace": self.namespace, "labels": labels}


_SELECTOR_LABELS = frozenset(
    {
        "app",
        "component",
        "release",
        "app.kubernetes.io/component",
        "app.kubernetes.io/instance",
        "app.kubernetes.io/name",
    }
)


def deployment_status(*, ready: bool, was_ready: bool = False) -> Json:
    """Return the status that the Deployment's controller writes.

    See https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#deployment-status
    """
    counts = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1}
    is_complete = ready or was_ready
    times = {"lastUpdateTime": current_timestamp(), "lastTransitionTime": current_timestamp()}
    conditions = [
        {
            **times,
            "type": "Available",
            "status": "True" if ready else "False",
            "reason": "MinimumReplicasAvailable" if ready else "MinimumReplicasUnavailable",
            "message": f"Deployment {'has' if ready else 'does not have'} minimum availability.",
        },
        {
            **times,
            "type": "Progressing",
            "status": "True",
            "reason": "NewReplicaSetAvailable" if is_complete else "ReplicaSetUpdated",
            "message": "ReplicaSet "
            f"{'has successfully progressed' if is_complete else 'is progressing'}.",
        },
    ]
    pods = {"readyReplicas": 1, "availableReplicas": 1} if ready else {"unavailableReplicas": 1}
    return {**counts, **pods, "conditions": conditions}
