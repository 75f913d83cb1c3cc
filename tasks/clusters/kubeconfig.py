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

from models.core.errors import InputRefused

LONGEST = 200_000
"""Characters of a kubeconfig; what is longer is no kubeconfig of one cluster."""

_DEEPEST, _MOST = 20, 5_000
"""Levels and values of one; a real one has 6 levels."""

Part = Mapping[str, Any]

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_FLATTEN = "run: kubectl config view --flatten --minify --raw -o json"
_ACCOUNT = "make a ServiceAccount and use its token; see the README"
_PROGRAMS = ("exec", "auth-provider")
_FILES = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
_ACTING_AS = ("as", "as-uid", "as-groups", "as-user-extra")


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """How to reach one cluster as one user; whatever is secret stays out of its `repr`.

    Attributes:
        server: the API's address, without a trailing slash.
        verified: whether the server's certificate is verified.
        authority: PEM text of whom to trust; empty for the authorities this machine trusts.
        server_name: the name the certificate is for, if it is not the address's.
        token, certificate, key: what proves who we are; certificate and key are PEM text.
    """

    server: str
    verified: bool = True
    authority: str = field(default="", repr=False)
    server_name: str = ""
    token: str = field(default="", repr=False)
    certificate: str = field(default="", repr=False)
    key: str = field(default="", repr=False)


def read_kubeconfig(text: str) -> Kubeconfig:
    """Read a kubeconfig's one usable context.

    Raises:
        InputRefused: it cannot be used; the text says what to do, and repeats no secret.
    """
    config = _mapping(text)
    context = _context(config)
    cluster = _named(config, "clusters", "cluster", context.get("cluster"))
    user = _named(config, "users", "user", context.get("user"))
    _refuse_unusable(cluster, user)
    certificate = _pem(user, "client-certificate-data", "CERTIFICATE")
    key = _pem(user, "client-key-data", "PRIVATE KEY")
    token = _text(user, "token")
    if bool(certificate) != bool(key):
        _refuse("of client-certificate-data and client-key-data one is missing", _FLATTEN)
    if not token and not certificate:
        _refuse("the user has neither a token nor a client certificate", _ACCOUNT)
    if any(sign.isspace() or not sign.isprintable() for sign in token):
        _refuse("the token has blanks or line breaks in it", "paste it unchanged")
    return Kubeconfig(
        server=_server(cluster),
        verified=cluster.get("insecure-skip-tls-verify") is not True,
        authority=_authority(cluster),
        server_name=_text(cluster, "tls-server-name"),
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
        self._depth = self._values = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:  # noqa: ANN401 - as the library has it
        """Compose a value, or refuse it."""
        if self.check_event(yaml.AliasEvent):
            _refuse("it has YAML aliases (*name)", _FLATTEN)
        self._values += 1
        if self._values > _MOST:
            _refuse(f"it has more than {_MOST:,} values", _FLATTEN)
        self._depth += 1
        if self._depth > _DEEPEST:
            _refuse(f"it is nested more than {_DEEPEST} levels deep", _FLATTEN)
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node


@dataclass(frozen=True, slots=True)
class _NoText:
    """A number or a date, as it is written: none is of use here."""

    written: str

    def __str__(self) -> str:
        return self.written


def _no_text(loader: yaml.SafeLoader, node: yaml.Node) -> _NoText:
    return _NoText(str(node.value))


for _tag in ("int", "float", "timestamp"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _no_text)


def _mapping(text: str) -> Part:
    if len(text) > LONGEST:
        _refuse(f"it is longer than {LONGEST:,} characters", _FLATTEN)
    try:
        found = yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    except InputRefused:
        raise
    except Exception:  # an explicit tag makes the library raise whatever its conversion raises
        found = None
    if not isinstance(found, dict):
        _refuse("it is no YAML or JSON mapping", f"{_FLATTEN}, and paste all it prints")
    return found


def _context(config: Part) -> Part:
    """Take the current context, or the only one."""
    contexts = [one for one in _items(config, "contexts") if isinstance(one.get("context"), dict)]
    names = [str(one.get("name")) for one in contexts]
    current = str(config.get("current-context") or "")
    if not current and len(contexts) != 1:
        said = f"it has {len(contexts)} contexts and names none of them as current-context"
        _refuse(said, "keep one; " + _FLATTEN)
    chosen = current or names[0]
    if chosen not in names:
        _refuse(f"its current-context {chosen!r} is not among its contexts", _FLATTEN)
    found: Part = contexts[names.index(chosen)]["context"]
    return found


def _named(config: Part, section: str, kind: str, name: object) -> Part:
    """Find a cluster or a user by its name."""
    named = [one for one in _items(config, section) if one.get("name") == name]
    if not named or not isinstance(named[0].get(kind), dict):
        shown = f" {name!r}" if kind == "cluster" and isinstance(name, str) else ""
        _refuse(f"the {kind}{shown} that its context names is not in it", _FLATTEN)
    found: Part = named[0][kind]
    return found


def _items(config: Part, section: str) -> list[Part]:
    listed = config.get(section)
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _refuse_unusable(cluster: Part, user: Part) -> None:
    for name in _PROGRAMS:
        if name in user:
            _refuse(f"its user has {name!r}, which would run a program on the worker", _ACCOUNT)
    for name in _FILES:
        if user.get(name) or cluster.get(name):
            _refuse(f"{name!r} names a file, which the worker does not have", _FLATTEN)
    if "username" in user or "password" in user:
        _refuse("its user has a password, which Kubernetes accepts no more", _ACCOUNT)
    if any(name in user for name in _ACTING_AS):
        _refuse("its user acts as somebody else ('as')", _ACCOUNT)
    if "proxy-url" in cluster:
        _refuse("its cluster is behind 'proxy-url', and proxies are not used", "remove it")


def _server(cluster: Part) -> str:
    text = _text(cluster, "server").rstrip("/")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if not host or parts.scheme not in {"http", "https"} or parts.query or parts.fragment:
        _refuse("its server is no address", "it looks like https://cluster.example.com:6443")
    shown = f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{f':{port}' if port else ''}"
    if parts.username is not None or parts.password is not None:
        _refuse(f"its server {shown} carries a user name or password", _ACCOUNT)
    if parts.scheme == "http" and host not in _LOOPBACK:
        _refuse(f"its server {shown} is not https", "a token must not be sent in the clear")
    return shown + parts.path


def _authority(cluster: Part) -> str:
    bundle = _pem(cluster, "certificate-authority-data", "CERTIFICATE")
    if bundle:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=bundle)
        except (ssl.SSLError, ValueError):
            _refuse("its certificate-authority-data cannot be read", _FLATTEN)
    return bundle


def _pem(part: Part, name: str, kind: str) -> str:
    """Decode base64 of PEM text."""
    encoded = _text(part, name)
    try:
        text = base64.b64decode("".join(encoded.split()), validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        text = "?"
    if encoded and (f"{kind}-----" not in text or "ENCRYPTED" in text):
        _refuse(f"its {name} is no base64 of an unencrypted {kind.lower()} (PEM)", _FLATTEN)
    return text


def _text(part: Part, name: str) -> str:
    value = part.get(name) or ""
    if not isinstance(value, str):
        _refuse(f"its {name} is no text", _FLATTEN)
    return value.strip()


def _refuse(what: str, advice: str) -> NoReturn:
    raise InputRefused(f"this kubeconfig cannot be used: {what}. What to do: {advice}.")
