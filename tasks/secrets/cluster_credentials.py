"""Kubeconfigs: kept in Prefect blocks, read when used, never copied and never a parameter."""

from collections.abc import Iterable, Mapping
from typing import ClassVar

from prefect.blocks.core import Block
from prefect.client.schemas.objects import BlockDocument
from pydantic import ConfigDict, Field, SecretStr

from models.clusters.cluster import Cluster
from models.core.errors import ClusterError, TransientClusterError
from models.core.reasons import Reason
from models.registries.registry import BlockRef
from tasks.secrets.blocks import (
    BlockIncomplete,
    BlockUnreadable,
    block_reference,
    read_block_documents,
    read_text_field,
)

_BLOCK_TYPE = "cluster-credentials"


class ClusterCredentials(Block):
    """The kubeconfig of a Kubernetes cluster.

    Prefect keeps it encrypted and shows it to nobody; a flow is given a reference only. The block
    of `prefect-kubernetes` shows its kubeconfig to everybody who may open it.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    _block_type_name: ClassVar[str] = "Cluster credentials"
    _block_type_slug: ClassVar[str] = _BLOCK_TYPE
    _description: ClassVar[str] = "The kubeconfig of a Kubernetes cluster."

    kubeconfig: SecretStr = Field(
        title="Kubeconfig",
        description=(
            "Of a ServiceAccount with a token; stored encrypted. "
            "`kubectl config view --flatten --minify --raw -o json` prints the one in use."
        ),
        json_schema_extra={"format": "textarea"},  # YAML does not survive a one-line field
    )


def cluster_block_reference(credentials: ClusterCredentials | None) -> BlockRef | None:
    """Return the reference by which a saved block is found again.

    Raises:
        InputRefused: the kubeconfig came inline, so it stands in the clear in the parameters of
            the flow run; it is not used.
    """
    if credentials is None:
        return None
    revoke = "revoke that token or client certificate"
    return block_reference(credentials, _BLOCK_TYPE, parameter="credentials", revoke=revoke)


class UnusableKubeconfig(SecretStr):
    """Stands, empty, in the place of a kubeconfig that cannot be used.

    Attributes:
        error: why it cannot, and what to do.
        is_unavailable: whether that is because it could not be read just now.
    """

    def __init__(self, error: str, *, unread: bool) -> None:
        super().__init__("")
        self.error, self.is_unavailable = error, unread


def pick_kubeconfig(cluster: Cluster, kubeconfigs: Mapping[str, SecretStr]) -> SecretStr | None:
    """Choose a cluster's kubeconfig among those that were read; None for the cluster we run in.

    Raises:
        ClusterError: the block it names is gone, or lacks the kubeconfig.
        ClusterTransient: the block could not be read just now.
    """
    if cluster.credential is None:
        return None
    name = cluster.credential.name
    if name not in kubeconfigs:
        message = (
            f"the block {_BLOCK_TYPE}/{name} does not exist; save it again, or name another one"
        )
        raise ClusterError(cluster.name, "-", "-", message, Reason.CREDENTIALS_MISSING)
    kubeconfig = kubeconfigs[name]
    if isinstance(kubeconfig, UnusableKubeconfig):
        raise _unusable_error(cluster, kubeconfig)
    return kubeconfig


def _unusable_error(cluster: Cluster, kubeconfig: UnusableKubeconfig) -> ClusterError:
    kind, reason = ClusterError, Reason.CREDENTIALS_MISSING
    if kubeconfig.is_unavailable:
        kind, reason = TransientClusterError, Reason.CREDENTIALS_UNPROVED
    return kind(cluster.name, "-", "-", kubeconfig.error, reason)


async def read_kubeconfigs(clusters: Iterable[Cluster]) -> dict[str, SecretStr]:
    """Read the kubeconfigs of clusters by block name; one that lacks it is there with its error."""
    names = {cluster.credential.name for cluster in clusters if cluster.credential is not None}
    return {
        document.name: kubeconfig_from_block(document)
        for document in await read_block_documents(_BLOCK_TYPE, names)
        if document.name
    }


def kubeconfig_from_block(document: BlockDocument) -> SecretStr:
    """Read a saved block; Prefect checks nothing of what is in it, so this is done here."""
    try:
        return SecretStr(read_text_field(document, "kubeconfig", "Kubeconfig"))
    except BlockIncomplete as error:
        return UnusableKubeconfig(str(error), unread=isinstance(error, BlockUnreadable))
