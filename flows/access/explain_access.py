"""Explain why a namespace can, or cannot, pull an image; nothing is changed."""

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
        NamespaceName, form_field("Namespace", "Its name within the cluster. Example: shop")
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
            "registry/space, or registry/space/image:tag. The registry is its name here or its "
            "host. Example: harbor-prod/team-a/app:1.0",
        ),
    ],
) -> State[dict[str, Any]]:
    """Say whether a namespace can pull from a space, and if not, which link of the chain is broken.

    The namespace and the registry are looked at now; nothing is changed. The answer is the artifact
    `access-<cluster>-<namespace>`, and the run has done its work also when the answer is no.
    """
    explanation = explain(await collect_evidence(cluster, namespace, parse_image(image), image))
    page = explanation_page(explanation)
    await publish_artifact(f"access-{cluster}-{namespace}", page, "Whether it can pull, and why")
    return Completed(
        message=f"{explanation.answer}: {explanation.summary}",
        data=explanation.model_dump(mode="json"),
    )
