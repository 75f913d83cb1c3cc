"""Create the client of a cluster, from a kubeconfig or the ServiceAccount of the own pod.

Importing this module takes about 1 s: kubernetes_asyncio has a module for each kind of object.
"""

import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import NoReturn, cast

import aiohttp
import certifi
from kubernetes_asyncio.client import ApiClient, Configuration
from kubernetes_asyncio.client.rest import RESTClientObject
from kubernetes_asyncio.config import ConfigException
from kubernetes_asyncio.config.incluster_config import InClusterConfigLoader
from pydantic import SecretStr

from models.clusters.cluster import Cluster
from models.core.errors import ClusterError, InvalidRequest
from models.core.reasons import Reason
from tasks.clusters.client import KubernetesClient
from tasks.clusters.http import ClusterHttpClient
from tasks.clusters.kubeconfig import Kubeconfig, parse_kubeconfig
from tasks.clusters.objects import FingerprintFunction
from tasks.clusters.protocol import ClusterClient
from tasks.http.limits import ClientLimits

SERVICE_ACCOUNT_DIR = Path("/var/run/secrets/kubernetes.io/serviceaccount")

_USER_AGENT = "registry-integration"


@asynccontextmanager
async def create_cluster_client(
    cluster: Cluster,
    kubeconfig: SecretStr | None,
    client_limits: ClientLimits,
    *,
    fingerprint: FingerprintFunction,
    installation: str,
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
        service_account: directory with the token and the CA certificate of the pod.

    Raises:
        ClusterError: the kubeconfig is not usable, or this service does not run in a cluster.
    """
    if kubeconfig is None:
        configuration, context = _in_cluster(cluster, service_account)
    else:
        configuration, context = _from_kubeconfig(cluster, kubeconfig.get_secret_value())
    async with _ApiClient(configuration, _Session(context, client_limits.max_concurrency)) as api:
        yield KubernetesClient(
            ClusterHttpClient(cluster.name, api, client_limits), installation, fingerprint
        )


class _ApiClient(ApiClient):
    """The client of the library, over a `_Session`."""

    # The constructor of the library is not called: it loads all CA certificates of the machine for
    # connections that are not used, which blocks the event loop for 30 ms.

    def __init__(self, configuration: Configuration, session: "_Session") -> None:
        self.configuration = configuration
        self.client_side_validation = configuration.client_side_validation
        self.rest_client = _RestClient(configuration, session)
        self.default_headers: dict[str, str] = {}
        self.cookie = ""
        self.user_agent = _USER_AGENT


class _RestClient(RESTClientObject):
    def __init__(self, configuration: Configuration, session: "_Session") -> None:
        self.server_hostname = configuration.tls_server_name or ""
        self.proxy, self.proxy_headers = "", {}
        self.pool_manager = cast("aiohttp.ClientSession", session)


class _Session:
    """Replacement for the session of the library.

    That one uses proxies and .netrc of the environment, and follows redirects.
    """

    def __init__(self, context: ssl.SSLContext, max_connections: int) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=max_connections, ssl=context),
            auto_decompress=False,  # it decodes whole chunks without a size limit
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )
        self.request = partial(self._session.request, allow_redirects=False)
        self.close = self._session.close


def _from_kubeconfig(cluster: Cluster, text: str) -> tuple[Configuration, ssl.SSLContext]:
    # The loader of the library is not used: it writes client keys to files that are shared between
    # connections and kept until the process ends.
    try:
        kubeconfig = parse_kubeconfig(text)
        context = cluster_tls_context(kubeconfig)
    except InvalidRequest as error:
        _raise_unusable(cluster, str(error))
    configuration = Configuration(host=kubeconfig.server)
    configuration.tls_server_name = kubeconfig.server_name or None
    if kubeconfig.token:
        configuration.api_key["BearerToken"] = f"Bearer {kubeconfig.token}"
    return configuration, context


def _in_cluster(cluster: Cluster, service_account: Path) -> tuple[Configuration, ssl.SSLContext]:
    # The loader refreshes the token, which Kubernetes rotates.
    configuration = Configuration()
    authority = service_account / "ca.crt"
    try:
        loader = InClusterConfigLoader(str(service_account / "token"), str(authority))
        loader.load_and_set(configuration)
        kubeconfig = Kubeconfig(loader.host, ca_data=authority.read_text(encoding="ascii"))
        context = cluster_tls_context(kubeconfig)
    except (ConfigException, OSError, ValueError):
        _raise_unusable(cluster, "this service does not run in a cluster: choose a kubeconfig")
    return configuration, context


def _raise_unusable(cluster: Cluster, message: str) -> NoReturn:
    raise ClusterError(cluster.name, "-", "-", message, Reason.CREDENTIALS_MISSING) from None


def cluster_tls_context(kubeconfig: Kubeconfig) -> ssl.SSLContext:
    """Return the TLS context for one cluster: with its own CA, or the CAs of this machine.

    Raises:
        InvalidRequest: the client certificate and its key do not match.
    """
    if not kubeconfig.certificate:
        return _cached_context(kubeconfig.ca_data, verified=kubeconfig.verify_tls)
    context = _new_context(kubeconfig.ca_data, verified=kubeconfig.verify_tls)
    _load_client_certificate(context, kubeconfig)
    return context


@lru_cache(maxsize=256)
def _cached_context(authority: str, *, verified: bool) -> ssl.SSLContext:
    # Creating a context takes 40 ms or more. Contexts with a client certificate are not cached.
    return _new_context(authority, verified=verified)


def _new_context(authority: str, *, verified: bool) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=authority or None)
    # Since Python 3.13 the default rejects CAs that kubectl accepts, for example old kubeadm's.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not authority:
        context.load_verify_locations(certifi.where())
    if not verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
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
