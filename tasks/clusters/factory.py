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
from models.core.errors import ClusterError, InputRefused
from models.core.reasons import Reason
from tasks.clusters.client import KubernetesCluster
from tasks.clusters.http import ClusterHttp
from tasks.clusters.kubeconfig import Kubeconfig, read_kubeconfig
from tasks.clusters.objects import Fingerprint
from tasks.clusters.protocol import ClusterClient
from tasks.http.limits import Bounds

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")

_USER_AGENT = "registry-integration"


@asynccontextmanager
async def connect(
    cluster: Cluster,
    kubeconfig: SecretStr | None,
    bounds: Bounds,
    *,
    fingerprint: Fingerprint,
    installation: str,
    account: Path = SERVICE_ACCOUNT,
) -> AsyncIterator[ClusterClient]:
    """Open one client for one cluster and one run.

    Args:
        cluster: whom to connect to.
        kubeconfig: what to prove ourselves with; None means the cluster this service runs in, see
            https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
        bounds: how much at once, how long.
        fingerprint: digests what pull secrets hold.
        installation: which Secrets are ours.
        account: where a pod finds its token and whom to trust.

    Raises:
        ClusterError: there is nothing usable to connect with.
    """
    if kubeconfig is None:
        configuration, context = _from_within(cluster, account)
    else:
        configuration, context = _by(cluster, kubeconfig.get_secret_value())
    async with _Api(configuration, _Session(context, bounds.at_once)) as api:
        yield KubernetesCluster(ClusterHttp(cluster.name, api, bounds), installation, fingerprint)


class _Api(ApiClient):
    """The library's client, over our own connections.

    Its own constructor would first read all authorities of this machine for connections that nobody
    uses, which takes 30 ms and holds up everything else.
    """

    def __init__(self, configuration: Configuration, session: "_Session") -> None:
        self.configuration = configuration
        self.client_side_validation = configuration.client_side_validation
        self.rest_client = _Rest(configuration, session)
        self.default_headers: dict[str, str] = {}
        self.cookie = ""
        self.user_agent = _USER_AGENT


class _Rest(RESTClientObject):
    def __init__(self, configuration: Configuration, session: "_Session") -> None:
        self.server_hostname = configuration.tls_server_name or ""
        self.proxy, self.proxy_headers = "", {}
        self.pool_manager = cast("aiohttp.ClientSession", session)


class _Session:
    """The connections, in place of the library's own.

    Those would take proxies and .netrc from the environment, and follow redirects.
    """

    def __init__(self, context: ssl.SSLContext, at_once: int) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=at_once, ssl=context),
            auto_decompress=False,  # it would unpack a piece whole, however large that gets
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )
        self.request = partial(self._session.request, allow_redirects=False)
        self.close = self._session.close


def _by(cluster: Cluster, text: str) -> tuple[Configuration, ssl.SSLContext]:
    """Configure by a kubeconfig.

    The library's loader is not used: it would write client keys to files that it shares between
    connections and keeps until the process ends.
    """
    try:
        found = read_kubeconfig(text)
        context = context_for(found)
    except InputRefused as error:
        _refuse(cluster, str(error))
    configuration = Configuration(host=found.server)
    configuration.tls_server_name = found.server_name or None
    if found.token:
        configuration.api_key["BearerToken"] = f"Bearer {found.token}"
    return configuration, context


def _from_within(cluster: Cluster, account: Path) -> tuple[Configuration, ssl.SSLContext]:
    """Configure by the ServiceAccount of our own pod; its token is read anew as it changes."""
    configuration = Configuration()
    authority = account / "ca.crt"
    try:
        loader = InClusterConfigLoader(str(account / "token"), str(authority))
        loader.load_and_set(configuration)
        trusted = Kubeconfig(loader.host, authority=authority.read_text(encoding="ascii"))
        context = context_for(trusted)
    except (ConfigException, OSError, ValueError):
        _refuse(cluster, "this service does not run in a cluster: give it a kubeconfig")
    return configuration, context


def _refuse(cluster: Cluster, said: str) -> NoReturn:
    raise ClusterError(cluster.name, "-", "-", said, Reason.CREDENTIALS_MISSING) from None


def context_for(kubeconfig: Kubeconfig) -> ssl.SSLContext:
    """Build the TLS context for one cluster: its own authority, or those this machine trusts.

    Raises:
        InputRefused: the client certificate and its key do not fit together.
    """
    if not kubeconfig.certificate:
        return _context(kubeconfig.authority, verified=kubeconfig.verified)
    context = _new_context(kubeconfig.authority, verified=kubeconfig.verified)
    _load_pair(context, kubeconfig)
    return context


@lru_cache(maxsize=256)
def _context(authority: str, *, verified: bool) -> ssl.SSLContext:
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


def _load_pair(context: ssl.SSLContext, kubeconfig: Kubeconfig) -> None:
    """Load the client certificate; Python reads it from files only, which are gone at once."""
    with tempfile.TemporaryDirectory(prefix="cluster-") as folder:  # 0700
        pair = Path(folder) / "pair.pem"
        pair.touch(mode=0o600)
        pair.write_text(f"{kubeconfig.certificate}\n{kubeconfig.key}", encoding="ascii")
        try:
            context.load_cert_chain(pair, password="")  # without, OpenSSL asks a person
        except (ssl.SSLError, ValueError):
            raise InputRefused(
                "this kubeconfig cannot be used: client-certificate-data and client-key-data do "
                "not fit together. What to do: run: kubectl config view --flatten --minify --raw"
            ) from None
