"""Explain why a namespace can, or cannot, pull an image; nothing is changed."""

from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from flows.forms.fields import KnownCluster
from flows.forms.schema import shown
from flows.runs import ends_plainly
from models.access.explain.checks import explain
from models.access.image import IMAGE_PATTERN, LONGEST_IMAGE, read_image
from models.core.names import NamespaceName
from tasks.access.evidence import gather
from tasks.pages.explanation import access_page
from tasks.prefect.artifacts import publish


@flow(name="explain-access", flow_run_name="explain {cluster}/{namespace}", persist_result=False)
@ends_plainly
async def explain_access(
    cluster: KnownCluster,
    namespace: Annotated[
        NamespaceName, shown("Namespace", "Its name within the cluster. Example: shop")
    ],
    image: Annotated[
        str,
        Field(
            examples=["harbor-prod/team-a/app:1.0"], pattern=IMAGE_PATTERN, max_length=LONGEST_IMAGE
        ),
        shown(
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
    told = explain(await gather(cluster, namespace, read_image(image), image))
    page = access_page(told)
    await publish(f"access-{cluster}-{namespace}", page, "Whether it can pull, and why")
    return Completed(message=f"{told.answer}: {told.sentence}", data=told.model_dump(mode="json"))
