"""Kubeconfig files: what of them this service can use, and what to do about the rest.

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

MAX_KUBECONFIG_LENGTH = 200_000
"""Characters of a kubeconfig; what is longer is no kubeconfig of one cluster."""

_MAX_DEPTH, _MAX_NODES = 20, 5_000
"""Levels and values of one; a real one has 6 levels."""

ConfigSection = Mapping[str, Any]

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_FLATTEN_ADVICE = "run: kubectl config view --flatten --minify --raw -o json"
_SERVICE_ACCOUNT_ADVICE = "make a ServiceAccount and use its token; see the README"
_PROGRAM_FIELDS = ("exec", "auth-provider")
_FILE_FIELDS = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
_IMPERSONATION_FIELDS = ("as", "as-uid", "as-groups", "as-user-extra")


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """How to reach one cluster as one user; whatever is secret stays out of its `repr`.

    Attributes:
        server: the API's address, without a trailing slash.
        verify_tls: whether the server's certificate is verified.
        ca_data: PEM text of whom to trust; empty for the authorities this machine trusts.
        server_name: the name the certificate is for, if it is not the address's.
        token, certificate, key: what proves who we are; certificate and key are PEM text.
    """

    server: str
    verify_tls: bool = True
    ca_data: str = field(default="", repr=False)
    server_name: str = ""
    token: str = field(default="", repr=False)
    certificate: str = field(default="", repr=False)
    key: str = field(default="", repr=False)


def parse_kubeconfig(text: str) -> Kubeconfig:
    """Read a kubeconfig's one usable context.

    Raises:
        InputRefused: it cannot be used; the text says what to do, and repeats no secret.
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
        _raise_unusable(
            "of client-certificate-data and client-key-data one is missing", _FLATTEN_ADVICE
        )
    if not token and not certificate:
        _raise_unusable(
            "the user has neither a token nor a client certificate", _SERVICE_ACCOUNT_ADVICE
        )
    if any(sign.isspace() or not sign.isprintable() for sign in token):
        _raise_unusable("the token has blanks or line breaks in it", "paste it unchanged")
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
    """Loads YAML of which all is written out, in time that grows with its length alone.

    An alias may stand for text of any length, and once more for each that holds it; a whole number
    may be written to base 60, which takes the square of its length to read.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = self._node_count = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:  # noqa: ANN401 - as the library has it
        """Compose a value, or refuse it."""
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
    """A number or a date, as it is written: none is of use here."""

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
    except Exception:  # an explicit tag makes the library raise whatever its conversion raises
        document = None
    if not isinstance(document, dict):
        _raise_unusable(
            "it is no YAML or JSON mapping", f"{_FLATTEN_ADVICE}, and paste all it prints"
        )
    return document


def _current_context(config: ConfigSection) -> ConfigSection:
    """Take the current context, or the only one."""
    contexts = [
        entry
        for entry in _section_entries(config, "contexts")
        if isinstance(entry.get("context"), dict)
    ]
    names = [str(entry.get("name")) for entry in contexts]
    current = str(config.get("current-context") or "")
    if not current and len(contexts) != 1:
        message = f"it has {len(contexts)} contexts and names none of them as current-context"
        _raise_unusable(message, "keep one; " + _FLATTEN_ADVICE)
    name = current or names[0]
    if name not in names:
        _raise_unusable(f"its current-context {name!r} is not among its contexts", _FLATTEN_ADVICE)
    context: ConfigSection = contexts[names.index(name)]["context"]
    return context


def _find_entry(config: ConfigSection, section: str, kind: str, name: object) -> ConfigSection:
    """Find a cluster or a user by its name."""
    matches = [entry for entry in _section_entries(config, section) if entry.get("name") == name]
    if not matches or not isinstance(matches[0].get(kind), dict):
        label = f" {name!r}" if kind == "cluster" and isinstance(name, str) else ""
        _raise_unusable(f"the {kind}{label} that its context names is not in it", _FLATTEN_ADVICE)
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
                f"{name!r} names a file, which the worker does not have", _FLATTEN_ADVICE
            )
    if "username" in user or "password" in user:
        _raise_unusable(
            "its user has a password, which Kubernetes accepts no more", _SERVICE_ACCOUNT_ADVICE
        )
    if any(name in user for name in _IMPERSONATION_FIELDS):
        _raise_unusable("its user acts as somebody else ('as')", _SERVICE_ACCOUNT_ADVICE)
    if "proxy-url" in cluster:
        _raise_unusable("its cluster is behind 'proxy-url', and proxies are not used", "remove it")


def _server_url(cluster: ConfigSection) -> str:
    text = _text_value(cluster, "server").rstrip("/")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if not host or parts.scheme not in {"http", "https"} or parts.query or parts.fragment:
        _raise_unusable(
            "its server is no address", "it looks like https://cluster.example.com:6443"
        )
    origin = f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{f':{port}' if port else ''}"
    if parts.username is not None or parts.password is not None:
        _raise_unusable(
            f"its server {origin} carries a user name or password", _SERVICE_ACCOUNT_ADVICE
        )
    if parts.scheme == "http" and host not in _LOOPBACK:
        _raise_unusable(
            f"its server {origin} is not https", "a token must not be sent in the clear"
        )
    return origin + parts.path


def _ca_data(cluster: ConfigSection) -> str:
    bundle = _decode_pem(cluster, "certificate-authority-data", "CERTIFICATE")
    if bundle:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=bundle)
        except (ssl.SSLError, ValueError):
            _raise_unusable("its certificate-authority-data cannot be read", _FLATTEN_ADVICE)
    return bundle


def _decode_pem(part: ConfigSection, name: str, kind: str) -> str:
    """Decode base64 of PEM text."""
    encoded = _text_value(part, name)
    try:
        text = base64.b64decode("".join(encoded.split()), validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        text = "?"
    if encoded and (f"{kind}-----" not in text or "ENCRYPTED" in text):
        _raise_unusable(
            f"its {name} is no base64 of an unencrypted {kind.lower()} (PEM)", _FLATTEN_ADVICE
        )
    return text


def _text_value(part: ConfigSection, name: str) -> str:
    value = part.get(name) or ""
    if not isinstance(value, str):
        _raise_unusable(f"its {name} is no text", _FLATTEN_ADVICE)
    return value.strip()


def _raise_unusable(error: str, advice: str) -> NoReturn:
    raise InvalidRequest(f"this kubeconfig cannot be used: {error}. What to do: {advice}.")
