"""Kubeconfigs in blocks, variables and files: read when used, never copied, never a parameter."""

from collections.abc import Iterable, Mapping
from typing import ClassVar

from prefect.blocks.core import Block
from prefect.client.schemas.objects import BlockDocument
from pydantic import ConfigDict, Field, SecretStr

from models.clusters.cluster import Cluster
from models.core.errors import CredentialError
from models.core.reasons import Reason
from models.registries.registry import BlockRef, EnvironmentRef, FileRef
from tasks.clusters.kubeconfig import parse_kubeconfig
from tasks.configuration.credential_sources import SourceUnreadable, read_text
from tasks.prefect.api import prefect_client
from tasks.secrets.blocks import (
    BlockIncomplete,
    BlockUnreadable,
    block_reference,
    list_block_documents,
    read_block_documents,
    read_text_field,
)

_BLOCK_TYPE = "cluster-credentials"


class ClusterCredentials(Block):
    """The kubeconfig of a Kubernetes cluster.

    Prefect stores it encrypted and never displays it; flows receive only a reference.
    """

    # Not the block of `prefect-kubernetes`: that one displays its kubeconfig in the Prefect UI.

    model_config = ConfigDict(hide_input_in_errors=True)

    _block_type_name: ClassVar[str] = "Cluster credentials"
    _block_type_slug: ClassVar[str] = _BLOCK_TYPE
    _description: ClassVar[str] = "The kubeconfig of a Kubernetes cluster."

    kubeconfig: SecretStr = Field(
        title="Kubeconfig",
        description=(
            "Kubeconfig of a ServiceAccount with a token; stored encrypted. To print the current "
            "one, run `kubectl config view --flatten --minify --raw -o json`."
        ),
        json_schema_extra={"format": "textarea"},  # a one-line field would break YAML
    )


def cluster_block_reference(credentials: ClusterCredentials | None) -> BlockRef | None:
    """Return the reference to a saved block; None if no block is given.

    Raises:
        InvalidRequest: the kubeconfig was passed inline, so it is stored in plain text in the
            parameters of the flow run; it is not used.
    """
    if credentials is None:
        return None
    revoke = "revoke that token or client certificate"
    return block_reference(credentials, _BLOCK_TYPE, parameter="credentials", revoke=revoke)


class UnusableKubeconfig(SecretStr):
    """Empty placeholder for a kubeconfig that cannot be used.

    Attributes:
        error: the reason and what to do.
        is_unavailable: whether the kubeconfig could not be read, a transient fault.
    """

    def __init__(self, error: str, *, unread: bool) -> None:
        super().__init__("")
        self.error, self.is_unavailable = error, unread


def pick_kubeconfig(cluster: Cluster, kubeconfigs: Mapping[str, SecretStr]) -> SecretStr | None:
    """Return the kubeconfig of a cluster; None for the cluster that this service runs in.

    Args:
        kubeconfigs: kubeconfigs by reference key, see `read_kubeconfigs`.

    Raises:
        CredentialError: the block, variable or file does not exist or has no kubeconfig (reason
            CredentialsMissing), or it could not be read (CredentialsUnproved, transient).
    """
    if cluster.credential is None:
        return None
    key = cluster.credential.ref_key
    if key not in kubeconfigs:
        message = (
            f"the block {_BLOCK_TYPE}/{key} does not exist: save it again or choose another one"
        )
        raise CredentialError(cluster.target, "-", "-", message)
    kubeconfig = kubeconfigs[key]
    if isinstance(kubeconfig, UnusableKubeconfig):
        reason = (
            Reason.CREDENTIALS_UNPROVED if kubeconfig.is_unavailable else Reason.CREDENTIALS_MISSING
        )
        raise CredentialError(cluster.target, "-", "-", kubeconfig.error, reason)
    return kubeconfig


async def read_kubeconfigs(clusters: Iterable[Cluster]) -> dict[str, SecretStr]:
    """Read the kubeconfigs of clusters, by reference key.

    Missing blocks are omitted; what is unusable is returned as an `UnusableKubeconfig`.
    """
    refs = {cluster.credential for cluster in clusters}
    names = {ref.name for ref in refs if isinstance(ref, BlockRef)}
    return {
        ref.ref_key: _kubeconfig_from_source(ref)
        for ref in refs
        if isinstance(ref, EnvironmentRef | FileRef)
    } | {
        document.name: kubeconfig_from_block(document)
        for document in await read_block_documents(_BLOCK_TYPE, names)
        if document.name
    }


def _kubeconfig_from_source(reference: EnvironmentRef | FileRef) -> SecretStr:
    try:
        return SecretStr(read_text(reference))
    except SourceUnreadable as error:
        return UnusableKubeconfig(f"the {reference} cannot be used: {error}", unread=False)


def check_kubeconfig(text: str) -> None:
    """Check a kubeconfig before it is saved.

    Raises:
        InvalidRequest: it cannot be used; the message has advice and no secret.
    """
    parse_kubeconfig(text)


async def list_saved_kubeconfigs() -> tuple[str, ...]:
    """Return the names of saved kubeconfigs, sorted, without their content.

    Raises:
        PrefectUnavailable: the Prefect API does not answer.
    """
    async with prefect_client() as client:
        documents = await list_block_documents(client, _BLOCK_TYPE)
    return tuple(sorted(document.name for document in documents if document.name))


def kubeconfig_from_block(document: BlockDocument) -> SecretStr:
    """Return the kubeconfig of a saved block, or an `UnusableKubeconfig` with the error."""
    try:  # Prefect does not validate the fields of a saved block
        return SecretStr(read_text_field(document, "kubeconfig", "Kubeconfig"))
    except BlockIncomplete as error:
        return UnusableKubeconfig(str(error), unread=isinstance(error, BlockUnreadable))
