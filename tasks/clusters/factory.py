"""The one place that opens a connection to a cluster, by a kubeconfig or from within.

Importing it takes a second: kubernetes_asyncio has a module for each kind of object there is.
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
async def connect_cluster(
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
        cluster: whom to connect to.
        kubeconfig: what to prove ourselves with; None means the cluster this service runs in, see
            https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
        client_limits: how much at once, how long.
        fingerprint: digests what pull secrets hold.
        installation: which Secrets are ours.
        service_account: where a pod finds its token and whom to trust.

    Raises:
        ClusterError: there is nothing usable to connect with.
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
    """The library's client, over our own connections.

    Its own constructor would first read all authorities of this machine for connections that nobody
    uses, which takes 30 ms and holds up everything else.
    """

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
    """The connections, in place of the library's own.

    Those would take proxies and .netrc from the environment, and follow redirects.
    """

    def __init__(self, context: ssl.SSLContext, max_connections: int) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=max_connections, ssl=context),
            auto_decompress=False,  # it would unpack a piece whole, however large that gets
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )
        self.request = partial(self._session.request, allow_redirects=False)
        self.close = self._session.close


def _from_kubeconfig(cluster: Cluster, text: str) -> tuple[Configuration, ssl.SSLContext]:
    """Configure by a kubeconfig.

    The library's loader is not used: it would write client keys to files that it shares between
    connections and keeps until the process ends.
    """
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
    """Configure by the ServiceAccount of our own pod; its token is read anew as it changes."""
    configuration = Configuration()
    authority = service_account / "ca.crt"
    try:
        loader = InClusterConfigLoader(str(service_account / "token"), str(authority))
        loader.load_and_set(configuration)
        kubeconfig = Kubeconfig(loader.host, ca_data=authority.read_text(encoding="ascii"))
        context = cluster_tls_context(kubeconfig)
    except (ConfigException, OSError, ValueError):
        _raise_unusable(cluster, "this service does not run in a cluster: give it a kubeconfig")
    return configuration, context


def _raise_unusable(cluster: Cluster, message: str) -> NoReturn:
    raise ClusterError(cluster.name, "-", "-", message, Reason.CREDENTIALS_MISSING) from None


def cluster_tls_context(kubeconfig: Kubeconfig) -> ssl.SSLContext:
    """Build the TLS context for one cluster: its own authority, or those this machine trusts.

    Raises:
        InputRefused: the client certificate and its key do not fit together.
    """
    if not kubeconfig.certificate:
        return _cached_context(kubeconfig.ca_data, verified=kubeconfig.verify_tls)
    context = _new_context(kubeconfig.ca_data, verified=kubeconfig.verify_tls)
    _load_client_certificate(context, kubeconfig)
    return context


@lru_cache(maxsize=256)
def _cached_context(authority: str, *, verified: bool) -> ssl.SSLContext:
    """Return a context without a client certificate; building one takes 40 ms and more."""
    return _new_context(authority, verified=verified)


def _new_context(authority: str, *, verified: bool) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=authority or None)
    # From Python 3.13 on this would refuse authorities that kubectl takes, e.g. old kubeadm's.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not authority:
        context.load_verify_locations(certifi.where())
    if not verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _load_client_certificate(context: ssl.SSLContext, kubeconfig: Kubeconfig) -> None:
    """Load the client certificate; Python reads it from files only, which are gone at once."""
    with tempfile.TemporaryDirectory(prefix="cluster-") as folder:  # 0700
        pair = Path(folder) / "pair.pem"
        pair.touch(mode=0o600)
        pair.write_text(f"{kubeconfig.certificate}\n{kubeconfig.key}", encoding="ascii")
        try:
            context.load_cert_chain(pair, password="")  # without, OpenSSL asks a person
        except (ssl.SSLError, ValueError):
            raise InvalidRequest(
                "this kubeconfig cannot be used: client-certificate-data and client-key-data do "
                "not fit together. What to do: run: kubectl config view --flatten --minify --raw"
            ) from None
