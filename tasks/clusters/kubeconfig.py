"""Parse kubeconfig files; unsupported content is rejected with advice.

See https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
"""

import base64
import binascii
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import urlsplit

import yaml

from models.core.errors import InvalidRequest
from models.core.plural import pluralize

MAX_KUBECONFIG_LENGTH = 200_000
"""Maximum characters of a kubeconfig for one cluster."""

_MAX_DEPTH, _MAX_NODES = 20, 5_000
"""Maximum nesting levels and values; a real kubeconfig has 6 levels."""

ConfigSection = Mapping[str, Any]

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_FLATTEN_ADVICE = "run: kubectl config view --flatten --minify --raw -o json"
_SERVICE_ACCOUNT_ADVICE = "create a ServiceAccount and use its token; see the README"
_PROGRAM_FIELDS = ("exec", "auth-provider")
_FILE_FIELDS = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
_IMPERSONATION_FIELDS = ("as", "as-uid", "as-groups", "as-user-extra")


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """Connection to one cluster as one user; `repr` contains no secrets.

    Attributes:
        server: URL of the API server, without a trailing slash.
        verify_tls: whether the server's certificate is verified.
        ca_data: CA certificates as PEM text; empty uses the CAs of this machine.
        server_name: host name of the certificate, if it differs from the URL.
        token: bearer token.
        certificate: client certificate as PEM text.
        key: key of the client certificate as PEM text.
    """

    server: str
    verify_tls: bool = True
    ca_data: str = field(default="", repr=False)
    server_name: str = ""
    token: str = field(default="", repr=False)
    certificate: str = field(default="", repr=False)
    key: str = field(default="", repr=False)


def parse_kubeconfig(text: str) -> Kubeconfig:
    """Parse the current, or only, context of a kubeconfig.

    Raises:
        InvalidRequest: the kubeconfig cannot be used; the message has advice and no secret.
    """
    config = _load_mapping(text)
    context = _current_context(config)
    cluster = _find_entry(config, "clusters", "cluster", context.get("cluster"))
    user = _find_entry(config, "users", "user", context.get("user"))
    _check_usable(cluster, user)
    certificate = _decode_pem(user, "client-certificate-data", "CERTIFICATE")
    key = _decode_pem(user, "client-key-data", "PRIVATE KEY")
    token = _text_value(user, "token")
    if bool(certificate) != bool(key):
        _raise_unusable("client-certificate-data or client-key-data is missing", _FLATTEN_ADVICE)
    if not token and not certificate:
        _raise_unusable(
            "the user has neither a token nor a client certificate", _SERVICE_ACCOUNT_ADVICE
        )
    if any(char.isspace() or not char.isprintable() for char in token):
        _raise_unusable("the token has spaces or line breaks", "paste it unchanged")
    return Kubeconfig(
        server=_server_url(cluster),
        verify_tls=cluster.get("insecure-skip-tls-verify") is not True,
        ca_data=_ca_data(cluster),
        server_name=_text_value(cluster, "tls-server-name"),
        token=token,
        certificate=certificate,
        key=key,
    )


