"""Several Docker Registries, each with its own way to connect and to log in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from pydantic import SecretStr

from models.core.availability import Complete
from models.core.errors import RemoteError
from models.registries.condition import CheckResult, ConditionStatus, ConditionType
from models.registries.health import checks_from_error, first_failure
from models.registries.observation import Snapshot
from models.registries.registry import SYSTEM_CA, CustomCA, Kind, Registry
from tasks.http.connection.client_certificate import ClientCertificate
from tasks.http.limits import ClientLimits
from tasks.registries.docker import open_docker_registry
from tasks.registries.handshake import check_connection
from tasks.registries.protocol import ClientOptions, Credential, ImageReader

_ENTRY_PATTERN = re.compile(r"([a-z][a-z0-9_]*)=(https?://\S+)")


@dataclass(frozen=True)
class MatrixEntry:
    """One registry of the matrix."""

    name: str
    registry: Registry
    credential: Credential | None
    certificate: ClientCertificate | None = None


@dataclass(frozen=True)
class MatrixResult:
    """What became of one registry; `error` is empty if everything is as it should be."""

    name: str
    seconds: float = 0.0
    spaces: str = ""
    wrong_password: str = ""
    images: str = ""
    error: str = ""

    @property
    def line(self) -> str:
        """The result as one line."""
        texts = [self.spaces, self.wrong_password, self.images, f"{self.seconds:.2f} s"]
        return f"{self.name:12} " + (self.error or ", ".join(text for text in texts if text))


def parse_matrix(variables: Mapping[str, str]) -> tuple[MatrixEntry, ...]:
    """Return the registries of `DOCKER_REGISTRY_URLS`; see README.md.

    Raises:
        ValueError: a part is not `name=URL`.
    """
    parts = variables.get("DOCKER_REGISTRY_URLS", "").split()
    matches = [_ENTRY_PATTERN.fullmatch(part) for part in parts]
    if wrong := [part for part, match in zip(parts, matches, strict=True) if match is None]:
        # Not quoted: it may contain a password.
        raise ValueError(f"{len(wrong)} parts of DOCKER_REGISTRY_URLS are not name=http(s)://host")
    return tuple(_entry(match[1], match[2], variables) for match in matches if match)


def _entry(name: str, url: str, variables: Mapping[str, str]) -> MatrixEntry:
    prefix = f"DOCKER_REGISTRY_{name.upper()}"

    def value(field: str) -> str:
        return variables.get(f"{prefix}_{field}", "")

    ca_file = value("CA_FILE") or variables.get("LIVE_CA_FILE", "")
    user, certificate_file = value("USERNAME"), value("CLIENT_CERTIFICATE_FILE")
    registry = Registry(
        name=name.replace("_", "-"),
        kind=Kind.DOCKER,
        address=url,
        tls=CustomCA(bundle=Path(ca_file).read_text()) if ca_file else SYSTEM_CA,
        token_service=value("TOKEN_SERVICE") or None,
    )
    certificate = (
        ClientCertificate(
            Path(certificate_file).read_text(),
            SecretStr(Path(value("CLIENT_KEY_FILE")).read_text()),
        )
        if certificate_file
        else None
    )
    credential = Credential(user, SecretStr(value("PASSWORD"))) if user else None
    return MatrixEntry(name, registry, credential, certificate)


async def try_registry(entry: MatrixEntry) -> MatrixResult:
    """Probe a registry, observe it, try a wrong password, and read an image; change nothing."""
    if failure := first_failure(await _probe(entry, entry.credential)):
        return MatrixResult(entry.name, error=f"{failure.step}: {failure.reason} {failure.message}")
    options = ClientOptions(entry.credential, ClientLimits(), client_certificate=entry.certificate)
    try:
        async with open_docker_registry(entry.registry, options) as client:
            snapshot = await client.observe()
            is_listed = isinstance(snapshot.spaces, Complete)
            if not (is_listed or snapshot.has_no_catalog):
                return MatrixResult(entry.name, error=f"spaces: {snapshot.spaces}")
            images = await _read_image(await client.open_images()) if is_listed else ""
    except RemoteError as error:
        return MatrixResult(entry.name, error=str(error))
    spaces = _space_count(snapshot)
    wrong_password = await _try_wrong_password(entry)
    if wrong_password not in ("", "wrong password refused"):
        return MatrixResult(entry.name, error=wrong_password)
    return MatrixResult(entry.name, snapshot.seconds, spaces, wrong_password, images)


async def _probe(entry: MatrixEntry, credential: Credential | None) -> tuple[CheckResult, ...]:
    checks = await check_connection(entry.registry, 10, entry.certificate)
    if first_failure(checks):
        return checks
    options = ClientOptions(credential, ClientLimits(), client_certificate=entry.certificate)
    try:
        async with open_docker_registry(entry.registry, options) as client:
            return *checks, *await client.probe()
    except RemoteError as error:
        return *checks, *checks_from_error(error)


def _space_count(snapshot: Snapshot) -> str:
    if not isinstance(snapshot.spaces, Complete):
        return "no catalog"
    return f"{len(snapshot.spaces.items)} spaces"


async def _read_image(reader: ImageReader) -> str:
    names = sorted((await reader.list_repositories()).names)
    for name in names[:10]:
        for tag in sorted(await reader.list_tags(name))[:1]:
            digest = await reader.read_digest(name, tag)
            if digest is not None:
                size = len(await reader.read_manifest(name, digest))
                return f"{len(names)} repositories, manifest of {name}:{tag} has {size} bytes"
    return f"{len(names)} repositories, no tag"


async def _try_wrong_password(entry: MatrixEntry) -> str:
    if entry.credential is None:
        return ""
    # A user that does not exist: no account is locked.
    stranger = Credential(f"ri-live-{uuid4().hex[:8]}", SecretStr(uuid4().hex))
    for check in await _probe(entry, stranger):
        if check.type is ConditionType.AUTHENTICATED:
            if check.status is ConditionStatus.FALSE:
                return "wrong password refused"
            return f"a user that does not exist: {check.reason} {check.message}"
    return "a user that does not exist: no result"
