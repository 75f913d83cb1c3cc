"""Kubeconfigs: kept in Prefect blocks, read when used, never copied and never a parameter."""

from collections.abc import Iterable, Mapping
from typing import ClassVar

from prefect.blocks.core import Block
from prefect.client.schemas.objects import BlockDocument
from pydantic import ConfigDict, Field, SecretStr

from models.clusters.cluster import Cluster
from models.core.errors import ClusterError, ClusterTransient
from models.core.reasons import Reason
from models.registries.registry import BlockRef
from tasks.secrets.blocks import (
    BlockIncomplete,
    BlockUnreadable,
    documents_of,
    saved_reference,
    text_field,
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


def cluster_reference_to(credentials: ClusterCredentials | None) -> BlockRef | None:
    """Return the reference by which a saved block is found again.

    Raises:
        InputRefused: the kubeconfig came inline, so it stands in the clear in the parameters of
            the flow run; it is not used.
    """
    if credentials is None:
        return None
    revoke = "revoke that token or client certificate"
    return saved_reference(credentials, _BLOCK_TYPE, parameter="credentials", revoke=revoke)


class UnusableKubeconfig(SecretStr):
    """Stands, empty, in the place of a kubeconfig that cannot be used.

    Attributes:
        error: why it cannot, and what to do.
        unread: whether that is because it could not be read just now.
    """

    def __init__(self, error: str, *, unread: bool) -> None:
        super().__init__("")
        self.error, self.unread = error, unread


def pick_kubeconfig(cluster: Cluster, found: Mapping[str, SecretStr]) -> SecretStr | None:
    """Choose a cluster's kubeconfig among those that were read; None for the cluster we run in.

    Raises:
        ClusterError: the block it names is gone, or lacks the kubeconfig.
        ClusterTransient: the block could not be read just now.
    """
    if cluster.credential is None:
        return None
    name = cluster.credential.name
    if name not in found:
        said = f"the block {_BLOCK_TYPE}/{name} does not exist; save it again, or name another one"
        raise ClusterError(cluster.name, "-", "-", said, Reason.CREDENTIALS_MISSING)
    kubeconfig = found[name]
    if isinstance(kubeconfig, UnusableKubeconfig):
        raise _unusable(cluster, kubeconfig)
    return kubeconfig


def _unusable(cluster: Cluster, kubeconfig: UnusableKubeconfig) -> ClusterError:
    kind, reason = ClusterError, Reason.CREDENTIALS_MISSING
    if kubeconfig.unread:
        kind, reason = ClusterTransient, Reason.CREDENTIALS_UNPROVED
    return kind(cluster.name, "-", "-", kubeconfig.error, reason)


async def kubeconfigs_of(clusters: Iterable[Cluster]) -> dict[str, SecretStr]:
    """Read the kubeconfigs of clusters by block name; one that lacks it is there with its error."""
    names = {one.credential.name for one in clusters if one.credential is not None}
    return {
        document.name: kubeconfig_in(document)
        for document in await documents_of(_BLOCK_TYPE, names)
        if document.name
    }


def kubeconfig_in(document: BlockDocument) -> SecretStr:
    """Read a saved block; Prefect checks nothing of what is in it, so this is done here."""
    try:
        return SecretStr(text_field(document, "kubeconfig", "Kubeconfig"))
    except BlockIncomplete as error:
        return UnusableKubeconfig(str(error), unread=isinstance(error, BlockUnreadable))
