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
from models.core.names import NamespaceName
from tasks.access.evidence import collect_evidence
from tasks.pages.explanation import explanation_page
from tasks.prefect.artifacts import publish_artifact


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
) -> State[dict[str, Any]]:
    """Explain whether a namespace can pull from a space, and if not, which check fails.

    The namespace and the registry are observed now; nothing is changed. The answer is the artifact
    `access-<cluster>-<namespace>`. The run also completes if the answer is no.
    """
    explanation = explain(await collect_evidence(cluster, namespace, parse_image(image), image))
    page = explanation_page(explanation)
    await publish_artifact(f"access-{cluster}-{namespace}", page, "Pull access, with all checks")
    return Completed(
        message=f"{explanation.answer}: {explanation.summary}",
        data=explanation.model_dump(mode="json"),
    )
