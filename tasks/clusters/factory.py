"""Create the client of a cluster, from a kubeconfig or the ServiceAccount of the own pod."""

import os
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from types import MappingProxyType

import httpx
from pydantic import SecretStr

from models.clusters.cluster import Cluster, refused_credential_message
from models.core.errors import CredentialError, InvalidRequest, RemoteError
from models.core.reasons import Reason
from tasks.clusters.api_errors import cluster_error_from_response
from tasks.clusters.client import KubernetesClient
from tasks.clusters.kubeconfig import Kubeconfig, parse_kubeconfig
from tasks.clusters.objects import (
    ContentCheck,
    ContentKeeper,
    FingerprintFunction,
    SecretIdentity,
    keep_nothing,
    recognize_nothing,
)
from tasks.clusters.protocol import ClusterClient
from tasks.http.client import HttpClient, Server
from tasks.http.limits import ClientLimits
from tasks.http.response import Response
from tasks.http.shared import open_client
from tasks.http.tls import new_tls_context, tls_context

SERVICE_ACCOUNT_DIR = Path("/var/run/secrets/kubernetes.io/serviceaccount")

_MAX_FAILED_CONNECTIONS = 9
"""Consecutive failed connections that open the circuit: three attempts for each of three lists."""

_TLS_ADVICE = {
    Reason.UNKNOWN_AUTHORITY: "add its CA to the kubeconfig (certificate-authority-data)",
    Reason.SELF_SIGNED: "add the certificate to the kubeconfig (certificate-authority-data)",
    Reason.WRONG_HOST_NAME: "use the host name of the certificate as server or as tls-server-name",
    Reason.CERTIFICATE_EXPIRED: "renew the certificate of the API server",
    Reason.TLS_UNTRUSTED: "install a valid certificate on the API server",
    Reason.TLS_MISSING: "check that the server of the kubeconfig is an https address",
}


@asynccontextmanager
async def create_cluster_client(
    cluster: Cluster,
    kubeconfig: SecretStr | None,
    client_limits: ClientLimits,
    *,
    fingerprint: FingerprintFunction,
    installation: str,
    is_own_content: ContentCheck = recognize_nothing,
    recorded_fingerprints: Mapping[str, str] = MappingProxyType({}),
    keep_content: ContentKeeper = keep_nothing,
    service_account: Path = SERVICE_ACCOUNT_DIR,
) -> AsyncIterator[ClusterClient]:
    """Open one client for one cluster and one run.

    Args:
        cluster: the cluster.
        kubeconfig: kubeconfig to connect with; None for the cluster this service runs in, see
            https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
        client_limits: concurrency, size and time limits.
        fingerprint: keyed digest of pull secret contents.
        installation: installation id, which identifies the Secrets of this installation.
        is_own_content, recorded_fingerprints, keep_content: see `SecretIdentity`.
        service_account: directory with the token and the CA certificate of the pod.

    Raises:
        CredentialError: the kubeconfig is not usable, or this service does not run in a cluster.
    """
    key = (cluster.name, kubeconfig, client_limits, service_account)

    def create() -> HttpClient:
        return _create_http_client(cluster, kubeconfig, client_limits, service_account)

    async with open_client(key, create) as http:
        yield KubernetesClient(
            http,
            SecretIdentity(
                installation, fingerprint, is_own_content, recorded_fingerprints, keep_content
            ),
        )


def _create_http_client(
    cluster: Cluster,
    kubeconfig: SecretStr | None,
    client_limits: ClientLimits,
    service_account: Path,
) -> HttpClient:
    try:
        if kubeconfig is None:
            connection = _in_cluster(service_account)
            token_file = _TokenFile(service_account, connection.token)
            auth: httpx.Auth | None = _BearerAuth(token_file.read)
        else:
            connection = parse_kubeconfig(kubeconfig.get_secret_value())
            token = connection.token
            auth = _BearerAuth(lambda: token) if token else None
        context = cluster_tls_context(connection)
    except InvalidRequest as error:
        raise CredentialError(cluster.target, "-", "-", str(error)) from None
    server = Server(
        name=cluster.name,
        target=cluster.target,
        origin=connection.server,
        tls_context=context,
        tls_advice=_TLS_ADVICE,
        to_error=partial(_error_from_response, cluster),
        max_failed_connections=_MAX_FAILED_CONNECTIONS,
        server_name=connection.server_name,
        error_statuses=frozenset({401}),
    )
    return HttpClient(server, client_limits, auth)


