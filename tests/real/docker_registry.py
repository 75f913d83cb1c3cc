"""Debian's real docker-registry, started for a test and stopped after it."""

import hashlib
import json
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import yaml

from tests.real.skip import program

START_SECONDS = 15.0
STOP_SECONDS = 5.0
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_IMAGE = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
FOREIGN_HOST = "https://foreign.test/"
"""Foreign layers may be there."""

_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"

BasicLogin = tuple[str, str] | None


@contextmanager
def running_docker_registry(
    *,
    users: Mapping[str, str] | None = None,
    cert: tuple[Path, Path] | None = None,
    client_ca: Path | None = None,
    filesystem: bool = False,
    page_limit: int | None = None,
    home: Path | None = None,
    address: tuple[str, int] | None = None,
) -> Iterator[str]:
    """Run one on a loopback port; yields its base URL, without a trailing slash.

    `users` are let in by htpasswd, otherwise everybody is; `cert` is a certificate and a key
    file, for https; clients need a certificate of `client_ca`; `page_limit` is
    `catalog.maxentries`; `home` is a folder for its files, with `filesystem` in `home/data`;
    `address` is another loopback address and its port.
    """
    binary = program("docker-registry", "apt-get install docker-registry")
    with tempfile.TemporaryDirectory(prefix="docker-registry-") as folder:
        home, (host, port) = home or Path(folder), address or ("127.0.0.1", free_port())
        config = _config(home, f"{host}:{port}", users, cert, client_ca, filesystem, page_limit)
        (home / "config.yml").write_text(yaml.safe_dump(config))
        url = f"{'https' if cert else 'http'}://{host}:{port}"
        with (home / "log").open("wb") as log:
            command = [binary, "serve", str(home / "config.yml")]
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=home)
            try:
                wait_until_answering(url, process, home / "log")
                yield url
            finally:
                stop(process)


def push(url: str, repository: str, tag: str, auth: BasicLogin = None) -> str:
    """Push a tiny real image (config, one layer, manifest); returns the manifest's digest."""
    layers = [f"layer of {repository}:{tag}".encode()]
    return push_image(url, repository, tag, layers, config=b"{}", auth=auth)


def push_image(
    url: str,
    repository: str,
    tag: str,
    layers: Iterable[bytes],
    *,
    config: bytes,
    media_type: str = MANIFEST,
    foreign: Iterable[Mapping[str, object]] = (),
    auth: BasicLogin = None,
) -> str:
    """Push an image with these layers, and descriptors of foreign ones; returns its digest."""
    with httpx.Client(base_url=url, auth=auth) as client:
        manifest = {
            "schemaVersion": 2,
            "mediaType": media_type,
            "config": _push_blob(client, repository, _CONFIG, config),
            "layers": [
                *(_push_blob(client, repository, _LAYER, layer) for layer in layers),
                *foreign,
            ],
        }
        return _put_manifest(client, repository, tag, manifest)


def push_index(
    url: str, repository: str, tag: str, digests: Iterable[str], media_type: str = INDEX
) -> str:
    """Push an index of manifests that the repository has; returns its digest."""
    accept = {"Accept": f"{MANIFEST}, {OCI_IMAGE}, {INDEX}, {OCI_INDEX}"}
    with httpx.Client(base_url=url) as client:
        manifests = []
        for number, digest in enumerate(digests):
            manifest = client.get(f"/v2/{repository}/manifests/{digest}", headers=accept)
            kind, size = manifest.headers["Content-Type"], len(manifest.content)
            platform = {"architecture": f"a{number}"}
            entry = {"mediaType": kind, "size": size, "digest": digest, "platform": platform}
            manifests.append(entry)
        index = {"schemaVersion": 2, "mediaType": media_type, "manifests": manifests}
        return _put_manifest(client, repository, tag, index)


def _put_manifest(
    client: httpx.Client, repository: str, tag: str, manifest: Mapping[str, object]
) -> str:
    response = client.put(
        f"/v2/{repository}/manifests/{tag}",
        content=json.dumps(manifest),
        headers={"Content-Type": str(manifest["mediaType"])},
    )
    digest: str = response.raise_for_status().headers["Docker-Content-Digest"]
    return digest


def delete_manifest(url: str, repository: str, digest: str, auth: BasicLogin = None) -> None:
    """Delete a manifest and its tags; the repository stays listed."""
    httpx.delete(f"{url}/v2/{repository}/manifests/{digest}", auth=auth).raise_for_status()


def _push_blob(
    client: httpx.Client, repository: str, media_type: str, content: bytes
) -> dict[str, object]:
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    upload = client.post(f"/v2/{repository}/blobs/uploads/").raise_for_status()
    location = httpx.URL(upload.headers["Location"]).copy_merge_params({"digest": digest})
    client.put(location, content=content).raise_for_status()
    return {"mediaType": media_type, "size": len(content), "digest": digest}


def _config(
    home: Path,
    address: str,
    users: Mapping[str, str] | None,
    cert: tuple[Path, Path] | None,
    client_ca: Path | None,
    filesystem: bool,
    page_limit: int | None,
) -> dict[str, object]:
    http: dict[str, object] = {"addr": address}
    if cert is not None:
        client_cas = {"clientcas": [str(client_ca)]} if client_ca else {}
        http["tls"] = {"certificate": str(cert[0]), "key": str(cert[1]), **client_cas}
    storage = (
        {"filesystem": {"rootdirectory": str(home / "data")}} if filesystem else {"inmemory": {}}
    )
    config: dict[str, object] = {
        "version": 0.1,
        "log": {"level": "warn"},
        "storage": {**storage, "delete": {"enabled": True}},
        "http": http,
        "validation": {"manifests": {"urls": {"allow": [f"^{FOREIGN_HOST}"]}}},
    }
    if users is not None:
        passwords = home / "htpasswd"
        passwords.write_text("".join(_htpasswd(*user) for user in users.items()))
        config["auth"] = {"htpasswd": {"realm": "basic-realm", "path": str(passwords)}}
    if page_limit is not None:
        config["catalog"] = {"maxentries": page_limit}
    return config


def _htpasswd(user: str, password: str) -> str:
    # bcrypt is the only format docker-registry reads; -C 4 keeps each request's check cheap.
    command = program("htpasswd", "apt-get install apache2-utils")
    options = [command, "-n", "-B", "-C", "4", "-i", user]
    result = subprocess.run(options, input=password, capture_output=True, text=True, check=True)
    return result.stdout.strip() + "\n"


def free_port() -> int:
    """A port of the loopback that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def wait_until_answering(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a started server answers, whatever it says."""
    deadline = time.monotonic() + START_SECONDS
    with httpx.Client(verify=False, timeout=1) as client:
        while time.monotonic() < deadline and process.poll() is None:
            try:
                client.get(f"{url}/v2/")
            except httpx.ReadError:
                return  # it requires a client certificate
            except httpx.TransportError:
                time.sleep(0.02)
            else:
                return
    raise RuntimeError(f"no server answers at {url}: {log.read_text()[-2000:]}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a started server."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