class _Loader(yaml.SafeLoader):
    """Loads YAML in time linear to the length of the text: no aliases, and numbers stay text.

    Nested aliases can expand to exponentially large values. An integer in base 60 takes quadratic
    time to parse.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = self._node_count = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:  # noqa: ANN401 - signature of the library
        """Compose a node.

        Raises:
            InvalidRequest: the node is an alias, or a limit is exceeded.
        """
        if self.check_event(yaml.AliasEvent):
            _raise_unusable("it has YAML aliases (*name)", _FLATTEN_ADVICE)
        self._node_count += 1
        if self._node_count > _MAX_NODES:
            _raise_unusable(f"it has more than {_MAX_NODES:,} values", _FLATTEN_ADVICE)
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            _raise_unusable(f"it is nested more than {_MAX_DEPTH} levels deep", _FLATTEN_ADVICE)
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node


@dataclass(frozen=True, slots=True)
class _PlainScalar:
    """An unparsed number or date: a kubeconfig needs none."""

    text: str

    def __str__(self) -> str:
        return self.text


def _construct_scalar(loader: yaml.SafeLoader, node: yaml.Node) -> _PlainScalar:
    return _PlainScalar(str(node.value))


for _tag in ("int", "float", "timestamp"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _construct_scalar)


def _load_mapping(text: str) -> ConfigSection:
    if len(text) > MAX_KUBECONFIG_LENGTH:
        _raise_unusable(f"it is longer than {MAX_KUBECONFIG_LENGTH:,} characters", _FLATTEN_ADVICE)
    try:
        document = yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    except InvalidRequest:
        raise
    except Exception:  # with an explicit tag, the library can raise any exception
        document = None
    if not isinstance(document, dict):
        _raise_unusable(
            "it is not a YAML or JSON mapping", f"{_FLATTEN_ADVICE}, and paste the whole output"
        )
    return document


def _current_context(config: ConfigSection) -> ConfigSection:
    contexts = [
        entry
        for entry in _section_entries(config, "contexts")
        if isinstance(entry.get("context"), dict)
    ]
    names = [str(entry.get("name")) for entry in contexts]
    current = str(config.get("current-context") or "")
    if not current and len(contexts) != 1:
        message = f"it has {pluralize(len(contexts), 'context')} and no current-context"
        _raise_unusable(message, "keep one; " + _FLATTEN_ADVICE)
    name = current or names[0]
    if name not in names:
        _raise_unusable(f"its current-context {name!r} is not among its contexts", _FLATTEN_ADVICE)
    context: ConfigSection = contexts[names.index(name)]["context"]
    return context


def _find_entry(config: ConfigSection, section: str, kind: str, name: object) -> ConfigSection:
    matches = [entry for entry in _section_entries(config, section) if entry.get("name") == name]
    if not matches or not isinstance(matches[0].get(kind), dict):
        label = f" {name!r}" if kind == "cluster" and isinstance(name, str) else ""
        _raise_unusable(f"the {kind}{label} of its context is missing", _FLATTEN_ADVICE)
    part: ConfigSection = matches[0][kind]
    return part


def _section_entries(config: ConfigSection, section: str) -> list[ConfigSection]:
    items = config.get(section)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _check_usable(cluster: ConfigSection, user: ConfigSection) -> None:
    for name in _PROGRAM_FIELDS:
        if name in user:
            _raise_unusable(
                f"its user has {name!r}, which would run a program on the worker",
                _SERVICE_ACCOUNT_ADVICE,
            )
    for name in _FILE_FIELDS:
        if user.get(name) or cluster.get(name):
            _raise_unusable(
                f"{name!r} refers to a file, which the worker does not have", _FLATTEN_ADVICE
            )
    if "username" in user or "password" in user:
        _raise_unusable(
            "its user has a password, which Kubernetes no longer supports", _SERVICE_ACCOUNT_ADVICE
        )
    if any(name in user for name in _IMPERSONATION_FIELDS):
        _raise_unusable("its user impersonates another user ('as')", _SERVICE_ACCOUNT_ADVICE)
    if "proxy-url" in cluster:
        _raise_unusable("its cluster has 'proxy-url', which is not supported", "remove it")


def _server_url(cluster: ConfigSection) -> str:
    text = _text_value(cluster, "server").rstrip("/")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if not host or parts.scheme not in {"http", "https"} or parts.query or parts.fragment:
        _raise_unusable(
            "its server is not a valid address", "use the form https://cluster.example.com:6443"
        )
    origin = f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{f':{port}' if port else ''}"
    if parts.username is not None or parts.password is not None:
        _raise_unusable(
            f"its server {origin} contains a user name or password", _SERVICE_ACCOUNT_ADVICE
        )
    if parts.scheme == "http" and host not in _LOOPBACK:
        _raise_unusable(
            f"its server {origin} is not https",
            "use an https address; a token must not be sent unencrypted",
        )
    return origin + parts.path


def _ca_data(cluster: ConfigSection) -> str:
    bundle = _decode_pem(cluster, "certificate-authority-data", "CERTIFICATE")
    if bundle:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=bundle)
        except (ssl.SSLError, ValueError):
            _raise_unusable("its certificate-authority-data is not valid", _FLATTEN_ADVICE)
    return bundle


def _decode_pem(part: ConfigSection, name: str, kind: str) -> str:
    encoded = _text_value(part, name)
    try:
        text = base64.b64decode("".join(encoded.split()), validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        text = "?"
    if encoded and (f"{kind}-----" not in text or "ENCRYPTED" in text):
        _raise_unusable(
            f"its {name} is not an unencrypted {kind.lower()} as base64-encoded PEM",
            _FLATTEN_ADVICE,
        )
    return text


def _text_value(part: ConfigSection, name: str) -> str:
    value = part.get(name) or ""
    if not isinstance(value, str):
        _raise_unusable(f"its {name} is not a string", _FLATTEN_ADVICE)
    return value.strip()


def _raise_unusable(error: str, advice: str) -> NoReturn:
    raise InvalidRequest(f"this kubeconfig cannot be used: {error}. What to do: {advice}.")