def _error_from_response(cluster: Cluster, response: Response) -> RemoteError:
    # 401 depends on no request: the API server does not know who asks. The exception is a policy
    # with the reason Unauthorized.
    error = cluster_error_from_response(response)
    if response.status != 401 or error.reason is Reason.ADMISSION_DENIED:
        return error
    return RemoteError(
        response.target,
        response.method,
        response.url,
        refused_credential_message(cluster),
        Reason.UNAUTHORIZED,
        status=401,
    )


class _BearerAuth(httpx.Auth):
    def __init__(self, read_token: Callable[[], str]) -> None:
        self._read_token = read_token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the token to a request."""
        request.headers["Authorization"] = f"Bearer {self._read_token()}"
        yield request


class _TokenFile:
    """The token of the pod's ServiceAccount, which Kubernetes replaces every hour.

    See https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#launch-a-pod-using-service-account-token-projection
    """

    def __init__(self, service_account: Path, token: str) -> None:
        self._path, self._token = service_account / "token", token

    def read(self) -> str:
        """Return the current token; if the file cannot be read now, the last one."""
        with suppress(OSError, ValueError):  # some hundred bytes in memory: no time to wait for
            self._token = self._path.read_text(encoding="ascii").strip() or self._token
        return self._token


def _in_cluster(service_account: Path) -> Kubeconfig:
    host = os.environ.get("KUBERNETES_SERVICE_HOST", "")
    port = os.environ.get("KUBERNETES_SERVICE_PORT", "")
    try:
        authority = (service_account / "ca.crt").read_text(encoding="ascii")
        token = (service_account / "token").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        token = ""
    # Without this check, an empty CA file would mean that the CAs of this machine are trusted.
    if not (host and port and token and authority.strip()):
        raise InvalidRequest("this service does not run in a cluster: choose a kubeconfig")
    location = f"[{host}]" if ":" in host else host
    return Kubeconfig(f"https://{location}:{port}", ca_data=authority, token=token)


def cluster_tls_context(kubeconfig: Kubeconfig) -> ssl.SSLContext:
    """Return the TLS context for a cluster; a kubeconfig with its own CA trusts no other.

    Raises:
        InvalidRequest: the client certificate and its key do not match.
    """
    # A context with a client certificate is not cached, so that its key does not stay in memory.
    create = new_tls_context if kubeconfig.certificate else tls_context
    try:
        context = create(
            kubeconfig.ca_data,
            trust_system=not kubeconfig.ca_data,
            verified=kubeconfig.verify_tls,
        )
    except (ssl.SSLError, ValueError):
        raise InvalidRequest("the CA certificate of the cluster is not valid") from None
    if kubeconfig.certificate:
        _load_client_certificate(context, kubeconfig)
    return context


def _load_client_certificate(context: ssl.SSLContext, kubeconfig: Kubeconfig) -> None:
    # Python loads a client certificate only from a file; the file is deleted right after.
    with tempfile.TemporaryDirectory(prefix="cluster-") as folder:  # 0700
        pair = Path(folder) / "pair.pem"
        pair.touch(mode=0o600)
        pair.write_text(f"{kubeconfig.certificate}\n{kubeconfig.key}", encoding="ascii")
        try:
            context.load_cert_chain(pair, password="")  # else OpenSSL prompts on the terminal
        except (ssl.SSLError, ValueError):
            raise InvalidRequest(
                "this kubeconfig cannot be used: client-certificate-data and client-key-data do "
                "not match. What to do: run: kubectl config view --flatten --minify --raw"
            ) from None
