"""Explain why a namespace can or cannot pull an image, without any change."""

from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from flows.forms.fields import ExistingClusterField
from flows.forms.schema import form_field
from flows.runs import report_errors
from models.access.explain.checks import explain
from models.access.image import IMAGE_PATTERN, MAX_IMAGE_LENGTH, parse_image
from models.core.errors import InvalidRequest
from models.core.names import NamespaceName
from tasks.access.evidence import collect_evidence
from tasks.pages.explanation import explanation_page
from tasks.prefect.artifacts import console_path, publish_artifact

_OBJECT_NAME_PATTERN = r"^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)?$"
ServiceAccountNameField = Annotated[
    str,
    Field(pattern=_OBJECT_NAME_PATTERN, max_length=253),
    form_field(
        "ServiceAccount",
        "Name of the pods' ServiceAccount. Empty: those that the workspace chooses. Other than "
        "default needs the permissions of rbac-service-accounts.yaml. Example: web",
    ),
]
PodNameField = Annotated[
    str,
    Field(pattern=_OBJECT_NAME_PATTERN, max_length=253),
    form_field(
        "Pod",
        "Name of an existing pod, to check its ServiceAccount and its own imagePullSecrets. Only "
        "this needs the permission to get pods. Example: web-7d4b9c-x2x7q",
    ),
]


@flow(name="explain-access", flow_run_name="explain {cluster}/{namespace}", persist_result=False)
@report_errors
async def explain_access(
    cluster: ExistingClusterField,
    namespace: Annotated[
        NamespaceName, form_field("Namespace", "Name of a namespace in the cluster. Example: shop")
    ],
    image: Annotated[
        str,
        Field(
            examples=["harbor-prod/team-a/app:1.0"],
            pattern=IMAGE_PATTERN,
            max_length=MAX_IMAGE_LENGTH,
        ),
        form_field(
            "Image",
            "registry/space or registry/space/image:tag, where registry is the name of an "
            "integrated registry or its host. Example: harbor-prod/team-a/app:1.0",
        ),
    ],
    service_account: ServiceAccountNameField = "",
    pod: PodNameField = "",
) -> State[dict[str, Any]]:
    """Explain whether a namespace can pull from a space, and if not, which check fails.

    The namespace and the registry are observed now; nothing is changed. The answer is the artifact
    `access-<cluster>-<namespace>`. The run also completes if the answer is no.
    """
    if service_account and pod:
        raise InvalidRequest("give a ServiceAccount or a pod, not both: the pod names its own")
    evidence = await collect_evidence(
        cluster, namespace, parse_image(image), image, service_account=service_account, pod=pod
    )
    explanation = explain(evidence)
    page = explanation_page(explanation)
    path = console_path("explain", cluster=cluster, namespace=namespace, image=image)
    key, description = f"access-{cluster}-{namespace}", "Pull access, with all checks"
    await publish_artifact(key, page, description, path)
    return Completed(
        message=f"{explanation.answer}: {explanation.summary}",
        data=explanation.model_dump(mode="json"),
    )
